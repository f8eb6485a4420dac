"""`workbench bugs mute|assign|merge|close|…`: one or many bugs, refusals that change nothing, undo."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from signoff import came_back

from capture.testing import NOW, make_event
from workbench.errors import Exit


@pytest.fixture
def three(happened):
    """B-001 to B-003."""
    happened(*(make_event(key=key * 16) for key in "abc"))


def one(workbench, number="B-001"):
    return workbench("bugs", "show", number, "--json").json


@pytest.mark.parametrize(
    ("command", "key", "value"),
    [
        (["mute"], "muted", {"until": None, "events": None, "new_release": False}),
        (["mute", "--events", "5", "--new-release"], "muted", {"until": None, "events": 5, "new_release": True}),
        (["assign", "--to", "Bob"], "assignee", "Bob"),
        (["assign", "--to", "me"], "assignee", "Ada Tester <ada@example.com>"),
        (["label", "--add", "p1", "--add", "ui"], "labels", ["p1", "ui"]),
    ],
)
def test_an_act_is_done_on_several_bugs_and_undone(workbench, three, command, key, value):
    before = one(workbench)[key]
    ran = workbench("bugs", command[0], "B-001", "2", *command[1:], typed="")
    assert ran.code == Exit.DONE
    assert "B-001 and B-002" in ran.out
    assert [one(workbench, number)[key] for number in ("1", "2", "3")] == [value, value, before]
    assert workbench("bugs", "undo").code == Exit.DONE
    assert one(workbench, "2")[key] == before
    assert workbench("bugs", "undo").code == Exit.NO


def test_a_result_as_json_names_the_bugs_and_the_acts(workbench, three):
    done = workbench("bugs", "note", "3", "1", "--text", "hm", "--json").json
    assert done == {"done": True, "text": "Noted on B-001 and B-003.", "bugs": ["B-001", "B-003"], "acts": [1, 2]}
    assert [note["text"] for note in one(workbench, "3")["notes"]] == ["hm"]
    workbench("bugs", "assign", "1", "--to", "Bob")
    assert workbench("bugs", "assign", "1", "--to", "Bob", "--json").json["done"] is False


def test_a_note_comes_from_the_input(workbench, three):
    workbench("bugs", "note", "1", "--text", "-", piped="two\nlines\n")
    assert one(workbench)["notes"][0]["text"] == "two\nlines"


def test_a_mute_for_a_time_ends_then(workbench, three):
    assert "muted until 20" in workbench("bugs", "mute", "1", "--for", "7d", typed="").out
    assert one(workbench)["muted"]["until"].endswith("+00:00")
    assert workbench("bugs", "unmute", "1").code == Exit.DONE
    assert one(workbench)["muted"] is None


@pytest.mark.parametrize(
    "words",
    [
        ["mute", "1", "--for", "soon"],
        ["mute", "1", "--until", "2020-01-01"],
        ["mute", "1", "--until", "x"],
        ["mute", "1", "--for", "1d", "--until", "2030-01-01"],
        ["assign", "1"],
        ["assign", "1", "--to", "x", "--nobody"],
        ["label", "1"],
        ["label", "1", "--add", "two words"],
        ["note", "1", "--text", " "],
        ["merge", "1"],
        ["close", "1"],
        ["close", "1", "--fixed", "--not-a-bug"],
        ["link", "1", "5"],
        ["mute", "x"],
    ],
)
def test_words_that_do_not_fit_are_wrong_usage_with_a_cure(workbench, three, words):
    ran = workbench("bugs", *words, typed="")
    assert ran.code == Exit.USAGE
    assert len(ran.err.strip().splitlines()) >= 2
    assert one(workbench)["acts"] == []


def test_one_bug_that_is_not_there_stops_the_act_for_all(workbench, three):
    ran = workbench("bugs", "assign", "1", "99", "--to", "Bob")
    assert (ran.code, "no bug B-099" in ran.err) == (Exit.NO, True)
    assert one(workbench)["assignee"] is None


def test_a_merge_shows_the_fingerprints_and_asks(workbench, three):
    asked = workbench("bugs", "merge", "2", "1", typed="\n")
    assert (asked.code, asked.out) == (Exit.NO, "")
    assert "fingerprint " + "b" * 16 in asked.err
    assert "Merge B-002 into B-001? (y/N)" in asked.err
    assert workbench("bugs", "merge", "2", "1", typed="y\n").out == "B-002 merged into B-001.\n"
    assert one(workbench, "2")["merged_into"] == "B-001"
    assert [bug["number"] for bug in one(workbench)["merged"]] == ["B-002"]
    listed = workbench("bugs", "list", "--json").json
    assert sorted(bug["number"] for bug in listed) == ["B-001", "B-003"], "as on the screen"
    assert workbench("bugs", "count").out.strip().endswith("2")
    assert "B-002" in workbench("bugs", "list", "--filter", "is:merged").out
    assert workbench("bugs", "merge", "3", "1", "--into", "3", "--yes").out == "B-001 merged into B-003.\n"
    assert workbench("bugs", "unmerge", "1", "2").code == Exit.DONE
    assert [one(workbench, str(number))["count"] for number in (1, 2, 3)] == [1, 1, 1]


def test_a_split_says_what_becomes_of_events_to_come(workbench, happened):
    happened(make_event(release="r1"), make_event(release="r2"))
    ran = workbench("bugs", "split", "B-001", "--by", "release=r2")
    assert ran.code == Exit.DONE
    assert "1 stored event with release r2 split off B-001: B-002." in ran.out
    assert "Only stored events moved" in ran.out
    assert one(workbench, "2")["count"] == 1
    assert workbench("bugs", "undo").code == Exit.DONE
    assert one(workbench)["count"] == 2
    assert workbench("bugs", "split", "1", "--by", "release=r1", "--json").code == Exit.NO  # of a merge: unmerge


def test_all_that_a_split_goes_by_is_in_its_help(workbench):
    from workbench.bugs.differing import FIELDS

    helped = " ".join(workbench("bugs", "split", "--help").out.replace("│", " ").split())
    assert all(field in helped for field in FIELDS)


def test_closing_is_a_persons_act_and_asks(workbench, three, monkeypatch):
    close = ["bugs", "close", "1", "--not-a-bug", "--reason", "a scanner"]
    assert workbench(*close, piped="y\n").code == Exit.USAGE
    assert workbench(*close, typed="\n").code == Exit.NO
    ran = workbench(*close, typed="y\n")
    assert (ran.code, ran.out) == (Exit.DONE, "B-001 closed: not a bug.\n")
    assert one(workbench)["closed_as"] == "not a bug"
    assert workbench("bugs", "reopen", "1", "--reason", "it is").code == Exit.DONE
    monkeypatch.setenv("CLAUDECODE", "1")
    for words in (close, ["bugs", "delete", "1"], ["bugs", "mute", "1"], ["bugs", "undo"]):
        ran = workbench(*words, typed="y\n")
        assert (ran.code, "Only a person" in ran.err) == (Exit.NO, True)
    assert workbench("bugs", "list").code == Exit.DONE


def test_a_deletion_needs_the_number_typed(workbench, three):
    assert workbench("bugs", "delete", "1", typed="y\n").code == Exit.NO
    assert workbench("bugs", "delete", "1", typed="B-001\n").code == Exit.DONE
    assert workbench("bugs", "show", "1").code == Exit.NO


def test_an_issue_is_linked_in_the_repository_of_the_settings(workbench, three, repo):
    (repo / "workbench.toml").write_text('[github]\nrepository = "acme/clinic"\n')
    assert workbench("bugs", "link", "1", "41").code == Exit.DONE
    issue = one(workbench)["issue"]
    assert (issue["repository"], issue["url"]) == ("acme/clinic", "https://github.com/acme/clinic/issues/41")
    assert workbench("bugs", "unlink", "1").code == Exit.DONE


def test_bugs_are_counted(workbench, three):
    workbench("bugs", "mute", "1", typed="")
    assert workbench("bugs", "count").out == "3\n"
    assert workbench("bugs", "count", "--state", "muted").out == "1\n"
    assert workbench("bugs", "count", "--json").json == {"count": 3, "states": {"muted": 1, "open": 2}}


def test_the_shell_completes_commands_and_bugs(program, three, repo):
    def completed(words: str) -> str:
        environ = {"_WORKBENCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        return program(environ=environ).stdout

    assert completed("workbench bugs unm").split() == ["unmute", "unmerge"]
    assert completed("workbench bugs mute B-00").split() == ["B-003", "B-002", "B-001"]
    assert completed("workbench --db sqlite:///nowhere.db bugs show B-").strip() == ""


def test_long_output_goes_through_the_pager_of_a_terminal(workbench, three, monkeypatch, tmp_path, repo):
    seen = tmp_path / "seen"
    monkeypatch.setenv("PAGER", f'{sys.executable} -c \'import sys; open("{seen}", "w").write(sys.stdin.read())\'')
    monkeypatch.setenv("LINES", "3")
    assert "B-001" in workbench("bugs", "list").out
    assert "B-001" in workbench("bugs", "list", "--no-pager", typed="").out
    assert not seen.exists()
    assert workbench("bugs", "list", typed="").out == ""
    assert "B-001" in seen.read_text()
    monkeypatch.setenv("PAGER", "cat")
    assert "B-001" in workbench("bugs", "list", typed="").out
    monkeypatch.setenv("PAGER", "no-such-pager")
    assert "B-001" in workbench("bugs", "list", typed="").out


def test_bash_itself_takes_the_completion(program, three, repo):
    """The script that `--show-completion` prints, in a real bash."""
    script = program("--show-completion", "bash", environ={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}).stdout
    assert "COMPREPLY" in script
    code = f"{script}\nCOMP_WORDS=(workbench bugs unmu); COMP_CWORD=2\n"
    code += "_workbench_completion workbench\necho ${COMPREPLY[@]}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", code], capture_output=True, text=True, check=False, env=os.environ | {"PATH": path}
    )
    assert ran.stdout.strip() == "unmute", ran


def test_a_false_alarm_is_closed_again_by_a_person_where_git_says_so(workbench, three, store, monkeypatch):
    came_back.sign_off(store, 1, now=NOW + 2 * came_back.MINUTE)
    came_back.see(store, "a" * 16, "two", at=NOW + 3 * came_back.MINUTE)
    close = ["bugs", "close", "1", "--false-alarm"]
    ran = workbench(*close, typed="y\n")
    assert (ran.code, one(workbench)["state"], one(workbench)["false_alarm"]) == (Exit.NO, "open", None)
    assert "Git has not said yet" in ran.err
    came_back.git_says(store, {"two": False}, now=NOW)
    assert one(workbench)["false_alarm"]["release"] == "two"
    assert "workbench bugs close B-001 --false-alarm" in " ".join(workbench("bugs", "show", "1").out.split())
    assert workbench(*close, piped="y\n").code == Exit.USAGE
    assert workbench(*close, typed="\n").code == Exit.NO
    ran = workbench(*close, typed="y\n")
    assert (ran.code, ran.out) == (Exit.DONE, "B-001 closed again: a false alarm. The sign-off stands.\n")
    assert (one(workbench)["state"], one(workbench)["closed_as"]) == ("closed", "fixed")
    assert workbench("bugs", "undo").code == Exit.DONE
    assert (one(workbench)["state"], one(workbench)["recurring"]) == ("open", True)
    monkeypatch.setenv("CLAUDECODE", "1")
    assert workbench(*close, typed="y\n").code == Exit.NO
