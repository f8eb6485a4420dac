"""What an agent and a person wait for at the prompt: the hook, the list and the help, with 100,000 bugs stored."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
from benchmarks import big_store
from sqlalchemy.engine import Engine

ROUNDS, BUGS = 5, 100_000
_SITE = "'shop.' || CASE WHEN id % 1000 = 0 THEN 'basket' ELSE 'm' || (id % 997) END || ':view'"
_BUGS = f"""
INSERT INTO bug (id, number, project, environment, title, kind, level, state, is_recurrence, count,
first_seen, last_seen, changed_at)
SELECT id, id, 'shop', 'production', 'KeyError: no basket with the number ' || id, 'exception', 'error',
CASE id % 10 WHEN 9 THEN 'closed' WHEN 8 THEN 'muted' WHEN 7 THEN 'review' ELSE 'open' END, id % 40 = 0, id % 90 + 1,
now() - id * interval '1 minute', now() - id * interval '30 seconds', now() FROM generate_series(1, {BUGS}) AS id
"""  # noqa: S608 (of our own)
_FINGERPRINTS = f"""
INSERT INTO fingerprint (id, project, key, version, parts, bug_id, home_id, site, count, first_seen, last_seen,
environment) SELECT id, 'shop', 'key' || id, '2', '[]', id, id, {_SITE}, 1, now(), now(), 'production' FROM bug
"""  # noqa: S608 (of our own)
HOOK, LIST, HELP = ("skill", "session-start"), ("bugs", "list", "--state", "open"), ("--help",)


def _cpu(folder: Path, *words: str) -> float:
    """Return the milliseconds of CPU, user and system, of one command and what it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv = [sys.executable, "-m", "workbench", *words]
    subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1_000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def _checkout(folder: Path) -> None:
    """Make a repository on a branch that touches a file in which bugs were raised."""
    (folder / "shop").mkdir()
    for command in ("init -q -b main", "commit -q --allow-empty -m Begin", "switch -q -c prices"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
    (folder / "shop" / "basket.py").write_text("")
    subprocess.run(["git", "add", "."], cwd=folder, check=True)


def _store(engine: Engine) -> None:
    """Store the bugs, most of them open; some were raised in shop/basket.py."""
    if engine.dialect.name == "sqlite":
        big_store.fill(engine, bugs=BUGS, occurrences=BUGS)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE fingerprint SET site = {_SITE}")  # noqa: S608 (of our own)
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in (_BUGS, _FINGERPRINTS, "ANALYZE"):
            connection.exec_driver_sql(statement.replace("%", "%%"))


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_at_the_prompt(
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    report: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CPU of whole commands, median of rounds after one that warms up, beside that of Python itself."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    _checkout(folder)
    engine: Engine = request.getfixturevalue("engine" if kind == "sqlite" else "postgres_engine")
    _store(engine)
    monkeypatch.setenv("WORKBENCH_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    hook = median([_cpu(folder, *HOOK) for _ in range(ROUNDS + 1)][1:])
    said = subprocess.run(
        [sys.executable, "-m", "workbench", *HOOK],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    ).stdout
    assert "of this branch" in said
    report(f"session-start hook, {BUGS:,} bugs, {kind}, CPU", hook, "", 0, "ms", bar="< 250 ms", met=hook < 250)


def test_cold_commands(
    tmp_path: Path, engine: Engine, report: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPU of the list and of the help, with a thousand bugs."""
    big_store.fill(engine, bugs=1_000, occurrences=1_000)
    monkeypatch.setenv("WORKBENCH_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    for words, limit in ((LIST, 300), (HELP, 150)):
        spent = median([_cpu(tmp_path, *words) for _ in range(ROUNDS + 1)][1:])
        said = f"workbench {' '.join(words)}, CPU"
        report(said, spent, "", 0, "ms", bar=f"< {limit} ms", met=spent < limit)
