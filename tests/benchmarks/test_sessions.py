"""Fix sessions against what they are made of: a bare client, git's own worktree; and what watching one costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil
import pytest
from sqlalchemy.engine import Engine
from terminal import Terminal

from capture.store.intake import Batch, take_in
from capture.store.tables import FixSession, TranscriptEntry
from capture.testing import make_event
from workbench import config as configuration
from workbench import contained, fixing
from workbench.bugs import queries
from workbench.config import Config
from workbench.git import Repository
from workbench.sessions import claude, environment, record, sandbox, scenario, worktrees
from workbench.sessions.brief import RULES
from workbench.sessions.guard import TOOLS
from workbench.sessions.options import SETTINGS
from workbench.sessions.rehearsal import RehearsalModel

ROUNDS = 5
LAUNCHES = 5  # each takes some ten seconds
FORM_SECONDS = 1.5
FILES = 20_000
LINES = 50_000
PER_SECOND = 50
SECONDS = 8.0
SCENARIO = """
name = "first"
summary = "says a word, and then takes its time"
[[script]]
[[script.turn]]
[[script.turn.step]]
text = "The first word."
[[script.turn.step.tool]]
name = "Glob"
input.pattern = "*.py"
[[script.turn.step]]
text = "NOT A BUG\\n\\nIt was only measured."
delay = 3
"""


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)


def make_repository(root: Path, files: int) -> Repository:
    for number in range(files):
        path = root / f"part{number % 200}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"NUMBER = {number}\n" * 20)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return Repository.open(root)


@pytest.fixture
def config(tmp_path: Path, engine: Engine) -> Config:
    """A small repository, on a state folder and a database of its own."""
    root = tmp_path / "clinic"
    make_repository(root, 50)
    environ = {"WORKBENCH_STATE_DIR": str(tmp_path / "state"), "WORKBENCH_DATABASE_URL": str(engine.url)}
    return configuration.load(start=root, environ=environ)


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _place(repository: Repository, folder: Path, number: int) -> None:
    worktrees.create(repository, folder / "measured", number, base="HEAD", reason="measured")


@pytest.mark.parametrize("files", [50, FILES])
def test_worktrees(tmp_path: Path, files: int, report: Callable[..., None]) -> None:
    """Ours and git's own, in turn; the median of rounds."""
    repository = make_repository(tmp_path / "r", files)
    ours, theirs = [], []
    for number in range(ROUNDS):
        place = tmp_path / f"plain{number}"
        words = ("worktree", "add", "-q", "-b", f"plain{number}", str(place))
        theirs.append(seconds(lambda words=words: git(repository.root, *words)))
        ours.append(seconds(lambda: _place(repository, tmp_path, 1)))
    ratio = median(ours) / median(theirs)
    what = f"worktree of {files:,} files"
    report(
        what, median(ours) * 1e3, "git worktree add", median(theirs) * 1e3, "ms", bar="≤ 1.5 × git", met=ratio <= 1.5
    )


def _bare(config: Config, played: scenario.Scenario, home: Path, *flags: str) -> float:
    """Return the seconds from starting `claude -p` with these flags until its first word."""
    home.mkdir()
    with RehearsalModel(played, None, worktree=str(config.repo), python=sys.executable) as model:
        environ = environment.for_runner(os.environ, repo=config.repo, rehearsal_home=home) | model.environ
        words = [str(claude.find("")), "-p", "Fix bug B-001.", "--output-format", "stream-json", "--verbose"]
        words += flags
        begun = time.perf_counter()
        with subprocess.Popen(words, cwd=config.repo, env=environ, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            for line in client.stdout:
                if "The first word." in line:
                    taken = time.perf_counter() - begun
                    client.kill()
                    return taken
    raise AssertionError("the bare client said nothing")


def _flags(config: Config, folder: Path) -> list[str]:
    """Return what the client of a session is told besides: its tools, its rules and its sandbox."""
    box = sandbox.box(
        config.repo, event_file=folder / "event.json", homes=sandbox.homes_of(os.environ), checkout=config.repo,
        git_dir=config.repo / ".git", state_dir=config.state_dir, database_url="", tests=[sys.executable],
    )  # fmt: skip
    settings = json.dumps(SETTINGS | {"sandbox": box.as_settings()})
    return ["--tools", ",".join(TOOLS), "--append-system-prompt", RULES, "--strict-mcp-config", "--settings", settings]


def _launched(config: Config, engine: Engine, number: int, path: Path) -> tuple[float, float]:
    """Return the seconds from the launch key until the first word is a row, and the MiB of the runner by itself.

    As on the screen: a runner stands by from when the form opens, which a person looks at for a moment.
    """
    options = fixing.LaunchOptions(rehearse=str(path), test_first=False)
    standby = fixing.Standby(config, is_rehearsal=True)
    time.sleep(FORM_SECONDS)
    begun = time.perf_counter()
    row = fixing.launch(config, engine, number, by="Ada", options=options, now=datetime.now(UTC), standby=standby)
    while not any(entry.body.get("text") == "The first word." for entry in queries.transcript(engine, row.id)):
        assert time.perf_counter() - begun < 60, queries.session(engine, row.id).activity
        time.sleep(0.02)
    taken = time.perf_counter() - begun
    time.sleep(1)
    assert row.pid is not None
    memory = psutil.Process(row.pid).memory_full_info().uss / 2**20
    fixing.wait(engine, row.id, timeout=60)
    return taken, memory


@pytest.mark.agent
def test_from_the_launch_to_the_first_word(
    config: Config, engine: Engine, tmp_path: Path, report: Callable[..., None]
) -> None:
    """In turn with a bare client on the same model; and what the runner holds beside its agent."""
    path = tmp_path / "first.toml"
    path.write_text(SCENARIO)
    played = scenario.load(str(path))
    batch = Batch(
        journal="j",
        start=0,
        end=1,
        seen=LAUNCHES,
        events=[make_event(key=f"{n:016x}", release=None) for n in range(LAUNCHES)],
    )
    take_in(engine, batch, now=datetime.now(UTC))
    repository = Repository.open(config.repo)
    ours, bare, flagged, trees, memory = [], [], [], [], []
    flags = _flags(config, tmp_path)
    for number in range(1, LAUNCHES + 1):
        bare.append(_bare(config, played, tmp_path / f"home{number}"))
        flagged.append(_bare(config, played, tmp_path / f"flagged{number}", *flags))
        trees.append(seconds(lambda number=number: _place(repository, tmp_path, number)))
        taken, held = _launched(config, engine, number, path)
        ours.append(taken)
        memory.append(held)
    bar = 1.3 * median(bare) + median(trees)
    report(
        "launch key until the first word", median(ours), "claude -p", median(bare), "s",
        bar=f"≤ 1.3 × + worktree ({bar:.2f} s)", met=median(ours) <= bar,
    )  # fmt: skip
    report("claude -p with a session's flags", median(flagged), "claude -p", median(bare), "s")
    report("runner beside its agent", median(memory), "", 0, "MiB", bar="< 60 MiB", met=median(memory) < 60)


def _session(engine: Engine, config: Config) -> str:
    take_in(engine, Batch(journal="j", start=0, end=1, seen=1, events=[make_event()]), now=datetime.now(UTC))
    me = psutil.Process()
    fix = FixSession(
        id=str(uuid.uuid4()), bug_id=1, state="working", activity="at work", launched_by="Ada", branch="b",
        repository=str(config.repo), worktree=str(config.repo), base_commit="c", host=os.uname().nodename, pid=me.pid,
        pid_started=me.create_time(), started_at=datetime.now(UTC),
    )  # fmt: skip
    with record.transaction(engine) as session:
        session.add(fix)
    return fix.id


def _entry(session_id: str, number: int) -> TranscriptEntry:
    body = {"text": f"line {number}: the price of a rabbit is looked up in a table that has none"}
    return TranscriptEntry(session_id=session_id, at=datetime.now(UTC), kind="text", body=body)


@contextmanager
def _screen(config: Config, database: str) -> Iterator[Terminal]:
    """The terminal where a person has come to the one session there is, a key before it shows."""
    environ = dict(os.environ) | {"WORKBENCH_DATABASE_URL": database}
    with Terminal([sys.executable, "-m", "workbench"], env=environ, cwd=config.repo) as terminal:
        terminal.wait_for("B-001")
        terminal.press("A")
        terminal.wait_for("1 at work")
        yield terminal


def _until(terminal: Terminal, words: str, patience: float = 60) -> float:
    begun = time.perf_counter()
    while words not in terminal.text:
        assert time.perf_counter() - begun < patience, terminal.text
        terminal.read(0.01)
    return time.perf_counter() - begun


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def test_watching(config: Config, engine: Engine, report: Callable[..., None]) -> None:
    """The share of a core that the screen takes while a session says fifty lines a second."""
    session_id = _session(engine, config)
    over = threading.Event()

    def speak() -> None:
        number = 0
        while not over.wait(1 / PER_SECOND):
            with record.transaction(engine) as session:
                session.add(_entry(session_id, number))
            number += 1

    speaking = threading.Thread(target=speak)
    speaking.start()
    try:
        with _screen(config, str(engine.url)) as terminal:
            terminal.press("enter")
            _until(terminal, "line 20")
            before, begun = _cpu(terminal.pid), time.perf_counter()
            while time.perf_counter() - begun < SECONDS:
                terminal.read(0.05)
            share = 100 * (_cpu(terminal.pid) - before) / (time.perf_counter() - begun)
    finally:
        over.set()
        speaking.join()
    report(f"session screen at {PER_SECOND} lines/s", share, "", 0, "% of a core", bar="< 5 %", met=share < 5)


def test_a_long_transcript(config: Config, engine: Engine, report: Callable[..., None]) -> None:
    """Fifty thousand lines: until the last is on the screen, and from a key until the screen has moved."""
    session_id = _session(engine, config)
    with record.transaction(engine) as session:
        session.add_all([_entry(session_id, number) for number in range(LINES)])
    with _screen(config, str(engine.url)) as terminal:
        begun = time.perf_counter()
        terminal.press("enter")
        _until(terminal, f"line {LINES - 1}:")
        opened = time.perf_counter() - begun
        moved = []
        for _ in range(ROUNDS):
            shown = terminal.text
            begun = time.perf_counter()
            terminal.press("\x1b[5~")  # page up; listens for 50 ms, so that nothing less is told
            while terminal.text == shown:
                assert time.perf_counter() - begun < 20
                terminal.read(0.002)
            moved.append(1e3 * (time.perf_counter() - begun))
            terminal.read(0.3)
    report(f"{LINES:,} lines: until the last is shown", opened, "", 0, "s")
    report("… a page up", median(moved), "", 0, "ms", bar="≤ 100 ms", met=median(moved) <= 100)


def test_contained_runs(tmp_path: Path, report: Callable[..., None]) -> None:
    """What the sandbox of bubblewrap costs a run of tests at its start."""
    if why := contained.why_not():
        pytest.skip(why)
    box = contained.Sandbox(writable=(tmp_path,), homes=contained.homes(os.environ))
    boxed = box.wrap(["/bin/true"], tmp_path)
    ours, theirs = [], []
    for _ in range(10 * ROUNDS):
        ours.append(1e3 * seconds(lambda: subprocess.run(boxed, check=True)))
        theirs.append(1e3 * seconds(lambda: subprocess.run(["/bin/true"], check=True)))
    report("start of a contained run", median(ours), "uncontained", median(theirs), "ms")
