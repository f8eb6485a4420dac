"""Whether and how GitHub is used: the settings of `[tool.workbench]`, and the token that belongs to them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from workbench.config import Config
from workbench.errors import ConfigurationError
from workbench.tracker import app, token
from workbench.tracker.routing import Rule, is_full_name, read_rules

_BOUNDS = {"github.poll_seconds": 86_400, "github.status_minutes": 10_080, "github.hourly_writes": 1_000_000}


@dataclass(frozen=True)
class GitHubSettings:
    """The repository that gets the issues, the API it is reached by, and the token (never shown) or the App.

    `poll_every` and `status_every` are zero where that is switched off, and so is `hourly_writes` without a limit.
    """

    repository: str
    base_url: str
    token: str = field(repr=False)
    token_source: str = field(default="", compare=False)  # the variable, gh, the keyring, or the App
    app: app.App | None = None
    ca_file: str = ""
    rules: tuple[Rule, ...] = ()
    poll_every: timedelta = timedelta()
    status_every: timedelta = timedelta()
    hourly_writes: int = 0
    adopts: bool = False

    @property
    def repositories(self) -> tuple[str, ...]:
        """All repositories that get issues, each once."""
        return tuple(dict.fromkeys((self.repository, *(rule.repository for rule in self.rules))))

    @property
    def is_paced(self) -> bool:
        """False where no pauses are needed between requests: without a limit, and for a stand-in on this machine."""
        return self.hourly_writes > 0 and urlsplit(self.base_url).hostname not in ("127.0.0.1", "localhost", "::1")


def github_settings(
    config: Config, environ: Mapping[str, str] | None = None, *, only_reads: bool = False
) -> GitHubSettings | None:
    """Return how GitHub is used, or None where no repository is set and bug files alone are the tracker.

    Raises `ConfigurationError` for a repository, rule, number or API address that cannot be one, and for a missing
    token, unless GitHub is only read: what is public needs none.
    """
    environ = os.environ if environ is None else environ
    repository = str(config["github.repository"]).strip()
    if not repository:
        return None
    if not is_full_name(repository):
        raise ConfigurationError(
            f"github.repository = {repository!r} is not the name of a repository.",
            cure="Set github.repository to owner/name, as in octocat/hello-world.",
        )
    base_url = str(config["github.base_url"]).strip().rstrip("/")
    if not _is_api(base_url):
        raise ConfigurationError(
            f"github.base_url = {base_url!r} is not the address of an API.",
            cure="Leave github.base_url out for github.com, or set it to https://HOST/api/v3 for Enterprise.",
        )
    ours = app.find(base_url, environ)
    found = token.Token("", f"the App {ours.id}") if ours else token.find(base_url, environ)
    if found is None and only_reads:
        found = token.Token("", "")
    if found is None:
        raise ConfigurationError(
            f"github.repository is set to {repository}, but there is no token to write issues with.",
            cure="Put a token that may write issues there into GITHUB_TOKEN, log in with `gh auth login`, "
            "or take github.repository out.",
        )
    return GitHubSettings(
        repository=repository,
        base_url=base_url,
        token=found.secret,
        token_source=found.source,
        app=ours,
        ca_file=_ca_file(config),
        rules=read_rules(config.github_rules),
        poll_every=timedelta(seconds=_number(config, "github.poll_seconds")),
        status_every=timedelta(minutes=_number(config, "github.status_minutes")),
        hourly_writes=_number(config, "github.hourly_writes"),
        adopts=_adopts(config),
    )


def _number(config: Config, key: str) -> int:
    value = int(config[key])
    if not 0 <= value <= _BOUNDS[key]:
        raise ConfigurationError(f"{key} = {value} is out of bounds.", cure=f"Set it from 0 to {_BOUNDS[key]:,}.")
    return value


def _adopts(config: Config) -> bool:
    if config["github.adopt"] not in ("on", "off"):
        raise ConfigurationError(
            f"github.adopt = {config['github.adopt']!r} is neither on nor off.", cure="Set it to one of them."
        )
    return bool(config["github.adopt"] == "on")


def _ca_file(config: Config) -> str:
    named = str(config["github.ca_file"]).strip()
    if not named:
        return ""
    path = config.repo / Path(named).expanduser()
    if not path.is_file():
        raise ConfigurationError(
            f"github.ca_file = {named!r} is no file.", cure="Name a PEM file with the certificates to trust."
        )
    return str(path)


def _is_api(base_url: str) -> bool:
    try:
        parts = urlsplit(base_url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
