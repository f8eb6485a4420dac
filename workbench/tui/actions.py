"""The one table of actions: what can be done where, by which key, and why it can't be done now.

The footer, the `?` sheet, the command palette and docs/keys.md are all made from it. What an action does is a
method of the screen named `do_<id>`, which calls a function below the screens. No Textual in here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from workbench.bugs.rows import BugRow, SessionRow

Place = Literal["list", "bug", "compare", "dashboard", "session", "evidence", "signoff", "help", "any"]
PLACES: dict[Place, str] = {
    "list": "Bug list",
    "bug": "Bug",
    "compare": "Two occurrences",
    "dashboard": "Dashboard",
    "session": "Fix session",
    "evidence": "Evidence",
    "signoff": "Sign-off",
    "help": "Help",
    "any": "Everywhere",
}


Keys = Mapping[str, str]  # one's own keys, by PLACE.ACTION; see workbench.tui.keymap
NO_KEYS: Keys = {}


@dataclass(frozen=True)
class Here:
    """What the keys would act on now."""

    bug: BugRow | None = None
    session: SessionRow | None = None
    asks: bool = False  # the agent waits for an answer
    has_evidence: bool = False
    decided: bool = False  # the sign-off at hand was made
    proposed: bool = True  # there is a fix to decide on
    filtered: bool = False
    marked: tuple[BugRow, ...] = ()  # the bugs that were marked, where any are
    can_undo: bool = False  # something was done in this session
    has_occurrence: bool = False  # an event is stored, and shown
    has_worktree: bool = False  # the fix that was decided on still has one
    on_parked: bool = False  # the cursor is on an owed action that was given up
    searched: bool = False  # words are looked for in the page

    @property
    def bugs(self) -> tuple[BugRow, ...]:
        """The bugs that an act on several would be done to: the marked ones, or the one at hand."""
        return self.marked or ((self.bug,) if self.bug else ())


Why = Callable[[Here], str]  # why the action can't be done now; empty when it can


def _always(_here: Here) -> str:
    return ""


def _bug(here: Here) -> str:
    return "" if here.bug else "No bug is selected."


def _bugs(here: Here) -> str:
    return "" if here.bugs else "No bug is selected."


def _one_bug(here: Here) -> str:
    return "This is done to one bug at a time: esc lets go of the marks." if len(here.bugs) > 1 else _bugs(here)


def _is(here: Here, wrong: Callable[[BugRow], str]) -> str:
    """Return why the first bug that something is wrong with cannot be acted on."""
    return _bugs(here) or next((why for bug in here.bugs if (why := wrong(bug))), "")


def _merged(bug: BugRow) -> str:
    return f"{bug.label} was merged into B-{bug.merged_into:03d}: S takes it out." if bug.merged_into else ""


def _mute(here: Here) -> str:
    def wrong(bug: BugRow) -> str:
        return f"{bug.label} is {bug.state}." if bug.state in ("closed", "fixing") else ""

    return _is(here, wrong)


def _close(here: Here) -> str:
    def wrong(bug: BugRow) -> str:
        if bug.state == "fixing":
            return f"{bug.label} is being fixed: s shows the session, which can be interrupted."
        return f"{bug.label} is closed already: X reopens it." if bug.state == "closed" else ""

    return _is(here, wrong)


def _reopen(here: Here) -> str:
    def wrong(bug: BugRow) -> str:
        return _merged(bug) or (f"{bug.label} is {bug.state}, not closed." if bug.state != "closed" else "")

    return _is(here, wrong)


def _merge(here: Here) -> str:
    return _is(here, _merged)


def _unmerge(here: Here) -> str:
    return _is(here, lambda bug: "" if bug.merged_into else f"{bug.label} was not merged into another bug.")


def _split(here: Here) -> str:
    return _is(here, lambda bug: _merged(bug) or ("Its one event cannot be split." if bug.count < 2 else ""))


def _undo(here: Here) -> str:
    return "" if here.can_undo else "Nothing was done in this session that can be undone."


def _fix(here: Here) -> str:
    if here.bug is None:
        return "No bug is selected."
    if here.bug.session_state in ("queued", "starting", "working", "needs_input", "waiting", "quiet"):
        return f"A fix session is at work on {here.bug.label} already: s shows it."
    if here.bug.state == "review":
        return f"The fix of {here.bug.label} waits for your decision: v shows it."
    if here.bug.state in ("closed", "muted"):
        return f"{here.bug.label} is {here.bug.state}."
    return ""


def _session(here: Here) -> str:
    if here.bug is None:
        return "No bug is selected."
    return "" if here.bug.session_state else f"{here.bug.label} has no fix session yet: f launches one."


def _evidence(here: Here) -> str:
    if here.has_evidence or (here.bug and here.bug.session_state):
        return ""
    return "There is no evidence yet: it is collected when a fix session ends."


def _review(here: Here) -> str:
    if here.bug is None:
        return "No bug is selected."
    if here.bug.state != "review":
        return f"{here.bug.label} is {here.bug.state}: only a bug in review can be signed off."
    return ""


def _issue(here: Here) -> str:
    if here.bug is None:
        return "No bug is selected."
    return "" if here.bug.issue else f"{here.bug.label} has no issue on GitHub."


def _occurrence(here: Here) -> str:
    return "" if here.has_occurrence else "No occurrence is stored, or none has been read (yet)."


def _parked(here: Here) -> str:
    return "" if here.on_parked else "The cursor is not on a parked action."


def _asked(here: Here) -> str:
    return "" if here.asks else "The agent asks for nothing now."


def _live(here: Here) -> str:
    if here.session and here.session.is_live:
        return ""
    in_review = here.bug is not None and here.bug.state == "review"
    further = ": v shows its fix, and x there sends it back with a reason" if in_review else ""
    return f"The session is not at work{further}."


def _phased(here: Here) -> str:
    if here.session and here.session.is_live and here.session.phase in ("test", "fix"):
        return ""
    return _live(here) or "The session makes its evidence: its test can no longer be changed."


def _resumable(here: Here) -> str:
    state = here.session.state if here.session else here.bug.session_state if here.bug else None
    return "" if state in ("interrupted", "failed") else "Only an interrupted session can be resumed."


def _undecided(here: Here) -> str:
    if here.decided:
        return "The decision is made."
    return "" if here.proposed else "No proposed fix has been read (yet)."


def _searched(here: Here) -> str:
    return "" if here.searched else "Nothing is looked for: / searches."


def _undo_decision(here: Here) -> str:
    return "" if here.decided and here.can_undo else "No decision was made here that can be taken back."


def _worktree(here: Here) -> str:
    if not here.decided:
        return "The worktree stays until the decision is made."
    return "" if here.has_worktree else "The fix has no worktree (any more)."


def _filtered(here: Here) -> str:
    return "" if here.filtered or here.marked else "Nothing is filtered or marked: / filters, space marks, q quits."


@dataclass(frozen=True)
class Action:
    """One thing to do. `keys` are Textual's names; the first is the one that is shown, as `shown` where given.

    `footer` orders the actions of the footer, lowest first; None keeps an action out of it.
    """

    id: str
    keys: str
    label: str
    group: str
    places: tuple[Place, ...]
    why_not: Why = _always
    footer: int | None = None
    shown: str = ""
    hides: bool = False  # not in the footer while it can't be done
    gives_way: bool = False  # while it can't be done, its key does what it does else

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
ACTIONS: tuple[Action, ...] = (
    Action("open", "enter", "open", "Look", ("list",), _bug, 10),
    Action("open", "enter", "open", "Look", ("bug",), _always, 10),
    Action("filter", "slash", "filter", "Look", ("list",), _always, 50, "/"),
    Action("clear", "escape", "let go of the marks, or clear the filter", "Look", ("list",), _filtered, None, "esc"),
    Action("search", "slash", "search in the page", "Look", _TEXTS, _always, None, "/"),
    Action("next_match", "n", "next match", "Look", _TEXTS, _searched, 15, hides=True, gives_way=True),
    Action("previous_match", "N", "previous match", "Look", _TEXTS, _searched, 16, hides=True, gives_way=True),
    Action("view", "tab", "next view", "Look", ("list",)),
    Action("view_back", "shift+tab", "previous view", "Look", ("list",)),
    Action("view_number", "1,2,3,4,5,6,7,8,9", "go to a view by its number", "Look", ("list",), shown="1…9"),
    Action("save_view", "w", "save the filter as a view, or take a view off", "Look", ("list",)),
    Action("columns", "C", "choose the columns", "Look", ("list",)),
    Action("sort_next", "greater_than_sign", "sort by the next column", "Look", ("list",), _always, None, ">"),
    Action("sort_previous", "less_than_sign", "sort by the column before", "Look", ("list",), _always, None, "<"),
    Action("sort_reverse", "equals_sign", "turn the order around", "Look", ("list",), _always, None, "="),
    Action("mark", "space", "mark", "Triage", ("list",), _bug, None, "space"),
    Action("mark_all", "ctrl+a", "mark all, or none", "Triage", ("list",), _bug),
    Action("mute", "m", "mute", "Triage", ("list",), _mute, 40),
    Action("mute", "m", "mute", "Triage", ("bug",), _mute),
    Action("assign", "a", "assign", "Triage", ("list", "bug"), _bugs),
    Action("label", "t", "label", "Triage", ("list", "bug"), _bugs),
    Action("note", "n", "write a note", "Triage", ("list", "bug"), _bugs),
    Action("link", "i", "link an issue, or unlink it", "Triage", ("list", "bug"), _one_bug),
    Action("merge", "M", "merge", "Triage", ("list", "bug"), _merge),
    Action("unmerge", "S", "take out of a merge", "Triage", ("list", "bug"), _unmerge),
    Action("split", "b", "split by what differs", "Triage", ("bug",), _split),
    Action("split", "b", "split by what differs", "Triage", ("compare",), _split, 30),
    Action("close", "x", "close, with a reason", "Triage", ("list", "bug"), _close),
    Action("reopen", "X", "reopen", "Triage", ("list", "bug"), _reopen),
    Action("delete", "D", "delete", "Triage", ("list", "bug"), _one_bug),
    Action("undo", "u", "undo the last act", "Triage", ("list", "bug"), _undo),
    Action("section", "tab", "next section", "Look", ("bug", "signoff", "compare", "dashboard"), _always, 50),
    Action("section_back", "shift+tab", "previous section", "Look", ("bug", "signoff", "compare", "dashboard")),
    Action(
        "section_number",
        "1,2,3,4,5,6,7,8,9,0",
        "go to a section by its number; 0 is the tenth",
        "Look",
        ("bug", "signoff", "compare", "dashboard"),
        _always,
        None,
        "1…9 0",
    ),
    Action("newer", "left_square_bracket", "newer occurrence", "Look", ("bug",), _always, None, "["),
    Action("older", "right_square_bracket", "older occurrence", "Look", ("bug",), _always, None, "]"),
    Action("unfold", "z", "unfold or fold library frames", "Look", ("bug",)),
    Action("plot", "p", "plot by the hour or by the day", "Look", ("bug",)),
    Action("compare", "c", "keep an occurrence, or compare it with the kept one", "Look", ("bug",), _occurrence),
    Action("only_different", "z", "only what differs", "Look", ("compare",), _always, 20),
    Action("fix", "f", "fix", "Fix", ("list", "bug"), _fix, 20),
    Action("session", "s", "session", "Fix", ("list", "bug"), _session, 25),
    Action("allow", "a", "allow", "Fix", ("session",), _asked, 10, hides=True),
    Action("deny", "d", "deny", "Fix", ("session",), _asked, 11, hides=True),
    Action("message", "m", "message the agent", "Fix", ("session",), _live, 20),
    Action("interrupt", "i", "interrupt", "Fix", ("session",), _live, 21),
    Action("unlock", "U", "skip the test phase, or unlock its test", "Fix", ("session",), _phased),
    Action("send_back", "B", "send the agent back to its test, with a word", "Fix", ("session",), _phased),
    Action("resume", "r", "resume", "Fix", ("session", "bug", "list"), _resumable, 26, hides=True),
    Action("evidence", "E,e", "evidence", "Decide", ("list", "session"), _evidence, 30),
    Action("evidence", "E", "evidence", "Decide", ("bug",), _evidence, 30),
    Action("signoff", "v", "sign-off", "Decide", ("list", "bug", "session", "evidence"), _review, 31),
    Action("sign", "y", "sign off", "Decide", ("signoff",), _undecided, 10, hides=True),
    Action("decline", "N", "leave undecided", "Decide", ("signoff",), _undecided),
    Action("note", "n", "add a note", "Decide", ("signoff",), _undecided, 12, hides=True),
    Action("reject", "x", "reject with a reason", "Decide", ("signoff",), _undecided, 11, hides=True),
    Action("undo", "u", "take the decision back", "Decide", ("signoff",), _undo_decision, 13, hides=True),
    Action("worktree", "W", "remove the worktree", "Decide", ("signoff",), _worktree, 14, hides=True),
    Action("merge", "c", "copy the merge command", "Take along", ("signoff",), _always, 95),
    Action("edit", "e", "open the frame's file in your editor", "Take along", ("bug",), _occurrence),
    Action("issue", "o", "open the issue in a browser", "Take along", ("list", "bug", "signoff"), _issue),
    Action("copy", "y", "copy: number, curl line, stack …", "Take along", ("list", "bug"), _bug),
    Action("copy", "y", "copy the branch", "Take along", ("session", "evidence")),
    Action("dashboard", "d", "dashboard", "Go", ("list",), _always, 60),
    Action("open", "enter", "open", "Look", ("dashboard",), _always, 10),
    Action("retry", "r", "retry a parked action", "Decide", ("dashboard",), _parked, 20),
    Action(
        "back",
        "escape",
        "back",
        "Go",
        ("bug", "compare", "dashboard", "session", "evidence", "signoff", "help"),
        _always,
        70,
        "esc",
    ),
    Action("help", "question_mark", "help", "Go", ("any",), _always, 80, "?"),
    Action("palette", "ctrl+p", "all actions", "Go", ("any",), shown="ctrl+p"),
    Action("theme", "T", "choose the colours", "Go", ("any",)),
    Action("quit", "q", "quit", "Go", ("any",), _always, 90),
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
FOOTER_MOST = 8
WRITTEN = {
    "escape": "esc", "slash": "/", "question_mark": "?", "greater_than_sign": ">", "less_than_sign": "<",
    "equals_sign": "=", "left_square_bracket": "[", "right_square_bracket": "]", "backslash": "\\", "minus": "-",
    "plus": "+", "underscore": "_", "full_stop": ".", "comma": ",", "colon": ":", "semicolon": ";", "at": "@",
    "number_sign": "#", "exclamation_mark": "!", "dollar_sign": "$", "percent_sign": "%", "ampersand": "&",
    "asterisk": "*", "tilde": "~", "vertical_line": "|", "quotation_mark": '"', "apostrophe": "'",
    "left_parenthesis": "(", "right_parenthesis": ")", "left_curly_bracket": "{", "right_curly_bracket": "}",
    "grave_accent": "`", "circumflex_accent": "^",
}  # fmt: skip
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
    return [replace(action, keys=one, shown="") if one else action for action, one in given]


def footer(place: Place, here: Here, keys: Keys = NO_KEYS, read_only: str = "") -> list[tuple[Action, str]]:
    """Return the footer's actions in order, each with why it can't be done now; `read_only` says why none changes.

    Where a place has more than fit, those that can't be done now give way first.
    """
    ordered = sorted((action for action in at(place, keys) if action.footer is not None), key=lambda a: a.footer or 0)
    pairs = [(action, (read_only if action.changes else "") or action.why_not(here)) for action in ordered]
    pairs = [(action, why_not) for action, why_not in pairs if not (why_not and action.hides)]
    surplus = len(pairs) - FOOTER_MOST
    for pair in [pair for pair in reversed(pairs) if pair[1]][: max(surplus, 0)]:
        pairs.remove(pair)
    return pairs[:FOOTER_MOST]


def while_typing(place: Place) -> list[tuple[Action, str]]:
    """Return the footer's actions while words are typed."""
    leave = next(action for action in at(place) if action.keys == "escape")  # it always is: see the key map
    return [(SUBMIT, ""), (leave, "")]


def all_keys(action: Action) -> str:
    """Return every key of an action, as people write them."""
    return action.shown or " ".join(map(shown_key, action.keys.split(",")))


def shown_key(key: str) -> str:
    """Return a key as people write it."""
    return WRITTEN.get(key, key)
