"""The pictures of the docs show the screens as they are."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TAKEN = runpy.run_path(str(ROOT / "docs" / "screenshots.py"))


@pytest.mark.parametrize("name", TAKEN["PICTURES"])
def test_a_picture_is_the_snapshot_of_its_screen(name: str) -> None:
    """After a wanted change: `make docs`."""
    snapshot = TAKEN["SNAPSHOTS"] / f"{TAKEN['PICTURES'][name]}.svg"
    assert (ROOT / "docs" / "images" / f"{name}.svg").read_bytes() == snapshot.read_bytes()


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]), ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
