"""`workbench bugs`: tables for people, JSON for programs, and captured text that does nothing."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session

from capture.store.tables import Bug
from capture.testing import NOW, make_event
from workbench.errors import Exit

# "Interfaces that stay": others build on these keys.
STAYS = {
    "number", "state", "title", "fingerprint", "exception_type", "status_code", "route", "count", "first_seen",
    "last_seen", "project", "environment", "issue",
}  # fmt: skip


def test_the_list_as_json_has_the_keys_that_stay(workbench, bug):
    ran = workbench("bugs", "list", "--json")
    (found,) = ran.json
    assert ran.code == Exit.DONE
    assert set(found) >= STAYS
    assert found["number"] == "B-001"
    assert found["state"] == "open"
    assert found["fingerprint"] == make_event().fingerprint.key
    assert found["exception_type"] == "KeyError"
    assert found["status_code"] == 500
    assert found["route"] == "/api/visits/<int:pk>/price/"
    assert found["count"] == 1
    assert datetime.fromisoformat(found["last_seen"]) == NOW
    assert found["issue"] is None


def test_a_linked_issue_is_an_object(workbench, bug, store):
    from sqlmodel import Session

    from capture.store.tables import Issue

    with Session(store) as session:
        session.add(Issue(bug_id=1, repository="acme/clinic", number=7, url="https://x/7", state="open", synced_at=NOW))
        session.commit()
    (found,) = workbench("bugs", "list", "--json").json
    told = {"repository": "acme/clinic", "number": 7, "url": "https://x/7", "state": "open", "closed_outside": False}
    assert found["issue"].items() >= told.items()
    assert "#7" in workbench("bugs", "list").out


def test_the_list_is_a_table_of_80_columns(workbench, happened, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    happened(
        make_event(), make_event(key="b" * 16, title="ValueError: 漢字 " + "long " * 40, at=NOW + timedelta(hours=1))
    )
    lines = workbench("bugs", "list").out.splitlines()
    assert lines[0].split() == ["BUG", "STATE", "TITLE", "COUNT", "SEEN", "ISSUE"]
    assert [line[:5] for line in lines[1:]] == ["B-002", "B-001"]
    assert max(map(len, lines)) <= 80
    assert "…" in lines[1]
    assert "KeyError: 'rabbit' in price_of" in lines[2]


def test_a_narrow_pipe_still_shows_titles(workbench, bug, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert "KeyErro…" in workbench("bugs", "list").out


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ([], ["B-002", "B-001"]),
        (["--state", "open"], ["B-002", "B-001"]),
        (["--state", "closed"], []),
        (["--state", "closed,open"], ["B-002", "B-001"]),
        (["--state", "closed", "--state", "open"], ["B-002", "B-001"]),
        (["--text", "valueerror"], ["B-002"]),
        (["--text", "no such text"], []),
        (["--filter", "valueerror state:open"], ["B-002"]),
        (["--filter", "!valueerror"], ["B-001"]),
        (["--filter", "assigned:me"], []),
        (["--filter", "state:open", "--text", "valueerror"], ["B-002"]),
    ],
)
def test_the_list_keeps_what_is_asked_for(workbench, happened, options, numbers):
    happened(make_event(), make_event(key="b" * 16, title="ValueError", at=NOW + timedelta(hours=1)))
    assert [found["number"] for found in workbench("bugs", "list", "--json", *options).json] == numbers


def test_bugs_are_counted_by_the_same_filter(workbench, happened):
    happened(make_event(), make_event(key="b" * 16, title="ValueError", at=NOW + timedelta(hours=1)))
    assert workbench("bugs", "count", "--filter", "valueerror or keyerror").out == "2\n"
    assert workbench("bugs", "count", "--filter", "valueerror", "--json").json == {"count": 1, "states": {"open": 1}}


@pytest.mark.parametrize("command", ["list", "count"])
def test_a_wrong_filter_is_wrong_usage_and_its_place_is_shown(workbench, store, command):
    ran = workbench("bugs", command, "--filter", "count:>1 state:opne")
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert "Did you mean open?" in ran.err
    assert "At character 10: count:>1 ▸state:opne◂" in ran.err


def test_an_unknown_state_is_wrong_usage(workbench, store):
    ran = workbench("bugs", "list", "--state", "opne")
    assert ran.code == Exit.USAGE
    assert "open, fixing, review, closed, muted" in ran.err


def test_an_empty_list_says_what_would_fill_it(workbench, store):
    ran = workbench("bugs", "list")
    assert (ran.code, ran.out) == (Exit.DONE, "")
    assert "capture_test" in ran.err
    assert "No bugs match" in workbench("bugs", "list", "--text", "x").err
    assert workbench("bugs", "list", "--json").json == []


@pytest.mark.parametrize("written", ["B-001", "b1", "1"])
def test_one_bug_shows_where_why_and_what_was_done(workbench, bug, written):
    out = workbench("bugs", "show", written).out
    for words in (
        "B-001",
        "open",
        "KeyError: 'rabbit'",
        "pricing.py",
        "return PRICES",
        "/api/visits/7/price/",
        "by system",
    ):
        assert words in out


def test_the_page_names_no_keys_of_the_screen(workbench, bug):
    out = workbench("bugs", "show", bug).out
    assert "launches a fix session" not in out
    assert "enter shows one" not in out
    assert "newer" not in out


def test_one_bug_as_json_holds_the_event_and_its_history(workbench, bug):
    found = workbench("bugs", "show", bug, "--json").json
    assert set(found) >= STAYS
    assert found["event"]["exceptions"][0]["type"] == "KeyError"
    assert found["fingerprints"][0]["parts"][0]["name"] == "exception"
    assert [step["to_state"] for step in found["history"]] == ["open"]
    assert found["occurrences"][0]["path"] == "/api/visits/7/price/"
    assert (found["evidence"], found["sessions"], found["sign_offs"]) == (None, [], [])
    assert {owed["kind"] for owed in found["owed"]} >= {"write_file"}


@pytest.mark.parametrize("words", [["show", "B-099"], ["show", "99", "--json"]])
def test_an_unknown_bug_is_a_no(workbench, store, words):
    ran = workbench("bugs", *words)
    assert (ran.code, ran.out) == (Exit.NO, "")
    assert "B-099" in ran.err


def test_what_is_no_number_is_wrong_usage(workbench, store):
    ran = workbench("bugs", "show", "KeyError")
    assert ran.code == Exit.USAGE
    assert "B-012" in ran.err


def test_a_bug_is_written_by_hand(workbench, store):
    ran = workbench("bugs", "new", "--title", "Prices lack the tax", "--text", "-", piped="Since Monday.\n")
    assert (ran.code, ran.out) == (Exit.DONE, "B-001\n")
    assert "worker" in ran.err
    page = workbench("bugs", "show", "B-001", "--json").json
    assert page["title"] == "Prices lack the tax"
    assert page["event"]["message"] == "Since Monday.\n"
    assert page["history"][0]["actor"] == "Ada Tester <ada@example.com>"


def test_without_git_the_user_of_the_system_has_written_it(workbench, store, repo, monkeypatch):
    shutil.rmtree(repo / ".git")
    monkeypatch.setenv("LOGNAME", "ada")
    workbench("bugs", "new", "--title", "No tax")
    assert workbench("bugs", "show", "B-001", "--json").json["history"][0]["actor"] == "ada"


def test_a_bug_written_by_hand_as_json(workbench, store):
    made = workbench("bugs", "new", "--title", "No tax", "--text", "At all.", "--project", "shop", "--json").json
    assert (made["number"], made["project"], made["kind"]) == ("B-001", "shop", "message")


@pytest.mark.parametrize("words", [["--title", "  "], []])
def test_a_bug_needs_a_title(workbench, store, words):
    ran = workbench("bugs", "new", *words)
    assert ran.code == Exit.USAGE
    assert "title" in ran.err
    assert workbench("bugs", "list", "--json").json == []


def test_a_text_that_is_no_text_is_wrong_usage(workbench, store):
    ran = workbench("bugs", "new", "--title", "x", "--text", "-", piped=b"\xff\xfe")
    assert ran.code == Exit.USAGE
    assert "UTF-8" in ran.err


HOSTILE = "\x1b]52;c;AAAA\x07[@click=app.verify]x[/] \u202egnp.exe \x9b2J\0 <b>"


def test_captured_text_is_inert_on_every_output(workbench, happened):
    event = make_event(title=HOSTILE, message=HOSTILE, environment=HOSTILE, project=HOSTILE, release=HOSTILE)
    happened(event)
    for words in (["list"], ["show", "B-001"], ["list", "--json"], ["show", "B-001", "--json"]):
        out = workbench("bugs", *words).out
        assert not [character for character in out if character != "\n" and not character.isprintable()]


def test_colours_are_for_terminals_without_no_color(program, bug):
    assert "\x1b" not in program("bugs", "show", bug).stdout


def test_all_bugs_in_figures(workbench, bug):
    ran = workbench("bugs", "stats", "--json")
    assert ran.code == Exit.DONE
    assert (ran.json["bugs"], ran.json["states"]["open"], ran.json["ledger"]["balanced"]) == (1, 1, True)
    assert [(site["project"], site["bugs"]) for site in ran.json["sites"]] == [("clinic", 1)]
    shown = workbench("bugs", "stats")
    assert shown.code == Exit.DONE
    assert "1 open" in " ".join(shown.out.split())
    assert "ENVIRONMENT" not in shown.out


def test_several_sites_are_told_apart_in_figures(workbench, bug, store):
    first = {"title": "x", "kind": "message", "first_seen": NOW, "last_seen": NOW, "changed_at": NOW}
    with Session(store) as session:
        session.add(Bug(number=7, project="shop", environment="staging", **first))
        session.add(Bug(number=8, project="shop", environment="live", **first))
        session.add(Bug(number=9, project="shop", environment="live", state="closed", **first))
        session.commit()
    lines = workbench("bugs", "stats").out.splitlines()
    head = next(place for place, line in enumerate(lines) if line.split()[:1] == ["PROJECT"])
    assert [line.split()[:3] for line in lines[head : head + 4]] == [
        ["PROJECT", "ENVIRONMENT", "BUGS"],
        ["clinic", "production", "1"],
        ["shop", "live", "1"],
        ["shop", "staging", "1"],
    ]


def test_how_it_stands_with_github_in_figures(workbench, bug, monkeypatch):
    assert workbench("bugs", "stats", "--json").json["github"] is None
    monkeypatch.setenv("WORKBENCH_GITHUB_REPOSITORY", "clinic/site")
    assert workbench("bugs", "stats", "--json").json["github"] == {
        "written": 0,
        "hourly_writes": 400,
        "spent": False,
        "is_read": True,
        "lists": [],
    }
    assert "0 of 400 writes" in workbench("bugs", "stats").out
