"""The help teaches: every command says what it does, shows an example and names its exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from workbench.cli import app as command_line
from workbench.cli.app import EXIT_CODES, NOUNS, command
from workbench.errors import Exit


def commands() -> Iterator[tuple[str, Any]]:
    root = command()
    for noun in NOUNS:
        found = root.get_command(None, noun)
        below = getattr(found, "commands", None)
        if below is None:
            yield noun, found
        else:
            yield from ((f"{noun} {name}", inner) for name, inner in below.items())


@pytest.mark.parametrize(("name", "found"), list(commands()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_teaches(name, found):
    assert found.help.strip().splitlines()[0].endswith((".", ":"))
    if " " in name:
        assert not found.get_short_help_str(limit=62).endswith("..."), "its first line is too long for the list"
    assert "Example: " in found.epilog
    assert f"workbench {name}" in found.epilog
    assert "Exit codes: 0" in found.epilog
    for parameter in found.params:
        assert parameter.help or parameter.name == "help", f"{parameter.name} has no help"


@pytest.mark.parametrize(("name", "found"), list(commands()), ids=lambda value: value if isinstance(value, str) else "")
def test_what_prints_data_takes_json(name, found):
    prints_data = name not in (
        "bugs brief",
        "verify",
        "worktrees remove",
        "sessions takeover",
        "sessions shell",
        "db upgrade",
        "db downgrade",
        "init",
        "demo",
        "serve",
        "skill install",
        "skill plugin",
        "skill uninstall",
        "skill session-start",
    )
    assert ("--json" in [word for parameter in found.params for word in parameter.opts]) == prints_data


def test_the_table_of_nouns_says_what_the_nouns_say_themselves(workbench):
    out = workbench("--help").out
    for noun, summary in NOUNS.items():
        assert f"  {noun} " in out
        assert summary in out


def test_all_exit_codes_are_documented(workbench):
    assert set(EXIT_CODES) == set(Exit)
    out = workbench("--help").out
    for code, meaning in EXIT_CODES.items():
        assert f"{code.value:>3}  {meaning}" in out


def test_help_fits_80_columns(workbench, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for words in ([], *([noun] for noun in NOUNS)):
        assert max(len(line) for line in workbench(*words, "--help").out.splitlines()) <= 80


def test_a_noun_without_a_command_shows_its_help_as_an_error(workbench):
    ran = workbench("bugs")
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert ran.err.startswith("Usage: workbench bugs")


def test_an_unknown_noun_is_wrong_usage(workbench):
    ran = workbench("bgus")
    assert ran.code == Exit.USAGE
    assert "bgus" in ran.err
    assert "workbench --help" in ran.err


def test_the_version_is_that_of_the_distribution(workbench):
    from importlib.metadata import version

    assert workbench("--version").out == f"workbench {version('bug-workbench')}\n"


HEAVY = (
    "alembic",
    "capture",
    "claude_agent_sdk",
    "django",
    "git",
    "github",
    "rich",
    "sqlalchemy",
    "sqlmodel",
    "textual",
)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["bugs", "--help"], ["nope"]])
def test_help_imports_nothing_heavy(words):
    script = (
        "import sys; from workbench.cli.edge import run; run(sys.argv[1:]);"
        f"found = [name for name in {HEAVY!r} if name in sys.modules]; assert not found, found"
    )
    subprocess.run([sys.executable, "-c", script, *words], check=True, capture_output=True, timeout=60)


def test_a_command_imports_only_its_own_file():
    script = (
        "import sys; from workbench.cli.edge import run; run(['config', '--help']);"
        "print(sorted(n for n in sys.modules if n.startswith('workbench.cli.') ))"
    )
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    imported = printed.stdout.splitlines()[-1]
    assert "workbench.cli.config" in imported
    assert "workbench.cli.bugs" not in imported
    assert command_line.__name__ in imported
