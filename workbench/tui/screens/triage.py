"""The keys that order bugs: mute, assign, label, note, merge, close and the rest, on one bug or all marked ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from workbench.tui.screens.acting import Acting
from workbench.tui.screens.prompts import Choice, Menu, Text, Words, YesNo
from workbench.tui.words import bugs_named

if TYPE_CHECKING:
    from workbench.bugs.rows import BugPage, BugRow

FINGERPRINTS_SHOWN = 12

MUTES: tuple[Choice, ...] = (
    ("1h", "h", "for an hour"),
    ("1d", "d", "for a day"),
    ("7d", "w", "for a week"),
    ("time", "t", "for another time …"),
    ("events", "n", "until it is seen N more times …"),
    ("release", "r", "until it is seen in a new release"),
    ("good", "g", "for good: its events are only counted"),
)
CLOSINGS: tuple[Choice, ...] = (
    ("not a bug", "n", "not a bug: it stays closed, whatever comes"),
    ("duplicate", "d", "a duplicate of another bug …"),
    ("fixed", "f", "fixed elsewhere: it comes back if it happens again"),
)
FALSE_ALARM: Choice = ("false alarm", "a", "a false alarm: its release lacks the fix, and the sign-off stands")


class Triage(Acting):
    """Acts on `bugs_at_hand`: the marked bugs, or the one that is selected or shown."""

    @property
    def bugs_at_hand(self) -> tuple[BugRow, ...]:
        """The bugs that these keys act on."""
        raise NotImplementedError

    @property
    def _numbers(self) -> tuple[int, ...]:
        return tuple(bug.number for bug in self.bugs_at_hand)

    @property
    def _named(self) -> str:
        return bugs_named(self._numbers)

    # --- the acts ----------------------------------------------------------------------------------------------

    def do_mute(self) -> None:
        """Ask for how long."""
        numbers = self._numbers
        all_muted = all(bug.state == "muted" for bug in self.bugs_at_hand)
        choices = ((("wake", "u", "unmute"),) if all_muted else ()) + MUTES
        self.ask(Menu(f"Mute {self._named}", choices), lambda choice: self._mute(numbers, choice))

    def _mute(self, numbers: Sequence[int], choice: str) -> None:
        from workbench.bugs.acts import FOR_GOOD, MuteTerms

        if choice == "wake":
            self.act("unmute", numbers)
        elif choice == "time":
            self.ask(Words("For how long?", hint="30min, 8h, 7d or 2w"), lambda words: self._mute_for(numbers, words))
        elif choice == "events":
            self.ask(
                Words("Until it is seen how many more times?", value="100"),
                lambda words: self._mute_events(numbers, words),
            )
        elif choice == "release":
            self.act("mute", numbers, MuteTerms(new_release=True))
        elif choice == "good":
            self.act("mute", numbers, FOR_GOOD)
        else:
            self._mute_for(numbers, choice)

    def _mute_for(self, numbers: Sequence[int], length: str) -> None:
        from workbench.bugs.acts import MuteTerms
        from workbench.bugs.acts.muting import span
        from workbench.errors import UsageError

        try:
            until = self.workbench.clock() + span(length)
        except UsageError as error:
            self.fail(error)
        else:
            self.act("mute", numbers, MuteTerms(until=until.replace(microsecond=0) + timedelta(seconds=1)))

    def _mute_events(self, numbers: Sequence[int], words: str) -> None:
        from workbench.bugs.acts import MuteTerms

        if words.isascii() and words.isdigit():
            self.act("mute", numbers, MuteTerms(events=int(words[:12])))
        else:
            self.say(f"{words!r} is not a number.", "bad")

    def do_assign(self) -> None:
        """Ask who takes it; it is you unless another name is typed."""
        numbers, me = self._numbers, self.workbench.desk.person
        self.ask(
            Words(f"Assign {self._named} to whom?", value=me, hint="nobody"),
            lambda name: self.act("assign", numbers, name or None),
        )

    def do_label(self) -> None:
        """Ask for labels to put on and to take off."""
        numbers = self._numbers
        labels = sorted({name for bug in self.bugs_at_hand for name in bug.labels})
        facts = [f"Now: {' '.join(labels)}"] if labels else []

        def put(words: str) -> None:
            names = words.split()
            add = [name.removeprefix("+") for name in names if not name.startswith("-")]
            remove = [name[1:] for name in names if name.startswith("-")]
            if names:
                self.act("label", numbers, add=add, remove=remove)

        self.ask(Words(f"Label {self._named}", hint="billing -p3: puts one on, takes one off", facts=facts), put)

    def do_note(self) -> None:
        """Let a note be written, or one that was left or could not be kept be written on."""
        numbers = self._numbers
        draft = self.workbench.writing.draft(numbers)
        editor = Text(f"Note on {self._named}", value=draft, left=lambda text: self.leave_note(numbers, draft, text))
        self.ask(editor, lambda text: self.write_note(numbers, draft, text))

    def do_link(self) -> None:
        """Ask for the issue's number, or let go of the issue."""
        (bug,) = self.bugs_at_hand
        if bug.issue is not None:
            named = f"{bug.issue.repository}#{bug.issue.number}"
            self.ask(
                YesNo(f"Unlink {bug.label} from {named}?", ["The issue stays as it is on GitHub."]),
                lambda yes: self.act("unlink", bug.number) if yes else None,
            )
            return
        repository = str(self.workbench.config["github.repository"] or "")
        if not repository:
            cure = (
                'Set it: github.repository = "owner/name" in [tool.workbench] of pyproject.toml, then open this anew.'
            )
            self.say("No repository on GitHub is set, so there are no issues to link.", "warn", cure=cure)
            return

        def link(words: str) -> None:
            from workbench.bugs.acts.linking import issue_url

            number = words.removeprefix("#")
            if not (number.isascii() and number.isdigit()):
                self.say(f"{words!r} is not the number of an issue.", "bad")
                return
            url = issue_url(str(self.workbench.config["github.base_url"]), repository, int(number))
            self.act("link", bug.number, repository=repository, issue=int(number), url=url)

        self.ask(Words(f"Link {bug.label} to which issue of {repository}?", hint="41"), link)

    def do_merge(self) -> None:
        """Ask into which bug, or whether the marked ones are to be one; the fingerprints are shown."""
        numbers = self._numbers
        if len(numbers) > 1:
            self._ask_merge(numbers, min(numbers))
            return
        bug = self.bugs_at_hand[0]

        def into(words: str) -> None:
            from workbench.bugs.numbers import parse_number
            from workbench.errors import UsageError

            try:
                number = parse_number(words)
            except UsageError as error:
                self.fail(error)
            else:
                self._ask_merge((bug.number, number), number)

        self.ask(Words(f"Merge {bug.label} into which bug?", hint="B-012"), into)

    def _ask_merge(self, numbers: Sequence[int], into: int) -> None:
        def ask(pages: list[BugPage]) -> None:
            facts = [f"{page.row.label}  {page.row.count:,} ×  {page.row.title}" for page in pages]
            keys = [key for page in pages for key, _parts in page.fingerprints]
            shown = ", ".join(keys[:FINGERPRINTS_SHOWN]) + (" …" if len(keys) > FINGERPRINTS_SHOWN else "")
            stays = next(page.row.label for page in pages if page.row.number == into)
            others = ", ".join(page.row.label for page in pages if page.row.number != into)
            question = YesNo(f"Merge {others} into {stays}?", [*facts, f"fingerprints {shown}"])
            self.ask(question, lambda yes: self.act("merge", numbers, into=into) if yes else None)

        self.load(lambda: [self.workbench.desk.page(number) for number in sorted(set(numbers))], ask, opens="decision")

    def do_unmerge(self) -> None:
        """Take merged bugs out again."""
        self.act("unmerge", self._numbers)

    def do_close(self) -> None:
        """Ask as what, and why."""
        numbers, named = self._numbers, self._named
        came_back = all(bug.is_recurrence and bug.state == "open" for bug in self.bugs_at_hand)

        def chosen(way: str) -> None:
            if way == "false alarm":
                self.act("close_false_alarm", numbers)
            elif way == "duplicate":
                self.ask(
                    Words(f"{named}: a duplicate of which bug?", hint="B-012"),
                    lambda words: self._close_duplicate(numbers, words),
                )
            else:
                self.ask(
                    Words(f"Close {named} as {way}: why?", hint="it goes into the history and onto the issue"),
                    lambda reason: self.act("close", numbers, way, reason=reason),
                )

        self.ask(Menu(f"Close {named} as", (*CLOSINGS, FALSE_ALARM) if came_back else CLOSINGS), chosen)

    def _close_duplicate(self, numbers: Sequence[int], words: str) -> None:
        from workbench.bugs.numbers import parse_number
        from workbench.errors import UsageError

        try:
            other = parse_number(words)
        except UsageError as error:
            self.fail(error)
        else:
            self.act("close", numbers, "duplicate", reason="", duplicate_of=other)

    def do_reopen(self) -> None:
        """Ask why."""
        numbers = self._numbers
        self.ask(
            Words(f"Reopen {self._named}: why?", hint="it goes into the history and onto the issue"),
            lambda reason: self.act("reopen", numbers, reason=reason),
        )

    def do_delete(self) -> None:
        """Ask for the number to be typed."""
        (bug,) = self.bugs_at_hand
        facts = [
            f"{bug.count:,} event(s) go with it, for good.",
            f"If it happens again it is a new bug; {self.key('mute')} mutes this one instead.",
        ]

        self.ask(
            Words(f"Type {bug.label} to delete it and all its events", hint=bug.label, facts=facts),
            lambda words: self.delete(bug.number, words),
        )
