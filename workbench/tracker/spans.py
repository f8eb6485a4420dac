"""How much of a list of GitHub's was read, so that only what is new in it is read again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# Between two times of GitHub's own clock this covers what was being written while we read: nothing takes longer.
_OVERLAP = timedelta(seconds=30)


class Span:
    """What of a list was read: from when on, as of when, and the newest change that was in it."""

    def __init__(self) -> None:
        self.start: datetime | None = None
        self._newest: datetime | None = None
        self._began = 0.0

    def holds(self, start: datetime, as_of: float | None) -> bool:
        """Return whether it was read from `start` on, by a request that was made at `as_of` or later."""
        return as_of is not None and self.start is not None and self.start <= start and self._began >= as_of

    def since(self, start: datetime) -> str:
        """Return from when on it has to be read to hold all from `start` on."""
        if self._newest is not None and self.start is not None and self.start <= start:
            start = self._newest - _OVERLAP
        return f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def saw(self, at: datetime) -> None:
        """Note the time of a change that was in the list."""
        self._newest = at if self._newest is None else max(at, self._newest)

    def was_read(self, start: datetime, began: float) -> None:
        """Note that all from `start` on was read, by requests that began then."""
        self.start, self._began = start if self.start is None else min(start, self.start), began
