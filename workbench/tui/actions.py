"""The one table of actions: what can be done where, by which key, and why it can't be done now.

The footer, the `?` sheet, the command palette and docs/keys.md are all made from it. What an action does is a
method of the screen named `do_<id>`, which calls a function below the screens. No Textual in here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from workbench.tui import reasons as why
from workbench.tui.key_names import shown_key

if TYPE_CHECKING:
    from workbench.bugs.rows import BugRow, SessionRow

Place = Literal["list", "bug", "compare", "dashboard", "session", "sessions", "evidence", "signoff", "help", "any"]
PLACES: dict[Place, str] = {
    "list": "Bug list",
    "bug": "Bug",
    "compare": "Two occurrences",
    "dashboard": "Dashboard",
    "session": "Fix session",
    "sessions": "All fix sessions",
    "evidence": "Evidence",
    "signoff": "Sign-off",
    "help": "Help",
    "any": "Everywhere",
}


Keys = Mapping[str, str]  # one's own keys, by PLACE.ACTION; see workbench.tui.keymap
NO_KEYS: Keys = {}
KeyOf = Callable[[str], str]  # the key of an action as people write it: of `mute` here, or of `signoff.reject`


class Here(NamedTuple):
    """What the keys would act on now."""

    bug: BugRow | None = None
    session: SessionRow | None = None
    asks: bool = False  # the agent waits for an answer
    once: str = ""  # why a yes to it counts for this once only
    in_browser: bool = False  # there is no terminal to be given away
    has_evidence: bool = False
    decided: bool = False  # the sign-off at hand was made
    proposed: bool = True  # there is a fix to decide on
    unread: str = ""  # why there is none, where that is known
    filtered: bool = False
    marked: tuple[BugRow, ...] = ()  # the bugs that were marked, where any are
    can_undo: bool = False  # something was done in this session
    has_occurrence: bool = False  # an event is stored, and shown
    has_worktree: bool = False  # the fix that was decided on still has one
    on_parked: bool = False  # the cursor is on an owed action that was given up
    in_review: bool = False  # the bug of the session waits for a decision
    searched: bool = False  # words are looked for in the page
    key: KeyOf = lambda name: key_of(name)

    @property
    def bugs(self) -> tuple[BugRow, ...]:
        """The bugs that an act on several would be done to: the marked ones, or the one at hand."""
        return self.marked or ((self.bug,) if self.bug else ())


Why = Callable[[Here], str]  # why the action can't be done now; empty when it can


class Action(NamedTuple):
    """One thing to do. `keys` are Textual's names; the first is the one that is shown, as `shown` where given.

    `footer` orders the actions of the footer, lowest first; None keeps an action out of it.
    """

    id: str
    keys: str
    label: str
    group: str
    places: tuple[Place, ...]
    why_not: Why = why.nothing
    footer: int | None = None
    shown: str = ""
    hides: bool = False  # not in the footer while it can't be done
    gives_way: bool = False  # while it can't be done, its key does what it does else
    goes_first: bool = False  # its key is not that of the pane, but it is a letter where words are typed

    @property
    def changes(self) -> bool:
        """Whether it changes something, so that it is refused where nothing may be."""
        return self.group in ("Triage", "Fix", "Decide") and self.id not in _LOOKS

    @property
    def key(self) -> str:
        """How the key is shown to people."""
        return self.shown or shown_key(self.keys.split(",")[0])


# Of the groups that act, what only marks, goes somewhere or leaves things as they are.
_LOOKS = frozenset({"mark", "mark_all", "session", "evidence", "signoff", "decline"})
_TEXTS: tuple[Place, ...] = ("bug", "compare", "dashboard", "session", "evidence", "signoff")  # texts to read
_STEERED: tuple[Place, ...] = ("session", "sessions")
_SECTIONED: tuple[Place, ...] = ("bug", "compare", "dashboard", "signoff")
ACTIONS: tuple[Action, ...] = (
    Action("open", "enter", "open", "Look", ("list",), why.no_bug, 10),
    Action("open", "enter", "open", "Look", ("bug",), why.nothing, 10),
    Action("open", "enter", "open", "Look", ("sessions",), why.no_session, 12),
    Action("bug", "b", "its bug", "Look", ("sessions",), why.no_session, 40),
    Action("filter", "slash", "filter", "Look", ("list",), why.nothing, 50),
    Action("clear", "escape", "let go of the marks, or clear the filter", "Look", ("list",), why.nothing_to_clear),
    Action("search", "slash", "search in the page", "Look", _TEXTS),
    Action("next_match", "n", "next match", "Look", _TEXTS, why.not_searched, 15, hides=True, gives_way=True),
    Action("previous_match", "N", "previous match", "Look", _TEXTS, why.not_searched, 16, hides=True, gives_way=True),
    Action("view", "tab", "next view", "Look", ("list",)),
    Action("view_back", "shift+tab", "previous view", "Look", ("list",)),
    Action("view_number", "1,2,3,4,5,6,7,8,9", "go to a view by its number", "Look", ("list",), shown="1…9"),
    Action("save_view", "w", "save the filter as a view, or take a view off", "Look", ("list",)),
    Action("columns", "C", "choose the columns", "Look", ("list",)),
    Action("sort_next", "greater_than_sign", "sort by the next column", "Look", ("list",)),
    Action("sort_previous", "less_than_sign", "sort by the column before", "Look", ("list",)),
    Action("sort_reverse", "equals_sign", "turn the order around", "Look", ("list",)),
    Action("mark", "space", "mark", "Triage", ("list",), why.no_bug, 35),
    Action("mark_all", "ctrl+a", "mark all, or none", "Triage", ("list",), why.no_bug),
    Action("mute", "m", "mute", "Triage", ("list", "bug"), why.mute, 40),
    Action("assign", "a", "assign", "Triage", ("list", "bug"), why.no_bugs),
    Action("label", "t", "label", "Triage", ("list", "bug"), why.no_bugs),
    Action("note", "n", "write a note", "Triage", ("list", "bug"), why.no_bugs),
    Action("link", "i", "link an issue, or unlink it", "Triage", ("list", "bug"), why.not_one_bug),
    Action("merge", "M", "merge", "Triage", ("list", "bug"), why.merge),
    Action("unmerge", "S", "take out of a merge", "Triage", ("list", "bug"), why.unmerge),
    Action("split", "b", "split by what differs", "Triage", ("bug",), why.split),
    Action("split", "b", "split by what differs", "Triage", ("compare",), why.split, 30),
    Action("close", "x", "close, with a reason", "Triage", ("list", "bug"), why.close),
    Action("reopen", "X", "reopen", "Triage", ("list", "bug"), why.reopen),
    Action("delete", "D", "delete", "Triage", ("list", "bug"), why.not_one_bug),
    Action("undo", "u", "undo the last act", "Triage", ("list", "bug"), why.undo),
    Action("section", "tab", "next section", "Look", _SECTIONED, why.nothing, 50),
    Action("section_back", "shift+tab", "previous section", "Look", _SECTIONED),
    Action(
        "section_number",
        "1,2,3,4,5,6,7,8,9,0",
        "go to a section by its number; 0 is the tenth",
        "Look",
        _SECTIONED,
        shown="1…9 0",
    ),
    Action("newer", "left_square_bracket", "newer occurrence", "Look", ("bug",)),
    Action("older", "right_square_bracket", "older occurrence", "Look", ("bug",)),
    Action("unfold", "z", "unfold or fold library frames", "Look", ("bug",)),
    Action("plot", "p", "plot by the hour or by the day", "Look", ("bug",)),
    Action("compare", "c", "keep an occurrence, or compare it with the kept one", "Look", ("bug",), why.no_occurrence),
    Action("only_different", "z", "only what differs", "Look", ("compare",), why.nothing, 20),
    Action("fix", "f", "fix", "Fix", ("list", "bug"), why.fix, 20),
    Action("session", "s", "session", "Fix", ("list", "bug"), why.session, 25),
    Action("allow", "y", "yes", "Fix", _STEERED, why.not_asked, 10, hides=True),
    Action("always", "a", "always", "Fix", _STEERED, why.not_always, 12, hides=True),
    # While a question is open `n` answers it; otherwise it goes from match to match.
    Action("deny", "n", "no", "Fix", _STEERED, why.not_asked, 11, hides=True, gives_way=True),
    Action("message", "m", "message the agent", "Fix", _STEERED, why.not_at_work, 20),
    Action("interrupt", "i", "interrupt", "Fix", _STEERED, why.not_at_work, 21),
    Action("take_over", "t", "take over", "Fix", ("session",), why.take_over, 22),
    Action("shell", "o", "a shell in the worktree", "Fix", ("session",), why.into_worktree),
    Action("edit", "e", "open a changed file in your editor", "Take along", ("session",), why.into_worktree),
    # Where the session is not running, `k` goes up a line as everywhere.
    Action("end", "k", "end all its processes", "Fix", ("session",), why.not_running, gives_way=True, goes_first=True),
    Action("unlock", "U", "skip the test phase, or unlock its test", "Fix", ("session",), why.no_test_phase),
    Action("send_back", "B", "send the agent back to its test, with a word", "Fix", ("session",), why.no_test_phase),
    Action("resume", "r", "resume", "Fix", ("session", "sessions", "bug", "list"), why.not_interrupted, 26, hides=True),
    Action("evidence", "E,e", "evidence", "Decide", ("list",), why.evidence, 30),
    Action("evidence", "E", "evidence", "Decide", ("bug", "session"), why.evidence, 30),
    Action("signoff", "v", "sign-off", "Decide", ("list", "bug", "session", "evidence"), why.signoff, 31),
    Action("signoff", "v", "sign-off", "Decide", ("sessions",), why.no_fix_to_decide, 30, hides=True),
    Action("sign", "y", "sign off", "Decide", ("signoff",), why.decided, 10, hides=True),
    Action("decline", "N", "leave undecided", "Decide", ("signoff",), why.decided),
    Action("note", "n", "add a note", "Decide", ("signoff",), why.decided, 12, hides=True),
    Action("reject", "x", "reject with a reason", "Decide", ("signoff",), why.decided, 11, hides=True),
    Action("undo", "u", "take the decision back", "Decide", ("signoff",), why.not_decided, 13, hides=True),
    Action("worktree", "W", "remove the worktree", "Decide", ("signoff",), why.no_worktree, 14, hides=True),
    Action("merge", "c", "copy the merge command", "Take along", ("signoff",), why.not_proposed, 95),
    Action("edit", "e", "open the frame's file in your editor", "Take along", ("bug",), why.no_occurrence),
    Action("issue", "o", "open the issue in a browser", "Take along", ("list", "bug", "signoff"), why.issue),
    Action("copy", "y", "copy: number, curl line, stack …", "Take along", ("list", "bug"), why.no_bug),
    Action("copy", "y", "copy the commit of the fix", "Take along", ("evidence",)),
    Action("copy", "Y", "copy the branch", "Take along", ("session",)),
    Action("dashboard", "d", "dashboard", "Go", ("list",), why.nothing, 60),
    Action("sessions", "A", "all fix sessions", "Go", ("list", "bug", "session")),
    Action("sessions", "A", "all fix sessions", "Go", ("dashboard",), why.nothing, 60),
    Action("open", "enter", "open", "Look", ("dashboard",), why.nothing, 10),
    Action("retry", "r", "retry a parked action", "Decide", ("dashboard",), why.not_parked, 20),
    Action(
        "back",
        "escape",
        "back",
        "Go",
        (*_TEXTS, "sessions", "help"),
        why.nothing,
        70,
    ),
    Action("help", "question_mark", "help", "Go", ("any",), why.nothing, 80),
    Action("palette", "ctrl+p", "all actions", "Go", ("any",)),
    Action("theme", "T", "choose the colours", "Go", ("any",)),
    Action("quit", "q,ctrl+c", "quit", "Go", ("any",), why.nothing, 90),
)

# Keys of every pane of lines; bound by the pane itself, so that they work wherever there is one.
MOVES: tuple[Action, ...] = (
    Action("cursor_down", "j,down", "down", "Move", ("any",)),
    Action("cursor_up", "k,up", "up", "Move", ("any",)),
    Action("half_page_down", "ctrl+d", "half a page down", "Move", ("any",)),
    Action("half_page_up", "ctrl+u", "half a page up", "Move", ("any",)),
    Action("page_down", "pagedown,ctrl+f", "a page down", "Move", ("any",)),
    Action("page_up", "pageup,ctrl+b", "a page up", "Move", ("any",)),
    Action("top", "g,home", "first line", "Move", ("any",)),
    Action("bottom", "G,end", "last line", "Move", ("any",)),
    Action("leftwards", "h,left", "left in long lines", "Move", ("any",)),
    Action("rightwards", "l,right", "right in long lines", "Move", ("any",)),
)
MOVE = "move"  # their place in a key map
FOOTER_MOST = 8
KEPT = ("back", "help")  # the way back and the way to all keys are always in the footer
NUMBERED = frozenset({"section_number", "view_number"})  # what these do depends on which of their keys is pressed
# While words are typed, all other keys are letters.
SUBMIT = Action("submit", "enter", "done", "Go", ())


def at(place: Place, keys: Keys = NO_KEYS) -> list[Action]:
    """Return the actions of a place, its own before those of everywhere, with one's own keys where `keys` has some."""
    own = [action for action in ACTIONS if place in action.places]
    found = own + [action for action in ACTIONS if "any" in action.places]
    if not keys:
        return found
    given = [(action, keys.get(f"{place}.{action.id}")) for action in found]
    return [action._replace(keys=one, shown="") if one else action for action, one in given]


def footer(place: Place, here: Here, keys: Keys = NO_KEYS, read_only: str = "") -> list[tuple[Action, str]]:
    """Return the footer's actions in order, each with why it can't be done now; `read_only` says why none changes.

    Where a place has more than fit, those that can't be done now give way first, then the last but the way to the rest.
    """
    ordered = sorted((action for action in at(place, keys) if action.footer is not None), key=lambda a: a.footer or 0)
    pairs = [(action, (read_only if action.changes else "") or action.why_not(here)) for action in ordered]
    pairs = [(action, why_not) for action, why_not in pairs if not (why_not and action.hides)]
    least = [pair for pair in reversed(pairs) if pair[0].id not in KEPT]
    least.sort(key=lambda pair: not pair[1])  # what can't be done goes before the last of the others
    for pair in least[: max(len(pairs) - FOOTER_MOST, 0)]:
        pairs.remove(pair)
    return pairs


def while_typing(place: Place) -> list[tuple[Action, str]]:
    """Return the footer's actions while words are typed."""
    leave = next(action for action in at(place) if action.keys == "escape")  # it always is: see the key map
    return [(SUBMIT, ""), (leave._replace(label="leave"), "")]


def all_keys(action: Action) -> str:
    """Return every key of an action, as people write them."""
    return action.shown or " ".join(map(shown_key, action.keys.split(",")))


def key_of(name: str, keys: Keys = NO_KEYS, place: Place | None = None) -> str:
    """Return the key of an action as it is shown to people: one's own, where there is one.

    `name` is that of an action of `place`, or of another that has it, or says its place itself: `signoff.reject`.
    """
    where, _, id_ = name.rpartition(".")
    places = [each for each in PLACES if each == where] or [each for each in (place, *PLACES) if each is not None]
    return next(action.key for each in places for action in at(each, keys) if action.id == id_)


def keys_of(place: Place, keys: Keys = NO_KEYS) -> KeyOf:
    """Return what says the keys of a place."""
    return lambda name: key_of(name, keys, place)


def moves(keys: Keys = NO_KEYS) -> list[Action]:
    """Return the keys of every pane of lines."""
    return [each._replace(keys=keys.get(f"{MOVE}.{each.id}", each.keys)) for each in MOVES]
