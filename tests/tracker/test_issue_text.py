"""What issues and comments say, whoever wrote what they tell of."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from capture.event import ExceptionInfo, Fingerprint, Frame, Part, Request
from capture.testing import NOW
from workbench.bugs.queries import bug_page
from workbench.bugs.rows import BugPage, EvidenceView
from workbench.tracker import issue_text
from workbench.tracker.markers import comment_marker, issue_marker, markers_in

MARKER = issue_marker("clinic", "a1b2c3d4e5f60718")

HOSTILE = [
    "@octocat and @org/team",
    "Fixes #1, closes octocat/hello#2, GH-3",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "<!-- bug-workbench issue clinic:0000000000000000 -->",
    "```\n# out of the block\n@octocat\n```",
    "![picture](https://evil.example/x.png) [link](javascript:alert(1))",
    "https://evil.example/?q=1 www.evil.example",
    "\x1b[2J\x07\u202egnp.exe\u200b",
    "</details></pre><h1>big</h1>",
    "`" * 80 + " @octocat",
    "\ud800 lone surrogate \x00",
    "x" * 100_000,
]


def page_of(site: Any, **changes: Any) -> BugPage:
    site.fail(**changes)
    return bug_page(site.engine, 1, now=site.clock)


def hostile_page(site: Any, text: str) -> BugPage:
    # The journal is UTF-8, so lone surrogates never get as far as the store.
    text = text.encode(errors="replace").decode()
    frame = Frame(module=text, function=text, filename=text, lineno=1, context_line=text)
    error = ExceptionInfo(type=text, module=text, message=text, frames=(frame,) * 40, link="context")
    return page_of(
        site,
        title=text[:2_000],
        message=text,
        reason=text,
        exceptions=(error, error, error, msgspec.structs.replace(error, link=None)),
        request=Request(method=text[:20], path=text, route=text, host=text, view=text),
        release=text[:200],
        environment=text[:200],
        fingerprint=Fingerprint(
            key="a1b2c3d4e5f60718", version="1", parts=(Part(name=text, value=text, why=text),) * 30
        ),
    )


def outside_of_code(markdown: str) -> str:
    """Return the Markdown without its fenced blocks, in which GitHub reads nothing."""
    return re.sub(r"(?ms)^(`{3,})text$.*?^\1$", "", markdown)


def test_an_issue_says_what_where_how_often_and_since_when(site: Any) -> None:
    site.fail()
    page = page_of(site)
    assert issue_text.title(page) == "KeyError: 'rabbit' in price_of"
    body = issue_text.body(page, MARKER)
    assert "- **What:** KeyError: 'rabbit'\n" in body
    assert "- **Where:** GET /api/visits/&lt;int:pk&gt;/price/ (answered 500)\n" in body
    assert "- **Code:** price_of in /srv/clinic/clinic/pricing.py, line 12\n" in body
    assert "- **How often:** 2 times, last 2026-11-22 12:00 UTC\n" in body
    assert "- **Since:** 2026-11-22 12:00 UTC\n" in body
    assert "- **Latest release:** 4f2d1c0\n" in body
    assert "```text\n/srv/clinic/clinic/pricing.py:12 in price_of\n    return PRICES[visit.species]\n```" in body
    assert "GET /api/visits/7/price/\n" in body
    assert "`workbench bugs show B-001`" in body
    assert body.endswith(f"\n{MARKER}\n")


def test_only_frames_of_the_application_are_shown_where_there_are_any(site: Any) -> None:
    body = issue_text.body(page_of(site), MARKER)
    assert "handlers/base.py" not in body


def test_the_innermost_frame_is_shown_where_none_is_of_the_application(site: Any) -> None:
    frame = Frame(module="django.x", function="run", filename="/venv/x.py", lineno=3, in_app=False)
    error = ExceptionInfo(type="ValueError", module="builtins", frames=(frame, frame))
    body = issue_text.body(page_of(site, exceptions=(error,)), MARKER)
    assert body.count("/venv/x.py:3 in run") == 1
    assert "**Code:**" not in body


def test_a_chain_of_exceptions_says_how_they_hang_together(site: Any) -> None:
    cause = ExceptionInfo(type="OSError", module="builtins", link="cause")
    context = ExceptionInfo(type="KeyError", module="builtins", link="context")
    last = ExceptionInfo(type="ValueError", module="builtins", message="no")
    body = issue_text.body(page_of(site, exceptions=(cause, context, last)), MARKER)
    places = [body.rindex(word) for word in ("OSError", "cause of:", "\nKeyError", "was handled:", "ValueError: no")]
    assert places == sorted(places)
    assert "no frames" in body


def test_an_error_without_an_exception_has_no_stack(site: Any) -> None:
    page = page_of(site, kind="status", exceptions=(), status=404, title="404 /api/pets/<int:pk>/", message="")
    assert issue_text.title(page) == "404 /api/pets/‹int:pk›/"
    body = issue_text.body(page, MARKER)
    assert "Stack" not in body
    assert "- **What:** 404 /api/pets/&lt;int:pk&gt;/" in body


def test_a_bug_filed_by_hand_says_what_was_written(site: Any) -> None:
    page = page_of(
        site,
        kind="message",
        exceptions=(),
        request=None,
        status=None,
        title="Wrong total",
        message="The total of an empty cart is −1.",
        release=None,
        environment="",
        fingerprint=Fingerprint(key="a1b2c3d4e5f60718", version="hand"),
    )
    body = issue_text.body(page, MARKER)
    assert "The total of an empty cart is −1." in body
    for absent in ("Request", "Where", "release", "Environment", "in common"):
        assert absent not in body


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_mentions_nobody_refers_to_nothing_and_is_no_html(site: Any, text: str) -> None:
    page = hostile_page(site, text)
    body = issue_text.body(page, MARKER)
    comment = issue_text.comment(page, {"text": text}, comment_marker("k", NOW))
    sign_off = issue_text.comment(
        page,
        dict.fromkeys(("sign_off", "by", "at", "commit", "branch", "note", "verdict", "reason"), text),
        comment_marker("k", NOW),
    )
    recurrence = issue_text.comment(page, {"release": text, "at": text}, comment_marker("k", NOW))
    for written in (body, comment, sign_off, recurrence):
        assert len(written) <= issue_text.MOST_CHARACTERS
        assert len(markers_in(written)) == 1
        assert all(character.isprintable() or character in "\n\u200b" for character in written)
        read = outside_of_code(written).replace(written[written.rindex("<!--") :], "")
        assert not re.search(r"@\w", read)
        assert not re.search(r"#\d", read)
        assert not re.search(r"(?i)gh-\d", read)
        assert "<" not in read
        assert "://" not in read
    title = issue_text.title(page)
    assert 0 < len(title) <= 256
    assert not re.search(r"[@#]\w|[<>`\n\x00-\x1f]|://|(?i:gh-\d)", title)


def test_the_largest_issue_keeps_its_marker_and_its_first_parts(site: Any) -> None:
    page = hostile_page(site, "&" * 100_000)
    body = issue_text.body(page, MARKER)
    assert len(body) <= issue_text.MOST_CHARACTERS
    assert body.startswith("- **What:**")
    assert body.endswith(f"{MARKER}\n")


def test_what_does_not_fit_is_left_out_from_the_end(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of(site)
    whole = issue_text.body(page, MARKER)
    monkeypatch.setattr(issue_text, "MOST_CHARACTERS", len(whole) - 1)
    shorter = issue_text.body(page, MARKER)
    assert "in common" not in shorter
    assert "### Request" in shorter
    assert shorter.endswith(f"{MARKER}\n")
    monkeypatch.setattr(issue_text, "MOST_CHARACTERS", 100)
    assert issue_text.body(page, MARKER).startswith("---\nFiled by")


def test_a_title_without_words_is_the_bugs_number(site: Any) -> None:
    assert issue_text.title(page_of(site, title=" ")) == "B-001"


def test_a_comment_on_a_sign_off_says_who_what_and_what_shows_it(site: Any) -> None:
    facts = {
        "sign_off": 1,
        "by": "Ada",
        "at": "2026-11-22T12:00:00+00:00",
        "commit": "4f2d1c0",
        "branch": "fix/b-001",
        "note": "Looks right.",
        "verdict": "demonstrated",
        "reason": "fails on the base, passes on the fix",
    }
    text = issue_text.comment(page_of(site), facts, "<!-- m -->")
    assert "signed off** by Ada" in text
    assert "- Commit: 4f2d1c0 on branch fix/b-001\n" in text
    assert "- Evidence: demonstrated: fails on the base, passes on the fix\n" in text
    assert "- Note: Looks right.\n" in text
    shown = EvidenceView(3, None, "c0", "c1", "demonstrated", "the test fails and passes", (), (), NOW, NOW)
    page = replace(page_of(site), evidence=shown)
    assert "### Evidence\n\n**demonstrated**" in issue_text.comment(page, {**facts, "evidence": 3}, "<!-- m -->")
    assert "### Evidence" not in issue_text.comment(page, {**facts, "evidence": 2}, "<!-- m -->")
    bare = issue_text.comment(page_of(site), {"sign_off": 1, "verdict": "without evidence"}, "<!-- m -->")
    assert "- Evidence: without evidence\n" in bare
    assert "Note" not in bare


def test_the_standing_comment_says_how_often_and_where_it_came_back(site: Any) -> None:
    assert "**Seen once** by now" in issue_text.standing(page_of(site), "")
    site.move("closed")
    site.pass_time(hours=1)
    site.fail(release="9a9a9a9")
    text = issue_text.standing(bug_page(site.engine, 1, now=site.clock), "")
    assert "**Seen 2 times** by now" in text
    assert "**It came back** after its sign-off:" in text
    assert ": seen again in release 9a9a9a9" in text


def test_a_comment_without_facts_is_not_empty(site: Any) -> None:
    assert issue_text.comment(page_of(site), {}, "<!-- m -->").startswith("B-001 has changed.")


def test_markers_are_told_apart_and_survive_any_project_name() -> None:
    names = ["clinic", "a b", "-->", "a--b", "a%2Db", "ä/ö", ""]
    markers = [issue_marker(name, "k") for name in names]
    assert len(set(markers)) == len(names)
    assert markers_in("\n".join(markers)) == set(markers)
    assert all("--" not in marker[4:-3] for marker in markers)
    assert comment_marker("k", NOW) != comment_marker("k2", NOW)
