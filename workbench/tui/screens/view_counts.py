"""How many bugs each view has, beside its name: counted after the list is there, and no more often than it may cost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from textual.timer import Timer

from workbench.tui.screens.list_views import ListViews

MOST = 1_000  # of a view; who has so many needs no figure, and counting on would read all of them
# Between two countings: a storm of events must not have all views counted all the time.
SOONEST, SHARE = 2.0, 20
OLD = 60.0  # seconds


class CountedViews(ListViews):
    """`_counts` holds how many bugs each filter of a view matches, as far as is known."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: Mapping[str, int] = {}
        self._next_count = 0.0
        self._counts_later: Timer | None = None
        self._counted: tuple[object, ...] = ()  # what there was to count

    def count_views(self) -> None:
        """Count, now or as soon as it may be done again; what is typed into the filter changes none of them."""
        if self._counts_later is not None or self._counted == self._to_count():
            return
        wait = self._next_count - time.monotonic()
        if wait > 0:
            self._counts_later = self.set_timer(wait, self._count)
        else:
            self._count()

    def count_anew(self) -> None:
        """Let the next reading count, however short a while ago it was: what a person did shows in the tabs at once."""
        if self._counts_later is not None:
            self._counts_later.stop()
            self._counts_later = None
        self._next_count = 0.0

    def _count(self) -> None:
        self._counts_later = None
        to_count, began = self._to_count(), time.monotonic()
        self._next_count = began + SOONEST  # also where it fails: the list itself says what is wrong

        def counted(found: Mapping[str, int]) -> None:
            self._counts, self._counted = found, to_count
            self._next_count = time.monotonic() + max(SOONEST, SHARE * (time.monotonic() - began))
            self.offer_tabs()

        desk, filters = self.workbench.desk, to_count[0]
        self.load(lambda: desk.counts(filters, most=MOST), counted, group="counts", failed=lambda _error: None)

    def _to_count(self) -> tuple[Sequence[str], int, float]:
        """Return the filters of the views, and of when the store is: some ask for the time."""
        return [view.filter for view in self._views.views], self.workbench.changes, time.monotonic() // OLD

    def count_of(self, filter_: str) -> str:
        """Return how many bugs a view has, as its tab says it."""
        count = self._counts.get(filter_)
        if count is None:
            return ""
        return str(count) if count < MOST else f"{MOST - 1}+"
