"""By what a list of bugs is sorted. By itself: a screen's first paint must not wait for the database's library."""

from __future__ import annotations

from typing import NamedTuple


class Order(NamedTuple):
    """The name of a column, see `workbench.bugs.listing.ORDERS`. Equal ones stand in the order of their numbers."""

    by: str = "last"
    is_descending: bool = True


LATEST_FIRST = Order()
