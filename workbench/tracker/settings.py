"""Whether and how GitHub is used: the settings of `[tool.workbench]`, and the token that belongs to them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from workbench.config import Config
from workbench.errors import ConfigurationError
from workbench.tracker import token

_FULL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True)
class GitHubSettings:
    """The repository that gets the issues, the API it is reached by, and the token (never shown)."""

    repository: str
    base_url: str
    token: str = field(repr=False)
    token_source: str = field(default="", compare=False)  # the variable, gh or the keyring

    @property
    def is_local(self) -> bool:
        """True for an API on this very machine: a stand-in, which needs no pauses between requests."""
        return urlsplit(self.base_url).hostname in ("127.0.0.1", "localhost", "::1")


def github_settings(config: Config, environ: Mapping[str, str] | None = None) -> GitHubSettings | None:
    """Return how GitHub is used, or None where no repository is set and bug files alone are the tracker.

    Raises `ConfigurationError` for a repository or API address that cannot be one, and for a missing token.
    """
    environ = os.environ if environ is None else environ
    repository = str(config["github.repository"]).strip()
    if not repository:
        return None
    if not _FULL_NAME.fullmatch(repository) or repository.endswith(("/.", "/..")):
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
    found = token.find(base_url, environ)
    if found is None:
        raise ConfigurationError(
            f"github.repository is set to {repository}, but there is no token to write issues with.",
            cure="Put a token that may write issues there into GITHUB_TOKEN, log in with `gh auth login`, "
            "or take github.repository out.",
        )
    return GitHubSettings(repository=repository, base_url=base_url, token=found.secret, token_source=found.source)


def _is_api(base_url: str) -> bool:
    try:
        parts = urlsplit(base_url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
