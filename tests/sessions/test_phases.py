"""The two phases: what opens the gate between them, what is refused before and after, and what people can do."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from capture.testing import NOW
from workbench.bugs import queries
from workbench.config import Value
from workbench.evidence.fault import Raised, RecordedFault
from workbench.evidence.report import NEW_ON_BASE, Run, TestResult
from workbench.evidence.reproducing import Reproduction, judge
from workbench.evidence.split import Split
from workbench.fixing.left_as_is import find_before_a_person, leave, work_ref
from workbench.fixing.phases import LOCKED_FLAG, Locked, Phases, not_a_bug
from workbench.git import Change, Repository
from workbench.sessions import brief
from workbench.sessions.guard import Guard
from workbench.sessions.record import Record
from workbench.sessions.rehearsal import Position, position
from workbench.sessions.said import TurnEnded

FAULT = RecordedFault("KeyError", "pricing.py", "price_of", 500, "GET", "/", None)
SPLIT = Split.of([Change("A", "tests/test_x.py")])
ENDED = TurnEnded(ok=True, interrupted=False, reason="the test is there", cost_usd=0.1, turns=1)
SHOWS = """\
from pricing import price_of


def test_a_rabbit_has_a_price():
    assert price_of("rabbit") == 25
"""


def result(outcome="failed", phase="call", *raised: Raised) -> TestResult:
    return TestResult("tests/test_x.py::test", outcome, phase, message="it broke", chain=raised)


def run(*tests: TestResult, **fields) -> Run:
    return Run(NEW_ON_BASE, "c", tests=tests, **fields)


RIGHT = Raised("KeyError", "'rabbit'", "pricing.py", "price_of", "pricing.py", "price_of")
OTHER = Raised("AssertionError", "1 == 2", "tests/test_x.py", "test", "tests/test_x.py", "test")


@pytest.mark.parametrize(
    ("fault", "made", "answer", "reason"),
    [
        (FAULT, run(result("failed", "call", RIGHT)), "reproduced", "with the recorded KeyError in price_of"),
        (None, run(result("failed", "call", OTHER)), "reproduced", "nothing was recorded to compare"),
        (FAULT, run(result("failed", "call", OTHER)), "not reproduced", "AssertionError in test"),
        (FAULT, run(result("passed")), "not reproduced", "pass on the base, where the fault still is"),
        (FAULT, run(result("skipped")), "not reproduced", "skipped"),
        (FAULT, run(result("error", "collect")), "not reproduced", "while it is imported"),
        (FAULT, run(result("error", "setup")), "not reproduced", "while it is set up"),
        (FAULT, run(trouble="no tests", note="none"), "not reproduced", "no test was found"),
        (FAULT, run(trouble="infrastructure", note="no disk"), "not run", "no disk"),
    ],
)
def test_only_a_test_that_fails_as_recorded_shows_the_fault(fault, made, answer, reason):
    found = judge(fault, made, SPLIT)
    assert found.answer == answer
    assert reason in found.reason


def test_what_new_test_code_raises_itself_is_not_the_sites_fault():
    own = Raised("KeyError", "'x'", "tests/test_x.py", "price_of", "tests/test_x.py", "price_of")
    fault = RecordedFault("KeyError", "tests/test_x.py", "price_of", 500, "GET", "/", None)
    assert judge(fault, run(result("failed", "call", own)), SPLIT).answer == "not reproduced"


@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        ("NOT A BUG\n\nIt was meant.", "It was meant."),
        ("**NOT A BUG**: it was meant.", "it was meant."),
        ("## NOT A BUG\nsee\u202e above", "see⟦U+202E⟧ above"),
        ("This is NOT A BUG of ours.", ""),
        ("NOT A BUGGY page", ""),
        ("NOT A BUG", ""),
        ("Fixed.", ""),
    ],
)
def test_only_a_message_that_begins_so_proposes_that_there_is_no_bug(said, reasons):
    assert not_a_bug(said) == reasons


def user(text):
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def words(text):
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}


def call(step):
    block = {"type": "tool_use", "id": f"toolu_rehearsal_0_{step}_0_abcd", "name": "Edit", "input": {}}
    return {"role": "assistant", "content": [block]}


def answered(text="ok"):
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": text}]}


EARLY = answered(f"Edit pricing.py: {brief.ONLY_TESTS}: there is no new or changed test file")


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        # The turn goes on after the words that ended phase one.
        ([call(0), answered(), words("written"), user(brief.now_fix(["t"]))], Position(0, 2)),
        ([call(0), answered(), words("written"), user(brief.try_again("no"))], Position(0, 2)),
        # What was refused as too early is done again in phase two, and not before.
        ([call(0), answered(), call(1), EARLY, call(2), answered(), words("done")], Position(0, 3)),
        ([call(0), answered(), call(1), EARLY, words("done"), user(brief.now_fix(["t"]))], Position(0, 1)),
        ([call(0), answered(), call(1), EARLY, words("done"), user(brief.try_again("no"))], Position(0, 3)),
        # A call whose client was killed before it had a result is made again.
        ([call(0), answered(), call(1), answered("[Tool result missing due to internal error]")], Position(0, 1)),
        # So is one that waited for the decision of a runner that was killed.
        ([call(0), answered("The user doesn't want to take this action right now. STOP what you are")], Position(0, 0)),
        # A person's words begin a turn of their own.
        ([call(0), answered(), words("written"), user("no, do better")], Position(1, 0)),
    ],
)
def test_a_rehearsal_goes_through_the_phases_in_one_turn(messages, expected):
    assert position([user("Fix bug B-001."), *messages]) == expected


@pytest.fixture
def phases(config, engine, bug, clinic, now):
    """The phases of a session in its first, in a real worktree, and the record of it."""
    import uuid

    from capture.store.tables import FixSession
    from workbench.sessions import record as records
    from workbench.sessions.worktrees import create

    place = create(Repository.open(clinic), config.state_dir, bug, base="HEAD", reason="r")
    fix = FixSession(
        id=str(uuid.uuid4()), bug_id=bug, state="working", phase="test", launched_by="Ada", repository=str(clinic),
        branch=place.branch, worktree=str(place.path), base_commit=place.base, started_at=now,
    )  # fmt: skip
    with records.transaction(engine) as session:
        session.add(fix)
    record = Record(engine, fix.id)
    event = queries.bug_page(engine, bug, now=NOW).event
    return Phases(config, record, Repository.open(clinic), place.path, event), record, place.path


def test_the_gate_opens_for_a_test_that_fails_as_recorded_and_locks_it(phases, tmp_path):
    gate, record, tree = phases
    event_file = tmp_path / "event.json"
    event_file.write_text(json.dumps({"fields": []}))
    guard = Guard(tree, event_file, ["/usr/bin/python", "-m", "pytest"], phase=gate.why_not_write)

    def write(path: str):
        return guard.decide("Write", {"file_path": str(tree / path)})

    source = write("pricing.py")
    assert (source.verdict, source.early) == ("deny", True)
    assert (write("conftest.py").early, write("tests/test_x.py").verdict) == (True, "allow")
    assert "there is no new or changed test file" in asyncio.run(gate.let_through())

    (tree / "tests" / "test_rabbits.py").write_text(SHOWS)
    assert asyncio.run(gate.let_through()) is None
    assert record.load().phase == "fix"
    assert write("pricing.py").verdict == "allow"
    locked = write("tests/test_rabbits.py")
    assert (locked.verdict, locked.early) == ("deny", False)
    assert "only a person unlocks it" in locked.reason

    again = Phases(gate._config, record, gate._repository, tree, None)  # a runner that takes the session up again
    assert (again.phase, again.locked) == ("fix", gate.locked)
    told = asyncio.run(gate.steer("unlock", "", "Bob"))
    assert told == brief.UNLOCKED
    assert write("tests/test_rabbits.py").verdict == "allow"
    asyncio.run(gate.steer("send_back", "use the API", "Bob"))
    assert (gate.phase, write("pricing.py").early) == ("test", True)


def test_a_test_that_shows_nothing_is_told_so_and_in_the_end_a_person_is_asked(phases):
    gate, record, tree = phases
    assert asyncio.run(gate.after(ENDED)) == brief.NO_TEST
    assert asyncio.run(gate.after(ENDED)) is None, "who has nothing after a reminder has ended"

    (tree / "tests" / "test_nothing.py").write_text("def test_nothing():\n    assert True\n")
    asked = []

    async def ask(question):
        asked.append(question)
        return len(asked) > 1, "" if len(asked) > 1 else "look at rabbits"

    gate.ask = ask
    told = [asyncio.run(gate.after(ENDED)) for _ in range(3)]
    assert all(text.startswith(brief.OURS) for text in told)
    assert "pass on the base" in told[0]
    assert "look at rabbits" in told[2]
    assert len(asked) == 1
    for _ in range(3):
        last = asyncio.run(gate.after(ENDED))
    assert (last, gate.phase, gate.locked) == (brief.SKIPPED, "fix", Locked())
    assert record.load().phase == "fix"


def test_source_that_a_command_has_changed_in_phase_one_has_to_be_put_back(phases):
    gate, _, tree = phases
    (tree / "tests" / "test_rabbits.py").write_text(SHOWS)
    (tree / "pricing.py").write_text("PRICES = {}\n")
    assert "put back: pricing.py" in asyncio.run(gate.after(ENDED))


def test_source_that_a_person_has_changed_meanwhile_stays_as_they_left_it(phases):
    """Whether it was found before the last runner or after; what the agent does to it later is not theirs."""
    gate, record, tree = phases
    leave(record, gate._repository.freeze(tree, work_ref(record.session_id), "kept: interrupted"))
    (tree / "pricing.py").write_text("PRICES = {}\n")
    (tree / "conftest.py").write_text("")
    event = queries.bug_page(record.engine, 1, now=NOW).event
    told = gate.leave_as_is()
    assert told == brief.left_as_is(["pricing.py", "conftest.py"])
    (tree / "tests" / "test_rabbits.py").write_text(SHOWS)
    resumed = Phases(gate._config, record, gate._repository, tree, None)
    (tree / "pricing.py").write_text("PRICES = {'rabbit': 20}\n")
    assert "put back: pricing.py\n" in (asyncio.run(resumed.after(ENDED)) or "")
    (tree / "pricing.py").write_text("PRICES = {}\n")
    resumed = Phases(gate._config, record, gate._repository, tree, event)
    assert asyncio.run(resumed.let_through()) is None
    assert (tree / "pricing.py").read_text() == "PRICES = {}\n"
    last = queries.transcript(record.engine, record.session_id)[-1].body["text"]
    assert "left as a person changed it: pricing.py, conftest.py" in last


def test_what_a_killed_runner_left_passes_for_nobodys_and_is_kept(phases):
    """The agent may have written it, so that it is put back; a person may have, so that it can be brought back."""
    gate, record, tree = phases
    (tree / "tests" / "test_rabbits.py").write_text(SHOWS)
    (tree / "pricing.py").write_text("PRICES = {}\n")
    assert gate.leave_as_is() == ""
    assert "put back: pricing.py\n" in asyncio.run(gate.after(ENDED))
    told = next(
        entry.body["text"]
        for entry in queries.transcript(record.engine, record.session_id)
        if "nobody knows who has changed pricing.py" in entry.body["text"]
    )
    (tree / "pricing.py").write_text(gate._repository.read(gate._base, "pricing.py").decode())
    assert asyncio.run(gate.let_through()) is None
    subprocess.run(shlex.split(told.partition("brings it back: ")[2]), cwd=tree, check=True)
    assert (tree / "pricing.py").read_text() == "PRICES = {}\n"


def test_an_agents_source_is_no_persons_after_a_later_kill(phases):
    """What an earlier runner wrote down in order says nothing of what a later one has left."""
    gate, record, tree = phases
    leave(record, gate._repository.freeze(tree, work_ref(record.session_id), "kept: interrupted"))
    assert gate.leave_as_is() == ""
    (tree / "pricing.py").write_text("PRICES = {}\n")  # by a command of the agent; then its runner is killed
    assert gate.leave_as_is() == ""
    assert "put back: pricing.py" in asyncio.run(gate.let_through())


def test_in_the_second_phase_source_is_for_everybody(phases):
    gate, record, tree = phases
    assert asyncio.run(gate.steer("unlock", "", "Bob")) == brief.SKIPPED
    (tree / "pricing.py").write_text("PRICES = {}\n")
    assert gate.leave_as_is() == ""
    assert [entry.kind for entry in queries.transcript(record.engine, record.session_id)] == ["phase"]


def test_what_a_person_writes_after_a_killed_runner_was_taken_over_is_theirs(phases):
    gate, record, tree = phases
    (tree / "pricing.py").write_text("PRICES = {}\n")
    find_before_a_person(record, gate._repository, tree)
    (tree / "conftest.py").write_text("")
    assert gate.leave_as_is() == brief.left_as_is(["conftest.py"])
    (tree / "tests" / "test_rabbits.py").write_text(SHOWS)
    assert "put back: pricing.py" in asyncio.run(gate.let_through())


def test_a_locked_test_is_compared_by_its_content(phases, clinic):
    gate, _, tree = phases
    repository = Repository.open(clinic)
    path = Path("tests") / "test_rabbits.py"
    (tree / path).write_text(SHOWS)
    assert asyncio.run(gate.let_through()) is None
    before = repository.freeze(tree, "refs/workbench/x/a", "a")
    assert gate.locked.flags(repository, before) == []
    for change in (lambda: (tree / path).write_text("def test():\n    pass\n"), (tree / path).unlink):
        change()
        after = repository.freeze(tree, "refs/workbench/x/b", "b")
        assert [(flag.kind, flag.path) for flag in gate.locked.flags(repository, after)] == [(LOCKED_FLAG, str(path))]


def test_the_first_phase_runs_its_test_with_the_network_that_the_setting_leaves_it(phases, monkeypatch):
    gate, _, tree = phases
    (tree / "tests" / "test_rabbits.py").write_text(SHOWS)
    asked = []
    monkeypatch.setitem(gate._config.values, "tests.network", Value("off", "test"))
    found = Reproduction("reproduced", "it fails", ("tests/test_rabbits.py",))
    monkeypatch.setattr("workbench.evidence.reproduce", lambda request, **_: asked.append(request) or found)
    assert asyncio.run(gate.let_through()) is None
    assert [request.network for request in asked] == ["off"]


def test_a_run_of_tests_ends_when_the_session_has_to(phases):
    """Whether it is under way already or about to begin."""
    gate, _, tree = phases
    (tree / "tests" / "test_slow.py").write_text("import time\n\n\ndef test_slow():\n    time.sleep(60)\n")
    gate.abandon()
    begun = time.monotonic()
    told = asyncio.run(gate.after(ENDED))
    assert time.monotonic() - begun < 30
    assert "ended by signal SIGKILL" in told
