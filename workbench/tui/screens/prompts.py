"""Small questions in front of a screen: a line of words, a longer text, a choice by letter, yes or no."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from workbench.tui.actions import key_of
from workbench.tui.bars import Bar
from workbench.tui.failures import told
from workbench.tui.lines import BLANK, Line, line, paragraphs

WIDTH, EDGES = 70, 5  # cells of a line that is easy to read, and beside it: frame, blanks, scrollbar
Choice = tuple[str, str, str]  # what is given back, the key, what it says


def in_sheet(columns: int) -> int:
    """Return how many cells a line has in front of a terminal of so many columns; see `.sheet` of workbench.tcss."""
    return min(WIDTH, max(int(columns * 0.96) - EDGES, 20))


def sheet_rows(rows: int) -> int:
    """Return how many lines are in sight at most in front of a terminal of so many rows."""
    return int(rows * 0.9) - 2


class Words(ModalScreen[Any]):
    """One line of words, given back as what it is read as; None when it was left.

    `read` raises an error of ours for words that do not fit: they stay in the box, with what is wrong below them.
    `wrong` is such an error from outside, of a value that was given back before.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(
        self,
        title: str,
        *,
        value: str = "",
        hint: str = "",
        facts: Sequence[str] = (),
        read: Callable[[str], Any] = str,
        wrong: BaseException | None = None,
    ) -> None:
        super().__init__()
        self._title, self._value, self._hint, self._facts = title, value, hint, facts
        self._read, self._wrong = read, wrong

    def compose(self) -> ComposeResult:
        """What is asked, the box, and how to leave."""
        with Vertical(classes="sheet"):
            yield _bar(*_asked(in_sheet(self.app.size.width), self._title, self._facts))
            is_put_right = self._wrong is not None  # and not written anew by the first letter
            box = Input(self._value, placeholder=self._hint, id="words", select_on_focus=not is_put_right)
            box.cursor_blink = False
            yield box
            yield Bar(id="wrong")
            yield _bar(BLANK, line(("enter", "key"), " done   ", ("esc", "key"), " leave everything as it is"))

    def on_mount(self) -> None:
        """Say what was wrong with the words before."""
        if self._wrong is not None:
            self._tell(self._wrong)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Let go of what was wrong with other words."""
        if event.value != self._value:
            self.query_one("#wrong", Bar).show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give back what the words are read as, or say what is wrong with them."""
        from workbench.errors import WorkbenchError

        event.stop()
        try:
            answer = self._read(event.value.strip())
        except WorkbenchError as error:
            self._value = event.value
            self._tell(error)
        else:
            self.dismiss(answer)

    def _tell(self, error: BaseException) -> None:
        message, cure = told(error, lambda action: key_of(action, self.app.keys))  # type: ignore[attr-defined]
        width = in_sheet(self.app.size.width)
        lines = [
            *paragraphs([f"✗ {message}"], width, ink="bad"),
            *paragraphs([cure] if cure else [], width, ink="muted"),
        ]
        self.query_one("#wrong", Bar).show(*lines)

    def action_leave(self) -> None:
        """Give nothing back."""
        self.dismiss(None)


class Text(ModalScreen[str | None]):
    """Several lines; None when they were left, and then `left` is told what stood there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("ctrl+s", "keep", show=False, priority=True),
    ]

    def __init__(self, title: str, *, value: str = "", left: Callable[[str], None]) -> None:
        super().__init__()
        self._title, self._value, self._left = title, value, left

    def compose(self) -> ComposeResult:
        """What is asked, the box, and how to leave."""
        from textual.widgets import TextArea  # it brings much along, and few write notes

        with Vertical(classes="sheet"):
            yield _bar(*_asked(in_sheet(self.app.size.width), self._title))
            box = TextArea(self._value, id="text", soft_wrap=True, compact=True)
            box.cursor_blink = False
            box.move_cursor(box.document.end)
            yield box
            yield _bar(BLANK, line(("ctrl+s", "key"), " keep it   ", ("esc", "key"), " leave it as a draft"))

    @property
    def _text(self) -> str:
        from textual.widgets import TextArea

        return self.query_one(TextArea).text

    def action_keep(self) -> None:
        """Give the text back."""
        self.dismiss(self._text)

    def action_leave(self) -> None:
        """Give nothing back."""
        self._left(self._text)
        self.dismiss(None)


class Menu(ModalScreen[str | None]):
    """A choice by its letter; None when it was left. Enter chooses nothing, so that no choice is made by habit."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", show=False)]

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._title, self._choices = title, choices

    def compose(self) -> ComposeResult:
        """The choices."""
        with Vertical(classes="sheet"):
            bar = ChoiceBar(self._choices)
            choices = [line((f"  {key:<3}", "key"), words) for _name, key, words in self._choices]
            asked = _asked(in_sheet(self.app.size.width), self._title)
            bar.show(*asked, *choices, BLANK, line(("esc", "key"), " leave everything as it is"))
            yield bar

    def on_key(self, event: events.Key) -> None:
        """Take the choice of a letter."""
        for name, key, _words in self._choices:
            if event.character == key:
                event.stop()
                self.dismiss(name)

    def on_choice_bar_chosen(self, event: ChoiceBar.Chosen) -> None:
        """Take the choice that was clicked."""
        self.dismiss(self._choices[event.index][0])

    def action_leave(self) -> None:
        """Give nothing back."""
        self.dismiss(None)


class ChoiceBar(Bar):
    """The lines of a menu; those of choices can be clicked."""

    class Chosen(Message):
        """A choice was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, choices: Sequence[Choice], *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._count = len(choices)

    def on_click(self, event: events.Click) -> None:
        """Choose the line under the mouse."""
        index = event.y - (len(self.lines) - 2 - self._count)
        if 0 <= index < self._count:
            self.post_message(self.Chosen(index))


class YesNo(ModalScreen[bool]):
    """A question whose answer is no, unless y is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("n,N,escape,q", "answer(False)", show=False),
    ]

    def __init__(self, question: str, facts: Sequence[str] = ()) -> None:
        super().__init__()
        self._question, self._facts = question, facts

    def compose(self) -> ComposeResult:
        """The question."""
        with Vertical(classes="sheet"):
            width = in_sheet(self.app.size.width)
            facts: list[Line] = paragraphs(self._facts, width, ink="muted")
            question = paragraphs([f"{self._question} (y/N)"], width, ink="strong")
            yield _bar(*facts, *([BLANK] if facts else []), *question)

    def action_answer(self, yes: bool) -> None:  # noqa: FBT001 (Textual's way of actions)
        """Give the answer back."""
        self.dismiss(yes)


def _bar(*lines: Line) -> Bar:
    # Filled before it is mounted: a person who types ahead may have left the question by then.
    bar = Bar()
    bar.show(*lines)
    return bar


def _asked(width: int, title: str, facts: Sequence[str] = ()) -> list[Line]:
    return [*paragraphs([title], width, ink="strong"), *paragraphs(facts, width, ink="muted"), BLANK]
