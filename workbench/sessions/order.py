"""What a runner is told on its standard input, so that no secret of it stands in a file, an argument or a variable."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.config import Config, Value
from workbench.sessions.options import AgentOptions

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


@dataclass(frozen=True)
class First:
    """The agent to start at once, before its session is looked at, and the rehearsal that answers it, if it is one.

    Its `prompt` is all that it is told; its tools wait for the guard.
    """

    agent: AgentOptions
    prompt: str
    scenario: str = ""
    python: str = ""


@dataclass(frozen=True)
class Order:
    """The database to write to, the configuration, and the agent where nothing has to be made ready before it."""

    database_url: str
    config: Config
    first: First | None = None

    @classmethod
    def of(cls, config: Config, engine: Engine, first: First | None = None) -> Order:
        """Return the order for a runner on the database that `engine` is connected to."""
        return cls(engine.url.render_as_string(hide_password=False), config, first)

    def encode(self) -> bytes:
        """Return the order as JSON."""
        plain = {
            "database_url": self.database_url,
            "repo": str(self.config.repo),
            "state_dir": str(self.config.state_dir),
            "folder": self.config.folder,
            "values": {key: [value.value, value.source] for key, value in self.config.values.items()},
            "first": self.first and {**vars(self.first), "agent": self.first.agent.as_dict()},
        }
        return json.dumps(plain).encode()

    @classmethod
    def decode(cls, text: bytes) -> Order:
        """Return the order that `encode` wrote."""
        plain = json.loads(text)
        values = {key: Value(*pair) for key, pair in plain["values"].items()}
        given = plain["first"]
        first = First(**{**given, "agent": AgentOptions.of(given["agent"])}) if given else None
        config = Config(Path(plain["repo"]), Path(plain["state_dir"]), values, folder=plain["folder"])
        return cls(plain["database_url"], config, first)
