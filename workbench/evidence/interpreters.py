"""What an interpreter brings along: where it imports from, and which packages in which versions."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

# An editable install adds folders to the path, or a finder with a map of packages.
_PROBE = """
import importlib.metadata, json, os, sys
found = [path for path in sys.path if path]
for finder in sys.meta_path:
    mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", None)
    if isinstance(mapping, dict):
        found += [os.path.dirname(str(path)) for path in mapping.values()]
names = sorted("%s %s" % (one.metadata["Name"], one.version) for one in importlib.metadata.distributions())
json.dump({"path": found, "packages": names, "python": sys.version, "prefix": sys.prefix}, sys.stdout)
"""
_SECONDS = 30


@dataclass(frozen=True)
class Interpreter:
    """One interpreter: the folders that it imports from, and a digest of all that it is made of."""

    path: tuple[str, ...] = ()
    fingerprint: str = ""

    @classmethod
    def of(cls, python: str) -> Interpreter:
        """Return what an interpreter says of itself; nothing where it cannot be asked."""
        try:
            changed = Path(python).stat().st_mtime_ns
        except OSError:
            return cls()
        return _asked(python, changed)

    def folders_of(self, repository: Path) -> list[Path]:
        """Return the folders below a repository that it imports from, relative to the repository."""
        root = repository.resolve()
        found = [Path(path).resolve() for path in self.path]
        inside = [path.relative_to(root) for path in found if path.is_relative_to(root) and path != root]
        return [path for path in inside if "site-packages" not in path.parts and not path.name.endswith(".zip")]


@functools.lru_cache(maxsize=8)
def _asked(python: str, _changed: int) -> Interpreter:
    try:
        done = subprocess.run(
            [python, "-c", _PROBE], capture_output=True, timeout=_SECONDS, cwd="/", env={"PYTHONNOUSERSITE": "1"}
        )
        told = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return Interpreter()
    made_of = json.dumps([told["python"], told["prefix"], told["packages"]])
    return Interpreter(tuple(told["path"]), hashlib.sha256(made_of.encode()).hexdigest())
