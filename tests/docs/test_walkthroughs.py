"""What the docs tell a reader to do works, and prints what they say it prints."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from django.conf import empty, settings
from docs.shown import indented_commands, problem_of
from docs.walkthrough import blocks, fits, walk

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for page in ROOT.glob("docs/**/*.md") if "reference" not in page.parts)
URL = "WORKBENCH_DATABASE_URL"
WALKED = [page for page in PAGES if any(one.kind == "console" and not one.do for one in blocks(page))]


@pytest.fixture
def configured() -> Iterator[None]:
    """Django with settings for as long as the test, which modules of the site may ask for when they are imported."""
    if settings.configured:
        yield
        return
    settings.configure()
    yield
    settings._wrapped = empty


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.stem)
def test_what_is_only_shown_is_right(page: Path, configured: None) -> None:
    assert [f"line {one.line}: {wrong}" for one in blocks(page) if (wrong := problem_of(one))] == []
    assert indented_commands(page.read_text(encoding="utf-8")) == [], "write them as a console block"


def _marks(page: Path) -> list[pytest.MarkDecorator]:
    return [pytest.mark.postgres] if URL in page.read_text(encoding="utf-8") else []


@pytest.mark.parametrize("page", [pytest.param(page, marks=_marks(page), id=page.stem) for page in WALKED])
def test_a_page_can_be_followed(
    page: Path, clean_environment: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    programs = Path(sys.executable).parent
    environment = {
        **_a_readers_own(os.environ),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
    }
    if _marks(page):  # the reader's own database, written as every program of PostgreSQL's takes it
        environment[URL] = request.getfixturevalue("postgres_url").replace("+psycopg", "")
    folder = tmp_path / "reader"
    folder.mkdir()
    for step, printed, code in walk(page, folder, environment, port=_free_port()):
        where = f"{page.name}:{step.line}: $ {step.command}"
        assert code == 0, f"{where}\nended with {code}:\n{printed}"
        assert fits(step.expected, printed), f"{where}\nprinted:\n{printed}\nbut the page says:\n{step.expected}"


def _a_readers_own(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` as a reader has it: Python compiles and buffers as always, and nothing measures coverage."""
    ours = ("COVERAGE_", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in environ.items() if not name.startswith(ours)}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
