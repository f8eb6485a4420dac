"""The connection of one worker to GitHub: opened when it is needed, closed after trouble, silent when told to rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from workbench.tracker.failures import Failure, Temporary
from workbench.tracker.port import Issues
from workbench.tracker.settings import GitHubSettings


class Client(Protocol):
    """A tracker: opens repositories. Used by one thread only."""

    writes: int  # sent so far

    def issues(self, repository: str) -> Issues:
        """Return the issues of the repository owner/name."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


Connect = Callable[[GitHubSettings], Client]


def connect_github(settings: GitHubSettings) -> Client:
    """Return the client for GitHub. PyGithub is imported only now: it is slow, and not everybody uses it."""
    from workbench.tracker.github import GitHub

    return GitHub(settings)


class Connected:
    """What a worker has of GitHub. `settings` is None where it is not used, or cannot be."""

    def __init__(self, connect: Connect) -> None:
        self.settings: GitHubSettings | None = None
        self._connect = connect
        self._client: Client | None = None
        self._counted = 0  # of the client's writes
        self._rests_until = datetime.min.replace(tzinfo=UTC)

    def use(self, settings: GitHubSettings | None) -> bool:
        """Work with these settings from now on; return whether they are others than before."""
        if settings == self.settings:
            return False
        self.close()
        self.settings = settings
        self._rests_until = datetime.min.replace(tzinfo=UTC)  # who was told to wait was another
        return True

    def is_free(self, now: datetime) -> bool:
        """Return whether GitHub may be asked now."""
        return self.settings is not None and now >= self._rests_until

    def rest(self, failure: Failure, now: datetime) -> None:
        """Ask nothing for as long as GitHub said."""
        if isinstance(failure, Temporary) and failure.asks_for_rest and failure.after is not None:
            self._rests_until = now + failure.after

    def client(self) -> Client:
        """Return the client, opened if it is not."""
        if self._client is None:
            assert self.settings is not None
            self._client, self._counted = self._connect(self.settings), 0
        return self._client

    def issues(self, repository: str) -> Issues:
        """Return the issues of the repository owner/name."""
        return self.client().issues(repository)

    def uncounted(self) -> int:
        """Return how many writes were sent that nobody has counted yet."""
        return self._client.writes - self._counted if self._client is not None else 0

    def counted(self, writes: int) -> None:
        """Note that so many were counted, as soon as that is committed."""
        self._counted += writes

    def close(self) -> None:
        """Close the connections; they are opened again when they are needed."""
        if self._client is not None:
            self._client.close()
            self._client = None
