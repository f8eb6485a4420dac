"""What a fix session needs, filled in beforehand: enter starts it."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Checkbox, Input
from textual.worker import Worker, WorkerState

from workbench.text import plain
from workbench.tui.actions import key_of
from workbench.tui.bars import Bar
from workbench.tui.failures import told
from workbench.tui.lines import BLANK, Ink, Line, line, paragraphs
from workbench.tui.screens.prompts import in_sheet
from workbench.tui.session_desk import Launch
from workbench.tui.tick import Tick
from workbench.tui.typing_order import PAUSE_SECONDS
from workbench.tui.words import money, plural

if TYPE_CHECKING:
    from workbench.bugs.rows import BugRow
    from workbench.config import Config
    from workbench.fixing import Terms
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.session_desk import SessionDesk

SCENARIO = "happy"
REHEARSAL = (
    "A rehearsal runs the real Claude Code client against a scripted model on this machine: "
    "no account, no cost; the worktree, the tests and the evidence are real."
)
NO_LOGIN = "No Claude login and no API key were found, so this will be a rehearsal. "
SETTING = "The setting agent.rehearse asks for a rehearsal. "

KEYS = line(
    ("enter", "key"), " start   ", ("tab", "key"), " next field   ", ("space", "key"), " tick   ", ("esc", "key"),
    " cancel",
)  # fmt: skip


class LaunchScreen(ModalScreen[Any]):
    """The form; it gives back the launched session."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", show=False, priority=True),
        Binding("escape", "cancel", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, bug: BugRow, config: Config, terms: Terms) -> None:
        super().__init__()
        self._bug = bug
        self._config = config
        self._terms = terms
        self._starting = False
        self._counts_from = float("inf")  # until then an enter is not meant for what the form says
        self._wanted: bool | None = None  # whether a rehearsal; None while and after the form is not open

    def compose(self) -> ComposeResult:
        """The fields, with what they default to."""
        with Vertical(classes="sheet"):
            yield Bar(id="form-title", classes="sheet-title")
            with VerticalScroll(id="form-fields", can_focus=False):
                yield from self._row("base", "", "the release it failed on, else HEAD")
                yield from self._row("model", str(self._config["agent.model"]), "Claude Code's default")
                yield from self._row("cost cap $", f"{self._config['agent.max_cost_usd']:g}", "as set")
                yield from self._row("turns", str(self._config["agent.max_turns"]), "as set")
                yield from self._row("minutes", str(self._config["agent.max_minutes"]), "as set")
                yield from self._row("note", "", "anything the agent should know")
                yield Tick("rehearsal", bool(self._terms.rehearse), id="rehearsal", compact=True)
                asks = self._config["agent.permission_mode"] == "default"
                yield Tick("ask me about other commands, or else refuse them", asks, id="ask", compact=True)
                yield Tick("test first, judged on the clean base", value=True, id="test-first", compact=True)
                if self._terms.no_sandbox:
                    yield Tick("I agree: no sandbox", value=False, id="unsandboxed", compact=True)
                yield Bar(id="form-help")
            yield Bar(id="form-keys", classes="sheet-keys")

    def _row(self, name: str, value: str, placeholder: str) -> ComposeResult:
        with Horizontal(classes="row"):
            label = Bar()
            label.show(line((name, "muted")))
            yield label
            box = Input(value, placeholder=placeholder, id=name.split()[0])
            box.cursor_blink = False
            yield box

    def on_mount(self) -> None:
        """Say what this is about."""
        self.query_one("#form-title", Bar).show(
            line(("Fix ", "strong"), (self._bug.label, "accent"), f"  {self._bug.title}"), BLANK
        )
        self.query_one("#form-keys", Bar).show(KEYS)
        self._explain()
        self.query_one("#note", Input).focus()
        self.call_after_refresh(self._be_seen)
        self._stand_by()

    def on_unmount(self) -> None:
        """Let go of what was begun, unless it became a session."""
        self._wanted = None
        self.app.run_worker(self._sessions.stand_down, thread=True, exit_on_error=False)

    @property
    def _sessions(self) -> SessionDesk:
        app: WorkbenchApp = self.app  # type: ignore[assignment]
        return app.desk.sessions

    def _stand_by(self) -> None:
        """Begin a runner while the form is filled in: it is ready by the time that it is asked for."""
        sessions, self._wanted = self._sessions, self._is_ticked("rehearsal")
        self.app.run_worker(lambda: sessions.stand_by(lambda: self._wanted), thread=True, exit_on_error=False)

    def _be_seen(self) -> None:
        """Let an enter count after a moment, as long as somebody needs to look up from the key before."""
        self._counts_from = monotonic() + PAUSE_SECONDS

    def _explain(self, message: str = "", ink: Ink = "bad", cure: str = "") -> None:
        lines, width = [BLANK], in_sheet(self.app.size.width)
        if message:
            lines += paragraphs([message], width, ink=ink)
            lines += paragraphs([cure], width, ink="muted") if cure else []
        elif self.query_one("#rehearsal", Checkbox).value:
            why, ink = self._why_rehearsed()
            lines += paragraphs([why + REHEARSAL], width, ink=ink)
        else:
            lines += paragraphs(
                ["Claude Code works in a git worktree of its own; your checkout is not touched."], width, ink="muted"
            )
        lines += self._terms_lines(width)
        self.query_one("#form-help", Bar).show(*lines)

    def _terms_lines(self, width: int) -> list[Line]:
        """Return what a person should know before they launch."""
        terms, spent = self._terms, self._terms.spent
        lines: list[Line] = []
        if terms.no_sandbox:
            lines += paragraphs([f"NO SANDBOX: {plain(terms.no_sandbox, 200)}."], width, ink="bad")
            lines += paragraphs([plain(terms.cure, 400)], width, ink="muted")
        if terms.not_today:
            lines += paragraphs([f"No session of a real model begins today: {terms.not_today}."], width, ink="bad")
        if terms.resumable:
            again = self._key("bug.resume")
            text = f"A session on this bug was interrupted: esc and then {again} resumes it, with all its work."
            lines += paragraphs([text], width, ink="accent")
        if spent.sessions or spent.rehearsals:
            free = f", and {plural(spent.rehearsals, 'rehearsal')}" if spent.rehearsals else ""
            about = "about " if spent.is_estimated else ""
            told = f"So far on this bug: {plural(spent.sessions, 'session')}, {about}{money(spent.cost_usd)}{free}."
            lines += paragraphs([told], width, ink="muted")
        for reason in spent.rejections[:3]:
            lines += paragraphs([f"Sent back: {plain(reason, 200)}"], width, ink="warn")
        if terms.notice:
            lines += paragraphs([plain(terms.notice, 400)], width, ink="warn")
        return lines

    def _why_rehearsed(self) -> tuple[str, Ink]:
        if self._config["agent.rehearse"]:
            return SETTING, "muted"
        return (NO_LOGIN, "warn") if self._terms.rehearse else ("", "muted")

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        """Say what the tick means."""
        self._explain()
        if event.checkbox.id == "rehearsal" and not self._starting:
            self._stand_by()

    def action_cancel(self) -> None:
        """Launch nothing."""
        self.dismiss(None)

    def action_start(self) -> None:
        """Launch the session, where a person has seen what the form says."""
        if self._starting:
            return
        now = monotonic()
        if now < self._counts_from:  # an enter that is held down goes on not to count
            self._counts_from = max(self._counts_from, now + PAUSE_SECONDS)
            return
        cost = self._written("cost").lstrip("$")
        try:
            max_cost = float(cost) if cost else None
        except ValueError:
            self._explain(f"The cost cap {cost!r} is not a number.", cure="Write dollars, such as 2.50.")
            return
        counts = {name: self._written(name) for name in ("turns", "minutes")}
        if wrong := next((name for name, text in counts.items() if text and not _is_count(text)), ""):
            self._explain(f"The cap on {wrong}, {counts[wrong]!r}, is not a number.", cure="Write one from 1 on.")
            return
        max_turns, max_minutes = (int(text) if text else None for text in counts.values())
        wanted = Launch(
            base=self._written("base"),
            model=self._written("model"),
            max_cost_usd=max_cost,
            max_turns=max_turns,
            max_minutes=max_minutes,
            permission_mode="default" if self._is_ticked("ask") else "dontAsk",
            note=self._written("note"),
            rehearse=(self._terms.rehearse or SCENARIO) if self._is_ticked("rehearsal") else "",
            test_first=self._is_ticked("test-first"),
            unsandboxed=self._is_ticked("unsandboxed"),
        )
        if self._terms.no_sandbox and not wanted.rehearse and not wanted.unsandboxed:
            self._explain(
                "There is no sandbox here. Tick that you agree to work without one, or make one:", cure=self._terms.cure
            )
            return
        self._starting = True
        self._explain("Making the worktree and starting the session …", "accent")
        sessions = self._sessions
        self.run_worker(lambda: sessions.launch(self._bug.number, wanted), thread=True, exit_on_error=False)

    def _key(self, action: str) -> str:
        return key_of(action, self.app.keys)  # type: ignore[attr-defined]

    def _written(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def _is_ticked(self, name: str) -> bool:
        return any(box.value for box in self.query(f"#{name}").results(Checkbox))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Give back the session, or say why there is none and leave the form as it is."""
        if event.state is WorkerState.SUCCESS:
            self.dismiss(event.worker.result)
        elif event.state is WorkerState.ERROR and event.worker.error is not None:
            self._starting = False
            message, cure = told(event.worker.error, self._key)
            self._explain(f"✗ {message}", cure=cure)
            self._be_seen()
            self._stand_by()


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0
