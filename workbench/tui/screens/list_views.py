"""The views, the columns and the order of the bug list, and that they are as they were left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.bugs.order import Order
from workbench.text import plain
from workbench.tui.bug_list import BugList
from workbench.tui.columns import SORTS, Chosen
from workbench.tui.heading import Heading
from workbench.tui.remembered import Memory, NotRemembered, Remembered
from workbench.tui.screens.list_filter import ListFilter
from workbench.tui.screens.prompts import Words
from workbench.tui.tabs import Tabs
from workbench.tui.views import BUILT_IN, NAME_LIMIT, View, Views, both, views_of, wrong_in


class ListViews(ListFilter):
    """`_view` is the tab that is shown, `_order` how it is sorted now."""

    def __init__(self) -> None:
        super().__init__()
        self._views = Views()
        self._view = BUILT_IN[0]
        self._order = self._view.order
        self._remembered = Remembered()
        self._has_views = False  # those of the configuration were read as well
        self._told_memory = False

    @property
    def bugs(self) -> BugList:
        """The list."""
        return self.query_one(BugList)

    @property
    def _memory(self) -> Memory:
        return Memory.of(self.workbench.config)

    def on_mount(self) -> None:
        """Begin as it was left."""
        self._remembered = self._memory.read()
        self.bugs.chosen = self._remembered.chosen
        self._go_to(self._views.named(self._remembered.view) or BUILT_IN[0])

    def settle_views(self) -> None:
        """Once the store is open, and with it what reads filters is loaded: take in the views of others."""
        if self._has_views:
            return
        self._has_views = True
        self._views = views_of(self.workbench.config.views, self._remembered.saved)
        self._go_to(self._views.named(self._remembered.view or self._view.name) or self._views.views[0])
        told = [*self._views.wrong, self._remembered.wrong]
        if any(told):
            self.say("  ".join(each for each in told if each), "warn", stays=True)

    @property
    def whole_filter(self) -> str:
        """What is shown: the view, and of that what was typed."""
        return both(self._view.filter, self._filter)

    def filters_before(self) -> Sequence[str]:
        """Return what was asked before, the last first."""
        return self._remembered.history

    def keep_filter(self, text: str) -> None:
        """Remember a filter that was asked."""
        others = tuple(each for each in self._remembered.history if each != text)
        self._remembered = self._remembered._replace(history=(text, *others))
        self._remember(lambda memory: memory.keep_filter(text))

    def _remember(self, change: Callable[[Memory], None]) -> None:
        """Write something down; where that cannot be done it is told once, and costs nothing else."""
        memory = self._memory

        def written(error: BaseException) -> None:
            if isinstance(error, NotRemembered) and not self._told_memory:
                self._told_memory = True
                self.say(f"{error}: the list will not be as you leave it now.", "warn")

        self.load(lambda: change(memory), lambda _none: None, group=f"memory-{id(change)}", failed=written)

    # --- views -------------------------------------------------------------------------------------------------

    def offer_tabs(self) -> None:
        """Show the tabs."""
        views = self._views.views
        shown = views.index(self._view) if self._view in views else -1
        counts = [self.count_of(view.filter) for view in views]
        self.query_one(Tabs).offer([view.name for view in views], shown, self.size.width - 2, counts)

    def count_of(self, filter_: str) -> str:
        """Return how many bugs a view has, "" where that is not known (yet)."""
        raise NotImplementedError

    def _go_to(self, view: View) -> None:
        self._view = view
        self._order = self._remembered.orders.get(view.name, view.order)

    def show_view(self, view: View) -> None:
        """Show another view, from its top and without a filter."""
        self.drop_filter()
        self._go_to(view)
        self.offer_tabs()
        self._remember(lambda memory: memory.keep_view(view.name))
        self.reload()

    def show_all(self, filter_: str) -> None:
        """Show all that a filter matches, in the view of everything where there is one."""
        everything = next((view for view in self._views.views if not view.filter), None)
        if everything is not None:
            self._go_to(everything)
            self.offer_tabs()
        self.narrow(filter_)

    def on_tabs_picked(self, event: Tabs.Picked) -> None:
        """Show the view whose tab was clicked."""
        self.show_view(self._views.views[event.index])

    def action_view_number(self, number: int) -> None:
        """Show a view by its number."""
        views = self._views.views
        if number <= len(views):
            self.show_view(views[number - 1])
        else:
            self.say(f"There are {len(views)} views.", "warn")

    def do_view_number(self) -> None:
        """Say what the numbers are for."""
        self.say("Press the number of a view.")

    def do_view(self) -> None:
        """Show the next view."""
        self._step(1)

    def do_view_back(self) -> None:
        """Show the view before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        views = self._views.views
        place = views.index(self._view) if self._view in views else 0
        self.show_view(views[(place + by) % len(views)])

    def do_save_view(self) -> None:
        """Ask for a name for what is shown."""
        shown = self.whole_filter or "everything"
        own = self._view.name if self._view.is_saved else ""
        facts = [f"{plain(shown, 200)}, sorted by {SORTS[self._order.by].heading}"]
        saved = ", ".join(view.name for view in self._views.views if view.is_saved)
        if saved:
            facts.append(f"-NAME takes one off: {saved}")
        title = "Save what is shown as which view?"
        self.ask(Words(title, value=own, hint="Checkout", facts=facts, read=self._view_name_in), self._save_as)

    def _view_name_in(self, words: str) -> str:
        """Return the name of a view to be saved, or after a - of one to be taken off. Raises `UsageError`."""
        from workbench.errors import UsageError

        if words.startswith("-"):
            self._saved_named(words[1:])
            return words
        name = plain(words, NAME_LIMIT + 1).strip()
        if not name or len(name) > NAME_LIMIT:
            told = f"It has more than {NAME_LIMIT}." if name else "There is none yet."
            raise UsageError(f"A view has a name of 1 to {NAME_LIMIT} characters.", cure=told)
        return name

    def _saved_named(self, name: str) -> View:
        from workbench.errors import UsageError

        for view in self._remembered.saved:
            if view.name.casefold() == name.strip().casefold():
                return view
        raise UsageError(f"No view {plain(name.strip(), NAME_LIMIT)} was saved here.", cure="Ours and those set stay.")

    def _save_as(self, name: str) -> None:
        if name.startswith("-"):
            self._drop_view(self._saved_named(name[1:]))
            return
        view = View(name, self.whole_filter, self._order, is_saved=True)
        if why := wrong_in(view.filter):
            self.say(why, "warn")
            return
        others = tuple(each for each in self._remembered.saved if each.name.casefold() != name.casefold())
        orders = {name_: order for name_, order in self._remembered.orders.items() if name_ != name}
        self._remembered = self._remembered._replace(saved=(*others, view), orders=orders)
        self._remember(lambda memory: memory.save_view(view))
        self._views = views_of(self.workbench.config.views, self._remembered.saved)
        self.show_view(view)
        self.say(f"Saved the view {name}.")

    def _drop_view(self, view: View) -> None:
        others = tuple(each for each in self._remembered.saved if each is not view)
        self._remembered = self._remembered._replace(saved=others)
        self._remember(lambda memory: memory.drop_view(view.name))
        self._views = views_of(self.workbench.config.views, others)
        self.show_view(self._views.named(self._view.name) or self._views.views[0])
        self.say(f"The view {view.name} is taken off.")

    # --- columns and order -------------------------------------------------------------------------------------

    def do_columns(self) -> None:
        """Choose the columns; the list follows at once."""
        from workbench.tui.screens.columns import ColumnsScreen

        bugs = self.bugs
        before = bugs.chosen

        def follow(chosen: Chosen) -> None:
            bugs.choose(chosen)
            self.draw()

        def chosen(choice: Chosen | None) -> None:
            if choice is not None and choice != before:
                self._remember(lambda memory: memory.keep_columns(choice))
                self.reload()

        shown = lambda: [(place.column.id, place.width) for place in bugs.columns]  # noqa: E731
        self.app.push_screen(ColumnsScreen(before, shown, follow), chosen)

    def do_sort_next(self) -> None:
        """Sort by the next column."""
        self._sort_along(1)

    def do_sort_previous(self) -> None:
        """Sort by the column before."""
        self._sort_along(-1)

    def do_sort_reverse(self) -> None:
        """Turn the order around."""
        self._sort(self._order._replace(is_descending=not self._order.is_descending))

    def on_heading_sorted(self, event: Heading.Sorted) -> None:
        """Sort by the column that was clicked; a second click turns the order around."""
        if event.by == self._order.by:
            self.do_sort_reverse()
        else:
            self._sort(Order(event.by, not SORTS[event.by].is_ascending))

    def _sort_along(self, by: int) -> None:
        orders = [place.column.order for place in self.bugs.columns if place.column.order]
        here = orders.index(self._order.by) if self._order.by in orders else -by if by > 0 else 0
        column = SORTS[orders[(here + by) % len(orders)]]
        self._sort(Order(column.order, not column.is_ascending))
        self.say(f"Sorted by {column.heading}; {self.key('sort_reverse')} turns the order around.")

    def _sort(self, order: Order) -> None:
        self._order = order
        name = self._view.name
        self._remembered = self._remembered._replace(orders={**self._remembered.orders, name: order})
        self._remember(lambda memory: memory.keep_order(name, order))
        self.reload()
