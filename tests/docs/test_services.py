"""The units and the Procfile of docs/howto/production.md start what the page itself has run, and systemd takes them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from docs.walkthrough import blocks, steps

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "production.md"
HOME = "/srv/shop"
WRITTEN = {block.what: block.text for block in blocks(PAGE) if block.do == "write"}
UNITS = {name: text for name, text in WRITTEN.items() if name.endswith((".service", ".timer"))}
# What the page runs, and a test sees succeed: tests/docs/test_walkthroughs.py.
RUN = [step.command for block in blocks(PAGE) if block.kind == "console" and not block.do for step in steps(block)]


def _is_run(command: str) -> bool:
    return any(re.fullmatch(rf"{re.escape(command)}( 2> \S+ &)?", each) for each in RUN)


def test_there_is_a_unit_for_the_site_the_worker_and_the_drain() -> None:
    assert [*UNITS] == ["shop.service", "shop-worker.service", "shop-drain.service", "shop-drain.timer"]


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_a_unit_starts_what_the_page_has_run(name: str) -> None:
    (command,) = re.findall(r"^ExecStart=(.+)$", UNITS[name], re.MULTILINE)
    assert _is_run(command.removeprefix(f"{HOME}/.venv/bin/"))


def test_each_line_of_the_procfile_starts_what_the_page_has_run() -> None:
    lines = dict(line.split(": ", 1) for line in WRITTEN["Procfile"].splitlines())
    lines["drain"] = re.sub(r"while sleep \d+; do (.+); done", r"\1", lines["drain"])
    assert [name for name, command in lines.items() if not _is_run(command)] == []


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """With the programs of this environment for those in /srv/shop. Where there is no systemd, the programs exist."""
    programs = Path(sys.executable).parent
    for name, text in UNITS.items():
        here = text.replace(f"{HOME}/.venv/bin", str(programs)).replace(HOME, str(tmp_path))
        (tmp_path / name).write_text(here, encoding="utf-8")
        for program in re.findall(r"^ExecStart=(\S+)", here, re.MULTILINE):
            assert shutil.which(program), f"{name} starts {program}, which is not there"
    if shutil.which("systemd-analyze"):
        files = [str(tmp_path / name) for name in UNITS]
        ran = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, "")
