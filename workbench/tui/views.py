"""Saved views: a name, a filter and an order each; ours, those of the configuration, and those saved on the screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.bugs.order import LATEST_FIRST, Order
from workbench.text import plain

if TYPE_CHECKING:
    from workbench.config import Value

NAME_LIMIT = 30


class View(NamedTuple):
    """One tab of the list. `is_saved` says that it was saved on the screen, and can be taken off there."""

    name: str
    filter: str = ""
    order: Order = LATEST_FIRST
    is_saved: bool = False
    fills: str = ""  # what would fill it; {an action of the list} stands for its key


BUILT_IN: tuple[View, ...] = (
    View("All open", "state:open,fixing,review"),
    View("New today", "is:new", fills="A fault that was never met before comes here for a day."),
    View("Recurring", "is:recurring", fills="A bug that comes back after its sign-off comes here."),
    View("Review", "state:review", fills="A fix with its evidence comes here, for your decision: {fix} launches one."),
    View("Muted", "state:muted", fills="{mute} on a bug mutes it: for a time, until it is seen again, or for good."),
    View("Mine", "assigned:me !state:closed", fills="{assign} on a bug assigns it to you."),
    View("All"),
)


class Views(NamedTuple):
    """The tabs in order, and what is wrong with the configuration of others, one sentence each."""

    views: tuple[View, ...] = BUILT_IN
    wrong: tuple[str, ...] = ()

    def named(self, name: str) -> View | None:
        """Return the view of a name, however it is spelt."""
        return next((view for view in self.views if view.name.casefold() == name.casefold()), None)


def views_of(configured: Mapping[str, Value], saved: Iterable[View] = ()) -> Views:
    """Return our views, changed and followed by those of the configuration, then those that were saved.

    A view of the name of another stands in its place; `false` in the configuration takes one away. What is wrong in
    one is told with its file and key, and the rest stays as it is. Reads filters, which loads what reads them.
    """
    made = {view.name.casefold(): view for view in BUILT_IN}
    wrong = []
    for name, value in configured.items():
        if value.value is False:
            made.pop(name.casefold(), None)
            continue
        try:
            made[name.casefold()] = _view(name, value.value)
        except ValueError as error:
            wrong.append(f"{value.source}: views.{plain(name, NAME_LIMIT)}{error}")
    for view in saved:
        if why := wrong_in(view.filter):
            wrong.append(f"The saved view {plain(view.name, NAME_LIMIT)}: {why}")
        else:
            made[view.name.casefold()] = view
    return Views(tuple(made.values()) or BUILT_IN, tuple(wrong))


def _view(name: str, given: Any) -> View:
    if isinstance(given, str):
        given = {"filter": given}
    if not isinstance(given, dict):
        raise ValueError(': takes a filter, as in "state:open", or a table with filter and sort.')
    for key, value in given.items():
        if key not in ("filter", "sort"):
            raise ValueError(f".{plain(key, NAME_LIMIT)}: a view has filter and sort.")
        if not isinstance(value, str):
            raise ValueError(f".{key}: is not a string.")
    text = given.get("filter", "")
    if why := wrong_in(text):
        raise ValueError(f".filter: {why}")
    return View(plain(name, NAME_LIMIT), text, order_of(given["sort"]) if "sort" in given else LATEST_FIRST)


def wrong_in(text: str) -> str:
    """Return what is wrong with a filter and where, in one line; "" where nothing is."""
    from workbench.bugs.filters import FilterError, parse

    try:
        parse(text)
    except FilterError as error:
        return plain(f"{text[: error.start]}▸{text[error.start : error.end]}◂{text[error.end :]}: {error.message}", 500)
    return ""


def order_of(text: str) -> Order:
    """Return the order that `-count` (the most first) or `count` means. Raises `ValueError`."""
    from workbench.tui.columns import SORTS

    order = Order(text.removeprefix("-"), text.startswith("-"))
    if order.by not in SORTS:
        known = ", ".join(SORTS)
        raise ValueError(f".sort: {plain(text, NAME_LIMIT)} is no column; a list is sorted by one of {known}.")
    return order


def order_text(order: Order) -> str:
    """Return an order as it is written."""
    return f"-{order.by}" if order.is_descending else order.by


def both(first: str, second: str) -> str:
    """Return the filter for what two filters match."""
    if first.strip() and second.strip():
        return f"({first.strip()}) ({second.strip()})"
    return first.strip() or second.strip()
