"""A screen that asks worker threads, and what becomes of the keys that are typed while it waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from textual.screen import Screen
from textual.worker import Worker, WorkerState

from workbench.tui.lines import Ink

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.typing_order import LetGo, Opens

T = TypeVar("T")
ACT = "act"  # the group of what a person asked for with a key
PATIENCE_SECONDS = 1.0  # that nobody is told to have
SLOW = "Still at it: the answer takes its time. Nothing else has to wait for it."


class Awaited(NamedTuple):
    """What follows an answer, and what may open then for the keys that are kept until `let_go`.

    `found` holds the answer once there is one. It is not left with Textual's worker: that and its task hold each other,
    and with them a window of the list (0.3 MiB) for each key, until the collector comes to look at them.
    """

    found: list[Any]
    then: Callable[[Any], None]
    failed: Callable[[BaseException], None]
    opens: Opens | None = None
    let_go: LetGo = lambda _opened: None


class LoadingScreen(Screen[None]):
    """Calls in threads, and hands on what they found."""

    def __init__(self) -> None:
        super().__init__()
        self._awaited: dict[Worker[Any], Awaited] = {}
        self._slow: Worker[Any] | None = None  # what somebody waits for, and was told so

    @property
    def workbench(self) -> WorkbenchApp:
        """The app, as ours."""
        return self.app  # type: ignore[return-value]

    @property
    def is_current(self) -> bool:
        """Say whether the screen can be seen.

        Textual takes the one below the top for seen also where the top hides it, and draws all of the top anew whenever
        something changes below.
        """
        if not super().is_current:
            return False
        stack = self.app.screen_stack
        return all(above.styles.background.a < 1 for above in stack[stack.index(self) + 1 :])

    def say(self, text: str, ink: Ink = "muted", *, cure: str = "", stays: bool = False) -> None:
        """Tell the person."""
        raise NotImplementedError

    def fail(self, error: BaseException, *, until_read: bool = False) -> None:
        """Tell the person what went wrong."""
        raise NotImplementedError

    def load(
        self,
        what: Callable[[], T],
        then: Callable[[T], None],
        *,
        group: str = ACT,
        failed: Callable[[BaseException], None] | None = None,
        opens: Opens | None = None,
    ) -> None:
        """Call `what` in a thread, then `then` with its result. A later call of the same group drops an earlier one.

        What is done to bugs goes through `workbench.tui.writing`, which drops nothing.

        Where `then` opens something, what is typed meanwhile is for that; it is dropped where a key would decide.
        """
        found: list[T] = []
        worker = self.run_worker(
            lambda: found.append(what()), thread=True, exit_on_error=False, exclusive=True, group=group
        )
        awaited = Awaited(found, then, failed or self.fail)
        if opens:
            awaited = awaited._replace(opens=opens, let_go=self.workbench.typed.hold(PATIENCE_SECONDS))
        self._awaited[worker] = awaited
        if group == ACT:
            self.set_timer(PATIENCE_SECONDS, lambda: self._say_slow(worker))

    def _say_slow(self, worker: Worker[Any]) -> None:
        if worker in self._awaited:
            self._slow = worker
            self.say(SLOW, stays=True)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Hand on what a thread found."""
        if event.state not in (WorkerState.SUCCESS, WorkerState.ERROR, WorkerState.CANCELLED):
            return
        awaited = self._awaited.pop(event.worker, None)
        if awaited is None:
            return
        if self._slow is event.worker:
            self._slow = None
            self.say("")
        screen = self.app.screen
        if event.worker.group == ACT:
            self.workbench.changes += 1  # for all that is known, and shown before the store is looked at again
        if event.state is WorkerState.SUCCESS:
            awaited.then(awaited.found.pop())
        elif event.state is WorkerState.ERROR and event.worker.error is not None:
            awaited.failed(event.worker.error)
        awaited.let_go(awaited.opens if self.app.screen is not screen else None)

    def on_unmount(self) -> None:
        """Keep no keys any longer."""
        for awaited in self._awaited.values():
            awaited.let_go(None)
