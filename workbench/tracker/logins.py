"""Who a token belongs to on GitHub: asked once in the background, kept in a file, and looked up where a person decides.

A decision is a keystroke, which no network may hold up: what is not known yet is left out of its record.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

from workbench.bugs.persons import Account, os_user
from workbench.config import Config
from workbench.errors import ConfigurationError
from workbench.tracker.failures import Failure
from workbench.tracker.settings import GitHubSettings, github_settings

FILE = "github-logins.json"
MOST = 20  # tokens; the last ones stay
_AGAIN_AFTER = timedelta(minutes=10)
# An app's token acts as "name[bot]".
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98})(?:\[bot\])?")


@runtime_checkable
class Client(Protocol):
    """Whoever knows the token's owner."""

    def login(self) -> str:
        """Return the name that the token acts as, or "" where it may not ask."""
        ...


def known(config: Config, environ: Mapping[str, str] | None = None) -> str:
    """Return the login of the token that is set up now, or "" where none is or nobody has asked yet. No network."""
    try:
        settings = github_settings(config, environ)
    except ConfigurationError:
        return ""
    return _read(config.state_dir / FILE).get(_key(settings), "") if settings else ""


def account(config: Config) -> Account:
    """Return who is at the keyboard, to the system and to GitHub."""
    return Account(os_user(), known(config))


class Logins:
    """Learns the login of each token that a worker works with. One thread at a time may use it."""

    def __init__(self, config: Config) -> None:
        self._file = config.state_dir / FILE
        self._asked: str | None = None
        self._next = datetime.min.replace(tzinfo=UTC)

    def learn(self, settings: GitHubSettings | None, connect: Callable[[], object], *, now: datetime) -> None:
        """Ask for the login of the token and keep it, once; after a failure again a while later. Raises nothing."""
        if settings is None:
            return
        key = _key(settings)
        if key == self._asked or now < self._next:
            return
        found = _read(self._file)
        if key not in found:
            client = connect()
            if not isinstance(client, Client):
                return
            try:
                login = client.login()
            except Failure:
                self._next = now + _AGAIN_AFTER
                return
            # GitHub's answer, or whoever answers at its address: a name, or it is nobody's.
            _write(self._file, {**found, key: login if _LOGIN.fullmatch(login) else ""})
        self._asked = key


def _key(settings: GitHubSettings) -> str:
    """Return what stands for a token in the file, which holds no token."""
    return hashlib.sha256(f"{settings.base_url}\0{settings.token}".encode()).hexdigest()[:32]


def _read(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(key): login for key, login in found.items() if isinstance(login, str)}


def _write(file: Path, logins: Mapping[str, str]) -> None:
    kept = dict(list(logins.items())[-MOST:])
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(OSError):  # a name that cannot be kept is asked for again the next time
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_text(json.dumps(kept), encoding="utf-8")
        beside.replace(file)
