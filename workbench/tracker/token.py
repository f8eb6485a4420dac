"""Where the GitHub token comes from: the environment, `gh`'s own login, or the system's keyring. It is kept nowhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from workbench.errors import ConfigurationError

VARIABLES = ("GITHUB_TOKEN", "GH_TOKEN")
KEYRING_SERVICE = "bug-workbench"

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SECONDS = 10


@dataclass(frozen=True)
class Token:
    """A token (never shown) and where it was found."""

    secret: str = field(repr=False)
    source: str


def find(base_url: str, environ: Mapping[str, str] | None = None) -> Token | None:
    """Return the token for the API at `base_url`, or None where nobody has one.

    The environment decides first. A login of `gh` or the keyring is asked only for the host that it belongs to, and
    never for a stand-in on this machine: what a person logged in to GitHub with must not go anywhere else. Raises
    `ConfigurationError` for a token with characters that no token has.
    """
    environ = os.environ if environ is None else environ
    for name in VARIABLES:
        if secret := environ.get(name, "").strip():
            return _sound(Token(secret, name))
    host = web_host(base_url)
    if host in _LOOPBACK:
        return None
    minute = int(time.monotonic() // 60)
    found = _of_gh(host, environ.get("PATH", ""), minute)
    if found is None and (secret := of_keyring(host)):
        found = Token(secret, f"the keyring ({KEYRING_SERVICE}, {host})")
    return _sound(found) if found else None


def web_host(base_url: str) -> str:
    """Return the host that people log in to: github.com for api.github.com, the same one for Enterprise Server."""
    return (urlsplit(base_url).hostname or "").removeprefix("api.")


def _sound(token: Token) -> Token:
    if not token.secret.isascii() or not token.secret.isprintable() or " " in token.secret:
        raise ConfigurationError(
            f"{token.source} holds characters that no token has.",
            cure="Copy the token again, without quotes or spaces.",
        )
    return token


# Once a minute: the worker asks before each round, and to ask starts a program or wakes a service.
@lru_cache(maxsize=4)
def _of_gh(host: str, path: str, _minute: int) -> Token | None:
    gh = shutil.which("gh", path=path)
    if gh is None:
        return None
    try:
        told = subprocess.run(
            [gh, "auth", "token", "--hostname", host], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    secret = told.stdout.strip()
    return Token(secret, f"gh's login to {host}") if told.returncode == 0 and secret else None


@lru_cache(maxsize=4)
def _asked_keyring(name: str, _minute: int) -> str:
    try:
        import keyring  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return ""
    try:
        return (keyring.get_password(KEYRING_SERVICE, name) or "").strip()
    except Exception:  # noqa: BLE001  (each back end has its own: locked, no session, no back end at all)
        return ""


def of_keyring(name: str) -> str:
    """Return what the system's keyring holds for us under a name, or nothing. It is asked once a minute."""
    return _asked_keyring(name, int(time.monotonic() // 60))
