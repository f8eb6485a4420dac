"""A bug in review: a repository with its fix, and the rows of the session that made it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store.tables import Bug, EvidenceRow, FingerprintRow, FixSession
from capture.testing import NOW


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=root, env=dict(os.environ), check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str, str]:
    """A repository with a base commit and a result commit."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q")
    commits = []
    for text in ("price = 1\n", "price = 2\n"):
        (root / "pricing.py").write_text(text)
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", "work")
        commits.append(git(root, "rev-parse", "HEAD"))
    return root, commits[0], commits[1]


@pytest.fixture
def bug(engine: Engine, repository: tuple[Path, str, str]) -> Callable[..., None]:
    """Puts B-012 into the database: in review, with a result and its evidence, unless the test says otherwise."""
    root, base, result = repository

    def put(state: str = "review", verdict: str | None = "demonstrated", *, has_result: bool = True) -> None:
        with Session(engine) as session:
            row = Bug(
                number=12,
                title="KeyError in price_of",
                kind="exception",
                state=state,
                first_seen=NOW,
                last_seen=NOW,
                changed_at=NOW,
            )
            session.add(row)
            session.flush()
            assert row.id is not None
            session.add(
                FingerprintRow(key="a1b2", version="1", bug_id=row.id, home_id=row.id, first_seen=NOW, last_seen=NOW)
            )
            fix = FixSession(
                id="5e55",
                bug_id=row.id,
                state="done",
                launched_by="Ada",
                repository=str(root),
                branch="bugfix/B-012",
                worktree=str(root),
                base_commit=base,
                result_commit=result if has_result else None,
                started_at=NOW,
                ended_at=NOW,
            )
            session.add(fix)
            session.flush()
            if verdict is not None:
                session.add(
                    EvidenceRow(
                        id=7,
                        bug_id=row.id,
                        session_id=fix.id,
                        base_commit=base,
                        result_commit=result,
                        verdict=verdict,
                        reason="It fails and passes.",
                        started_at=NOW,
                        ended_at=NOW,
                    )
                )
            session.commit()

    return put
