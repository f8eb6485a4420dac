"""What a runner is told on its standard input, so that no secret of it stands in a file, an argument or a variable."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Engine

from workbench.config import Config, Value


@dataclass(frozen=True)
class Order:
    """The database to write to, and the configuration."""

    database_url: str
    config: Config

    @classmethod
    def of(cls, config: Config, engine: Engine) -> Order:
        """Return the order for a runner on the database that `engine` is connected to."""
        return cls(engine.url.render_as_string(hide_password=False), config)

    def encode(self) -> bytes:
        """Return the order as JSON."""
        plain = {
            "database_url": self.database_url,
            "repo": str(self.config.repo),
            "state_dir": str(self.config.state_dir),
            "values": {key: [value.value, value.source] for key, value in self.config.values.items()},
        }
        return json.dumps(plain).encode()

    @classmethod
    def decode(cls, text: bytes) -> Order:
        """Return the order that `encode` wrote."""
        plain = json.loads(text)
        values = {key: Value(*pair) for key, pair in plain["values"].items()}
        return cls(plain["database_url"], Config(Path(plain["repo"]), Path(plain["state_dir"]), values))
