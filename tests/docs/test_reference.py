"""The reference pages of the docs say what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from capture import conf

ROOT = Path(__file__).parents[2]
REFERENCE = runpy.run_path(str(ROOT / "docs" / "reference.py"))


@pytest.mark.parametrize("page", REFERENCE["PAGES"])
def test_a_page_is_what_the_code_makes(page: str) -> None:
    """After a wanted change: `make docs`."""
    assert (ROOT / "docs" / "reference" / f"{page}.md").read_text(encoding="utf-8") == REFERENCE["text_of"](page)


def test_every_key_of_the_site_is_judged_and_explained() -> None:
    values = {"DATABASE_URL": 1, "RULES": 1, "FINGERPRINT": 1, "JOURNAL_DIR": 1}
    for key in conf.PURPOSES:
        wrong = conf.problems({key: values.get(key, object())})
        assert wrong, f"anything goes for {key}"
        assert key in wrong[0].message
