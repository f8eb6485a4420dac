"""The two phases of a session: a failing test first, judged by us on the clean base, then the fix with it locked.

The gate between them is tried when the agent ends its turn, and when it wants to write source before that. A person
can skip the first phase, unlock the test, or send the agent back to it.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench import evidence
from workbench.errors import WorkbenchError
from workbench.evidence import EvidenceReport, EvidenceRequest, Flag, RecordedFault, Reproduction, Split
from workbench.fixing import left_as_is
from workbench.fixing.left_as_is import LeftAsIs
from workbench.fixing.steering import PHASE_QUESTION
from workbench.git import Change
from workbench.sessions import brief, sandbox
from workbench.sessions.said import Ask, TurnEnded

if TYPE_CHECKING:
    from capture.event import Event
    from workbench.config import Config
    from workbench.git import Repository
    from workbench.sessions.record import Record

Phase = Literal["", "test", "fix"]  # "": without phases
TRIES = 3  # of a test that does not show the fault, until a person is asked
LOCKED_FLAG = "locked test changed"
_NOT_A_BUG = re.compile(r"[\s#*_`]*NOT A BUG(?!\w)[\s*_`.:!]*(?P<reasons>.*)", re.DOTALL)

Asks = Callable[[Ask], Awaitable[tuple[bool, str]]]


def not_a_bug(said: str) -> str:
    """Return the agent's reasons where its last message proposes that there is no bug, else an empty string."""
    found = _NOT_A_BUG.match(said)
    return brief.visible(found["reasons"].strip()) if found else ""


@dataclass(frozen=True)
class Locked:
    """The test files of phase one, and the commit that holds them as they were judged."""

    commit: str = ""
    files: tuple[str, ...] = ()

    def flags(self, repository: Repository, result: str) -> list[Flag]:
        """Return a flag for each locked file that is not in `result` as it was judged, by whatever way it changed."""
        if not self.commit:
            return []
        changed = {
            path
            for change in repository.changes(self.commit, result)
            for path in (change.path, change.old_path)
            if path in self.files
        }
        message = "The test of phase one was locked, and was changed all the same."
        return [Flag(LOCKED_FLAG, path, message) for path in sorted(changed)]


def with_flags(report: EvidenceReport, flags: list[Flag]) -> EvidenceReport:
    """Return `report` with more flags; what has to be looked at first is not demonstrated."""
    if not flags:
        return report
    verdict, reason = report.verdict, report.reason
    kinds = ", ".join(sorted({flag.kind for flag in flags}))
    if verdict == "demonstrated":
        verdict, reason = "partial", f"{reason.rstrip('.')}; but look first at: {kinds}."
    return replace(report, verdict=verdict, reason=reason, flags=(*report.flags, *flags))


class Phases:
    """The phases of one session, as its runner goes through them."""

    def __init__(
        self, config: Config, record: Record, repository: Repository, worktree: Path, event: Event | None
    ) -> None:
        fix = record.load()
        self.phase: Phase = fix.phase if fix.phase in ("test", "fix") else ""  # type: ignore[assignment]
        self.locked = Locked(fix.options.get("locked_at", ""), tuple(fix.options.get("locked", ())))
        self._left = LeftAsIs.of(fix.options)
        self._tries = int(fix.options.get("tries", 0))
        self._reminded = bool(fix.options.get("reminded"))
        self._config, self._record, self._repository, self._worktree = config, record, repository, worktree
        self._fault = RecordedFault.of(event) if event else None
        self._base, self._id = fix.base_commit, fix.id
        self._trying = asyncio.Lock()
        self._judged = ""  # the tree that was judged last, and what came out
        self._answer: Reproduction | None = None
        self._over = threading.Event()
        self.ask: Asks | None = None
        self.given_up = ""  # why a person has ended the session in its first phase

    def leave_as_is(self) -> str:
        """Find what a person has changed since an agent was here; return what the agent is told of it, or nothing."""
        self._left = left_as_is.find(self._record, self._repository, self._worktree)
        early = left_as_is.before_their_time(self._repository.changes(self._base, self._left.commit))
        theirs = [name for name in early if name in self._left.files]
        return brief.left_as_is(theirs) if theirs and self.phase == "test" else ""

    # --- what the guard asks -----------------------------------------------------------------------------------

    def why_not_write(self, path: Path) -> tuple[str, bool] | None:
        """Return why a file of the worktree may not be written now, and whether phase two would allow it."""
        name = path.as_posix()
        if name in self.locked.files and self.phase == "fix":
            return f"{name} is the test of phase one; it is locked, and only a person unlocks it", False
        if self.phase == "test" and not Split.of([Change("A", name)]).tests:
            return brief.ONLY_TESTS, True
        return None

    async def let_through(self) -> str | None:
        """Try the gate because the agent wants to write source now. Return why it stays shut, or None."""
        async with self._trying:
            if self.phase != "test":
                return None
            answer = await asyncio.to_thread(self._judge)
            if answer.answer == "reproduced":
                await asyncio.to_thread(self._begin_fix, answer)
                return None
            return f"{brief.ONLY_TESTS}: {brief.visible(answer.reason, 1000)}"

    # --- what the turn asks ------------------------------------------------------------------------------------

    async def after(self, ended: TurnEnded) -> str | None:
        """Return the prompt that follows the end of a turn, or None where the agent's part is over."""
        if not_a_bug(ended.reason):
            return None
        async with self._trying:
            if self.phase != "test":
                return None
            if not await asyncio.to_thread(self._changed):
                return await asyncio.to_thread(self._remind)
            answer = await asyncio.to_thread(self._judge)
            if answer.answer == "reproduced":
                await asyncio.to_thread(self._begin_fix, answer)
                return brief.now_fix(answer.failing)
            await asyncio.to_thread(self._count_try, answer)
        if self._tries < TRIES or self.ask is None:
            return brief.try_again(answer.reason)
        return await self._ask_a_person(answer)

    async def steer(self, kind: str, text: str, by: str) -> str:
        """Do what a person asks for between or in the phases, and return what the agent is told."""
        async with self._trying:
            if kind == "send_back":
                await asyncio.to_thread(self._begin_test, f"{by} sent it back to its test: {text}")
                return brief.send_back(text)
            skipped = self.phase == "test"
            what = "skipped the first phase" if skipped else "unlocked the test"
            await asyncio.to_thread(self._enter, "fix", f"{by} {what}.", Locked())
            return brief.SKIPPED if skipped else brief.UNLOCKED

    def abandon(self) -> None:
        """End the run of tests that is under way, or that begins now: the session has to end."""
        self._over.set()

    # --- below -------------------------------------------------------------------------------------------------

    def _changed(self) -> bool:
        return bool(self._repository.changes(self._base, self._freeze()))

    def _freeze(self) -> str:
        sandbox.clear_placeholders(self._worktree, kept=self._repository.files(self._base))
        return self._repository.freeze(self._worktree, f"refs/workbench/{self._id}/test", "the test of phase one")

    def _judge(self) -> Reproduction:
        """Run the new tests on the clean base, unless exactly these files were judged before."""
        commit = self._freeze()
        changes = self._repository.changes(self._base, commit)
        tree = str([(change.status, change.path) for change in changes]) + self._repository.diff(self._base, commit)
        if self._answer is not None and tree == self._judged:
            return self._answer
        left = self._left.still(self._repository, commit)
        written = left_as_is.before_their_time(changes)
        early, theirs = [name for name in written if name not in left], [name for name in written if name in left]
        if early:
            names = ", ".join(early[:5])
            answer = Reproduction("not reproduced", f"only tests are to be written first; put back: {names}")
        else:
            answer = self._run(commit)
            if theirs:
                answer = replace(
                    answer, reason=f"{answer.reason} (left as a person changed it: {', '.join(theirs[:5])})"
                )
        self._judged, self._answer = tree, answer
        return answer

    def _run(self, commit: str) -> Reproduction:
        request = EvidenceRequest(
            repository=self._repository.root,
            base=self._base,
            result=commit,
            fault=self._fault,
            command=self._config["tests.command"],
            timeout=self._config["tests.timeout"],
            network=self._config["tests.network"],
            workdir=self._config.state_dir / "evidence" / self._id,
        )
        try:
            return evidence.reproduce(request, progress=self._progress, over=self._over)
        except WorkbenchError as error:
            return Reproduction("not run", f"the test could not be run: {error}")

    def _progress(self, text: str) -> None:
        self._record.update(state="working", activity=text)

    def _remind(self) -> str | None:
        """Return one reminder for an agent that has written nothing; whoever still has nothing to show ends."""
        if self._reminded:
            return None
        self._reminded = True
        self._record.option(reminded=True)
        return brief.NO_TEST

    def _count_try(self, answer: Reproduction) -> None:
        self._tries += 1
        told = f"The test does not show the recorded fault (try {self._tries} of {TRIES}): {answer.reason}."
        self._record.option(tries=self._tries)
        self._record.entry("phase", text=told, phase="test", ok=False)

    async def _ask_a_person(self, answer: Reproduction) -> str | None:
        assert self.ask is not None
        allowed, note = await self.ask(_question(answer))
        if allowed:
            await asyncio.to_thread(self._enter, "fix", "A person let it go on without a test that fails.", Locked())
            return brief.SKIPPED
        self._tries = 0
        await asyncio.to_thread(self._record.option, tries=0)
        if note.strip():
            return brief.send_back(note)
        self.given_up = f"ended by a person: {answer.reason}"
        return None

    def _begin_fix(self, answer: Reproduction) -> None:
        told = f"The test shows the fault: {answer.reason}. It is locked from here on."
        self._enter("fix", told, Locked(self._repository.resolve(f"refs/workbench/{self._id}/test"), answer.files))

    def _begin_test(self, told: str) -> None:
        self._answer = None
        self._enter("test", told, Locked())

    def _enter(self, phase: Phase, told: str, locked: Locked) -> None:
        self.phase, self.locked = phase, locked
        self._record.option(locked_at=locked.commit, locked=list(locked.files))
        self._record.update(phase=phase)
        self._record.entry("phase", text=told, phase=phase, ok=True)


def _question(answer: Reproduction) -> Ask:
    title = "The test does not show the recorded fault. Go on to the fix all the same?"
    given: Mapping[str, Any] = {
        "what the run on the clean base showed": answer.reason,
        "yes": "the agent fixes the code without a test that is known to fail",
        "no, with a word": "the word goes to the agent, which tries again",
        "no": "the session ends",
    }
    return Ask(PHASE_QUESTION, dict(given), title, f"{TRIES} tries have not shown it.", None)
