"""Sessions side by side, whose workbench, runners and agents are killed at random; then what is left is counted.

By hand: `python tests/sessions/storm.py --sessions 8 --kills 12 --seed 1`. Each session is played by the rehearsal
model to the real client. It exits with 1 where work, a money figure or a line of a transcript was lost.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlalchemy.engine import Engine

from capture.store.intake import Batch, take_in
from capture.testing import make_event
from workbench import config as configuration
from workbench import fixing
from workbench.bugs import queries
from workbench.bugs.rows import SessionRow
from workbench.bugs.store import open_store
from workbench.config import Config
from workbench.ended import still_running
from workbench.errors import WorkbenchError
from workbench.sessions.order import Order

STEPS = 10
ENDED = ("done",)

# A workbench that is open on the repository: it begins what waits, and notices what is lost.
WORKBENCH = """
import sys, time
from datetime import UTC, datetime
from workbench import fixing
from workbench.bugs.store import open_engine
from workbench.sessions.order import Order
order = Order.decode(sys.stdin.buffer.read())
engine = open_engine(order.database_url)
while True:
    fixing.tend(order.config, engine, now=datetime.now(UTC))
    time.sleep(0.3)
"""


@dataclass
class Seen:
    """What was once to be read of a session."""

    entries: dict[int, str] = field(default_factory=dict)
    billed: float = 0.0
    tokens: int = 0


@dataclass
class Storm:
    """The sessions, and what is wrong with them so far."""

    config: Config
    engine: Engine
    seen: dict[str, Seen] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    kills: list[str] = field(default_factory=list)

    def look(self) -> list[SessionRow]:
        """Compare what is to be read now with what once was."""
        rows = queries.sessions(self.engine)
        for row in rows:
            seen = self.seen.setdefault(row.id, Seen())
            now = {entry.id: str(entry.body) for entry in queries.transcript(self.engine, row.id)}
            lost = [each for each, body in seen.entries.items() if now.get(each) != body]
            if lost:
                self.wrong.append(f"{row.id[:8]}: {len(lost)} lines of its transcript are gone or changed")
            if row.tokens < seen.tokens:
                self.wrong.append(f"{row.id[:8]}: {seen.tokens} tokens became {row.tokens}")
            if row.cost_usd < seen.billed - 1e-9:
                self.wrong.append(f"{row.id[:8]}: ${seen.billed:.4f} became ${row.cost_usd:.4f}")
            billed = seen.billed if row.is_cost_estimated else max(seen.billed, row.cost_usd)
            self.seen[row.id] = Seen(now, billed, row.tokens)
        return rows

    def resume(self, rows: list[SessionRow]) -> None:
        for row in rows:
            if row.state in ("interrupted", "failed"):
                with suppress(WorkbenchError):
                    fixing.resume(self.config, self.engine, row.id, by="Ada", now=datetime.now(UTC))

    def kill(self, what: str, rows: list[SessionRow], chance: random.Random) -> None:
        """Kill a runner, or the agent of one, if there is one at work."""
        working = [row for row in rows if row.state == "working" and row.pid]
        chance.shuffle(working)
        for row in working:
            with suppress(psutil.Error):
                runner = psutil.Process(row.pid)
                agents = [each for each in runner.children(recursive=True) if "claude" in Path(each.exe()).name]
                victim = runner if what == "runner" else next(iter(agents), None)
                if victim is not None:
                    victim.send_signal(signal.SIGKILL)
                    self.kills.append(f"{what} of {row.id[:8]}")
                    return

    def check_ends(self) -> None:
        """Check that each session has done and told all that its scenario holds."""
        for row in queries.sessions(self.engine):
            if row.state not in ENDED:
                self.wrong.append(f"{row.id[:8]} has not come to its end: {row.state}: {row.activity}")
                continue
            entries = queries.transcript(self.engine, row.id)
            used = [entry.body for entry in entries if entry.kind == "tool_use"]
            calls = {str(body["input"].get("file_path")): body["id"] for body in used}
            answers = {entry.body["id"]: entry.body["text"] for entry in entries if entry.kind == "tool_result"}
            for step in range(STEPS):
                file = Path(row.worktree) / f"step-{step}.txt"
                if not file.exists():
                    why = answers.get(calls.get(str(file)), "it has no result")
                    self.wrong.append(f"{row.id[:8]}: the work of step {step} is gone: {why}")
                if str(file) not in calls:
                    self.wrong.append(f"{row.id[:8]}: step {step} is not in its transcript")

    def check_processes(self) -> None:
        """Check that nothing goes on that a session has started: all that it starts has its home."""
        homes = str(self.config.state_dir / "sessions")
        left = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("CLAUDE_CONFIG_DIR", "").startswith(homes):
                    left.append(process)
        # A runner goes after its last row.
        self.wrong += [f"still running: {process}" for process in still_running(left, 10)]


def scenario(folder: Path) -> Path:
    """Write the scenario that is played: files one after the other, and no evidence in the end."""
    text = 'name = "steps"\nsummary = "writes files one after the other"\n[[script]]\n[[script.turn]]\n'
    for step in range(STEPS):
        text += (
            f'[[script.turn.step]]\ntext = "Step {step}."\ndelay = 0.3\n[[script.turn.step.tool]]\nname = "Write"\n'
            f'input.file_path = "${{worktree}}/step-{step}.txt"\ninput.content = "{step}"\n'
        )
    path = folder / "steps.toml"
    path.write_text(f'{text}[[script.turn.step]]\ntext = "NOT A BUG\\n\\nAll steps were played."\n')
    return path


def make(folder: Path, sessions: int) -> Storm:
    """Make a repository, a database with so many bugs in it, and nothing else."""
    root = folder / "clinic"
    root.mkdir()
    (root / "pricing.py").write_text("PRICES = {}\n")
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        ("-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-q", "-m", "first"),
    ):
        subprocess.run(["git", *words], cwd=root, check=True)
    environ = {
        "WORKBENCH_STATE_DIR": str(folder / "state"),
        "WORKBENCH_DATABASE_URL": f"sqlite:///{folder / 'workbench.db'}",
        "WORKBENCH_AGENT_PARALLEL": str(sessions),
    }
    config = configuration.load(start=root, environ=environ)
    engine = open_store(config, create=True)
    events = [make_event(key=f"{number:016x}", release=None) for number in range(sessions)]
    batch = Batch(journal="j", start=0, end=1, seen=sessions, events=events)
    take_in(engine, batch, now=datetime.now(UTC))
    return Storm(config, engine)


class Workbench:
    """The workbench, opened again each time that it is killed."""

    def __init__(self, storm: Storm) -> None:
        self._order = Order.of(storm.config, storm.engine).encode()
        self.open()

    def open(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", WORKBENCH], stdin=subprocess.PIPE)
        assert self._process.stdin is not None
        self._process.stdin.write(self._order)
        self._process.stdin.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def run(folder: Path, *, sessions: int, kills: int, seed: int, seconds: float) -> Storm:
    """Play so many sessions with so many kills, and return what came of it."""
    chance = random.Random(seed)  # noqa: S311 - what has to be random is when, and it has to be the same again
    storm = make(folder, sessions)
    options = fixing.LaunchOptions(rehearse=str(scenario(folder)), test_first=False)
    for number in range(1, sessions + 1):
        fixing.launch(storm.config, storm.engine, number, by="Ada", options=options, now=datetime.now(UTC))
    deadline = time.monotonic() + seconds
    watching = Workbench(storm)
    try:
        while time.monotonic() < deadline:
            time.sleep(chance.uniform(0.2, 1.2))
            rows = storm.look()
            if all(row.state in ENDED for row in rows):
                break
            storm.resume(rows)
            what = chance.choice(["runner", "runner", "agent", "agent", "workbench"])
            if len(storm.kills) < kills and what == "workbench":
                watching.kill()
                storm.kills.append("workbench")
                watching.open()
            elif len(storm.kills) < kills:
                storm.kill(what, rows, chance)
    finally:
        watching.kill()
    storm.look()
    storm.check_ends()
    storm.check_processes()
    return storm


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 10_000)
    parser.add_argument("--seconds", type=float, default=300)
    given = parser.parse_args()
    os.environ["HOME"] = tempfile.mkdtemp(prefix="storm-home-")
    with tempfile.TemporaryDirectory(prefix="storm-", ignore_cleanup_errors=True) as folder:
        begun = time.monotonic()
        storm = run(Path(folder), sessions=given.sessions, kills=given.kills, seed=given.seed, seconds=given.seconds)
        said = [f"seed {given.seed}: {given.sessions} sessions in {time.monotonic() - begun:.0f} s"]
        said += [f"killed: {'; '.join(storm.kills)}", *(storm.wrong or ["nothing was lost"])]
        sys.stdout.write("\n".join(said) + "\n")
        for row in queries.sessions(storm.engine):
            if row.is_live:
                with suppress(WorkbenchError):
                    fixing.interrupt(storm.engine, row.id, by="storm", now=datetime.now(UTC))
                    fixing.wait(storm.engine, row.id, timeout=30)
    return 1 if storm.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
