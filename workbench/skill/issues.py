"""Open issues with the label `bug`, for where there is no shared database: read from GitHub, within a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.config import Config
    from workbench.tracker.port import Remote

HOOK_SECONDS = 3.0  # the import of the library included


@dataclass(frozen=True)
class OpenIssues:
    """The open issues of a repository, the latest change first. All their texts were written by people outside."""

    repository: str
    issues: tuple[Remote, ...]


def read(config: Config) -> OpenIssues | None:
    """Return the open issues with our label, or None where `github.repository` is not set.

    A token is used where there is one; what is public needs none. Raises `ConfigurationError` for settings that
    cannot be, and `Failure` where GitHub does not answer.
    """
    from workbench.tracker.settings import github_settings

    settings = github_settings(config, only_reads=True)
    if settings is None:
        return None
    from workbench.tracker.github import GitHub
    from workbench.tracker.marked import LABEL

    door = GitHub(settings)
    try:
        found = door.issues(settings.repository)
        return OpenIssues(found.full_name, tuple(found.open_issues(LABEL)))
    finally:
        door.close()


def look(config: Config, number: int) -> Remote | None:
    """Return one issue, or None where `github.repository` is not set. Raises as `read` does."""
    from workbench.tracker.settings import github_settings

    settings = github_settings(config, only_reads=True)
    if settings is None:
        return None
    from workbench.tracker.github import GitHub

    door = GitHub(settings)
    try:
        return door.issues(settings.repository).look(number)
    finally:
        door.close()


def in_time(config: Config, *, seconds: float = HOOK_SECONDS) -> OpenIssues | None:
    """Return what `read` does where it comes in so many seconds, else None. Never raises: a session is waiting."""
    if not str(config["github.repository"]).strip():
        return None
    found: list[OpenIssues | None] = []

    def ask() -> None:
        try:
            found.append(read(config))
        except Exception:  # noqa: BLE001  (whatever it is, a session is waiting, and nothing is known)
            return

    # A daemon, so that nobody waits for it at the end either.
    asking = threading.Thread(target=ask, name="open issues", daemon=True)
    asking.start()
    asking.join(seconds)
    return found[0] if found else None
