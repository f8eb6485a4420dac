"""The keys that order bugs: mute, assign, label, note, merge, close and the rest, on one bug or all marked ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from workbench.tui.screens.acting import Acting
from workbench.tui.screens.prompts import Choice, Menu, Text, Words, YesNo
from workbench.tui.words import bugs_named

if TYPE_CHECKING:
    from workbench.bugs.rows import BugPage, BugRow

FINGERPRINTS_SHOWN = 12
WHERE_REASONS_GO = "it goes into the history and onto the issue"

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
        from workbench.bugs.acts.muting import event_count, span

        if choice == "wake":
            self.act("unmute", numbers)
        elif choice == "time":
            self.ask(
                Words("For how long?", hint="30min, 8h, 7d or 2w", read=span),
                lambda length: self._mute_for(numbers, length),
            )
        elif choice == "events":
            self.ask(
                Words("Until it is seen how many more times?", value="100", read=event_count),
                lambda events: self.act("mute", numbers, MuteTerms(events=events)),
            )
        elif choice == "release":
            self.act("mute", numbers, MuteTerms(new_release=True))
        elif choice == "good":
            self.act("mute", numbers, FOR_GOOD)
        else:
            self._mute_for(numbers, span(choice))

    def _mute_for(self, numbers: Sequence[int], length: timedelta) -> None:
        from workbench.bugs.acts import MuteTerms

        until = self.workbench.clock() + length
        self.act("mute", numbers, MuteTerms(until=until.replace(microsecond=0) + timedelta(seconds=1)))

    def do_assign(self) -> None:
        """Ask who takes it; it is you unless another name is typed."""
        numbers, me = self._numbers, self.workbench.desk.person
        self.ask(
            Words(f"Assign {self._named} to whom?", value=me, hint="nobody", read=_assignee_in),
            lambda name: self.act("assign", numbers, name or None),
        )

    def do_label(self) -> None:
        """Ask for labels to put on and to take off."""
        numbers = self._numbers
        labels = sorted({name for bug in self.bugs_at_hand for name in bug.labels})
        facts = [f"Now: {' '.join(labels)}"] if labels else []

        hint = "billing -p3: puts one on, takes one off"
        self.ask(
            Words(f"Label {self._named}", hint=hint, facts=facts, read=_labels_in),
            lambda labels: self.act("label", numbers, add=labels[0], remove=labels[1]),
        )

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

        def link(number: int) -> None:
            from workbench.bugs.acts.linking import issue_url

            url = issue_url(str(self.workbench.config["github.base_url"]), repository, number)
            self.act("link", bug.number, repository=repository, issue=number, url=url)

        self.ask(Words(f"Link {bug.label} to which issue of {repository}?", hint="41", read=_issue_number), link)

    def do_merge(self) -> None:
        """Ask into which bug, or whether the marked ones are to be one; the fingerprints are shown."""
        numbers = self._numbers
        if len(numbers) > 1:
            self._ask_merge(numbers, min(numbers), self.fail)
            return

        def into(number: int) -> None:
            self._ask_merge((*numbers, number), number, lambda error: ask(bugs_named([number]), error))

        def ask(value: str = "", wrong: BaseException | None = None) -> None:
            self._ask_number(f"Merge {bugs_named(numbers)} into which bug?", into, value, wrong)

        ask()

    def _ask_number(
        self, title: str, then: Callable[[int], None], value: str = "", wrong: BaseException | None = None
    ) -> None:
        from workbench.bugs.numbers import parse_number

        self.ask(Words(title, value=value, hint="B-012", read=parse_number, wrong=wrong), then)

    def _ask_merge(self, numbers: Sequence[int], into: int, failed: Callable[[BaseException], None]) -> None:
        def ask(pages: list[BugPage]) -> None:
            facts = [f"{page.row.label}  {page.row.count:,} ×  {page.row.title}" for page in pages]
            keys = [key for page in pages for key, _parts in page.fingerprints]
            shown = ", ".join(keys[:FINGERPRINTS_SHOWN]) + (" …" if len(keys) > FINGERPRINTS_SHOWN else "")
            stays = next(page.row.label for page in pages if page.row.number == into)
            others = ", ".join(page.row.label for page in pages if page.row.number != into)
            question = YesNo(f"Merge {others} into {stays}?", [*facts, f"fingerprints {shown}"])
            self.ask(question, lambda yes: self.act("merge", numbers, into=into) if yes else None)

        pages = lambda: [self.workbench.desk.page(number) for number in sorted(set(numbers))]  # noqa: E731
        self.load(pages, ask, failed=failed, opens="decision")

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
                self._ask_duplicate(numbers)
            else:
                self.ask(
                    Words(f"Close {named} as {way}: why?", hint=WHERE_REASONS_GO, read=_reason_for("Closing")),
                    lambda reason: self.act("close", numbers, way, reason=reason),
                )

        self.ask(Menu(f"Close {named} as", (*CLOSINGS, FALSE_ALARM) if came_back else CLOSINGS), chosen)

    def _ask_duplicate(self, numbers: Sequence[int], value: str = "", wrong: BaseException | None = None) -> None:
        def close(other: int) -> None:
            def refused(error: BaseException) -> None:
                self._ask_duplicate(numbers, bugs_named([other]), error)

            self.act_or_ask("close", numbers, "duplicate", reason="", duplicate_of=other, refused=refused)

        self._ask_number(f"{bugs_named(numbers)}: a duplicate of which bug?", close, value, wrong)

    def do_reopen(self) -> None:
        """Ask why."""
        numbers = self._numbers
        self.ask(
            Words(f"Reopen {self._named}: why?", hint=WHERE_REASONS_GO, read=_reason_for("Reopening")),
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
            Words(
                f"Type {bug.label} to delete it and all its events",
                hint=bug.label,
                facts=facts,
                read=lambda words: _confirmed(bug.number, words),
            ),
            lambda words: self.delete(bug.number, words),
        )


# The acts bring the tables of the store along: not before words are there to be read.


def _assignee_in(words: str) -> str:
    from workbench.bugs.acts.sorting import assignee_in

    return assignee_in(words) if words else ""  # nobody


def _reason_for(act: str) -> Callable[[str], str]:
    def read(words: str) -> str:
        from workbench.bugs.acts.closing import reason_in

        return reason_in(words, act)

    return read


def _labels_in(words: str) -> tuple[set[str], set[str]]:
    from workbench.bugs.acts.sorting import labels_in

    return labels_in(words)


def _issue_number(words: str) -> int:
    from workbench.bugs.acts.linking import issue_number

    return issue_number(words)


def _confirmed(number: int, words: str) -> str:
    from workbench.bugs.acts.deleting import confirmed

    return confirmed(number, words)
