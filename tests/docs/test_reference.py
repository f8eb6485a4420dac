"""What the docs have from the code says what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest
import reference

from capture import conf
from workbench.bugs.filters import fields

DOCS = Path(reference.__file__).parent
MADE = reference.made()


@pytest.mark.parametrize("path", MADE)
def test_a_file_is_what_the_code_makes(path: str) -> None:
    """After a wanted change: `make docs`."""
    assert (DOCS / path).read_text(encoding="utf-8") == MADE[path]


def test_every_file_of_the_reference_is_made() -> None:
    there = {path.relative_to(DOCS).as_posix() for path in (DOCS / "reference").iterdir()}
    assert there == {path for path in MADE if path.startswith("reference/")}


def test_the_fields_of_the_filter_are_made_within_their_page() -> None:
    assert f"## Fields\n\n{fields.markdown()}\n" in MADE["filter.md"]
    assert MADE["filter.md"].startswith("# The filter of the bug list\n")


def test_every_key_of_the_site_is_judged_and_explained() -> None:
    values = {"DATABASE_URL": 1, "RULES": 1, "FINGERPRINT": 1, "JOURNAL_DIR": 1}
    for key in conf.PURPOSES:
        wrong = conf.problems({key: values.get(key, object())})
        assert wrong, f"anything goes for {key}"
        assert key in wrong[0].message
