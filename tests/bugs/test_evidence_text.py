"""Evidence as Markdown: from red to green, every run, every flag, and inert whatever a test is called."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from bugs.test_inert_markdown import DANGEROUS, HOSTILE
from markdown_it import MarkdownIt

from capture.testing import NOW
from workbench.bugs.evidence_text import evidence_lines
from workbench.bugs.rows import EvidenceView


def run(name: str, outcome: str, *tests: dict[str, Any], **more: Any) -> dict[str, Any]:
    counts = {"passed": 0, "failed": 0, "errors": 0, "skipped": 0}
    return {"name": name, "commit": "b" * 40, "outcome": outcome, "seconds": 1.25, "tests": tests, **counts, **more}


RED = {"id": "tests/test_a.py::test_it", "outcome": "failed", "exception": "KeyError", "message": "'rabbit'"}
GREEN = {"id": "tests/test_a.py::test_it", "outcome": "passed"}
EVIDENCE = EvidenceView(
    7,
    None,
    "a" * 40,
    "b" * 40,
    "demonstrated",
    "the new test fails and passes",
    ({"kind": "lock file", "path": "uv.lock", "message": "was changed"},),
    (
        run("new tests on base", "failed", RED, failed=1),
        run("new tests on fix", "passed", GREEN, passed=1),
        run("suite on fix", "not run", note="no pytest"),
    ),
    NOW,
    NOW + timedelta(seconds=9),
)


def test_it_says_what_ran_where_and_what_came_out() -> None:
    assert evidence_lines(EVIDENCE) == [
        "**demonstrated**: the new test fails and passes",
        "",
        "- ✗ → ✓ tests/test_a.py::test_it (KeyError: 'rabbit')",
        "",
        "| run | at | passed | failed | errors | skipped | seconds |",
        "|---|---|---:|---:|---:|---:|---:|",
        "| new tests on base | bbbbbbbbbb | 0 | 1 | 0 | 0 | 1.25 |",
        "| new tests on fix | bbbbbbbbbb | 1 | 0 | 0 | 0 | 1.25 |",
        "| suite on fix | bbbbbbbbbb | not run: no pytest |  |  |  | 1.25 |",
        "",
        "- ⚑ lock file (uv.lock): was changed",
        "",
        "Base aaaaaaaaaa, result bbbbbbbbbb, evidence 7.",
    ]


def test_nothing_that_ran_is_said_as_that() -> None:
    bare = replace(EVIDENCE, verdict="not run", reason="no test was run", runs=(), flags=())
    assert evidence_lines(bare) == [
        "**not run**: no test was run",
        "",
        "Base aaaaaaaaaa, result bbbbbbbbbb, evidence 7.",
    ]


def test_many_tests_and_flags_are_cut() -> None:
    tests = [{"id": f"t::{n}", "outcome": "failed"} for n in range(40)]
    flags = ({"kind": "k", "message": "m"},) * 50
    lines = evidence_lines(replace(EVIDENCE, runs=(run("new tests on base", "failed", *tests),), flags=flags))
    assert "- … 30 more" in lines
    assert "- … 30 more flags" in lines


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_tests_and_files_are_called_does_nothing(text: str) -> None:
    red = {"id": text, "outcome": "failed", "exception": text, "message": text}
    flag = {"kind": text, "path": text, "message": text}
    runs = (run("new tests on base", "failed", red), run(text, "not run", note=text, commit=text))
    evidence = replace(EVIDENCE, verdict=text, reason=text, flags=(flag,), runs=runs)
    lines = evidence_lines(evidence)
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse("\n".join(lines))
    kinds = [token.type for token in tokens]
    assert kinds.count("table_open") == 1
    assert kinds.count("tr_open") == 3
    assert kinds.count("td_open") == 14
    inline = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inline} <= {"text", "strong_open", "strong_close", "text_special"}
    assert not any(kind in kinds for kind in ("html_block", "fence", "code_block", "heading_open", "hr"))
    assert not DANGEROUS.search("".join(child.content for child in inline))
