"""`workbench fingerprint`: the dry run for grouping rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from workbench.cli.events import GivenEvent, key_of
from workbench.errors import Exit

FRAME = {
    "module": "clinic.pricing",
    "function": "price_of",
    "filename": "/srv/clinic/pricing.py",
    "lineno": 12,
    "context_line": "    return PRICES[visit.species]",
    "in_app": True,
}
FAULT = {
    "exception_type": "KeyError",
    "message": "'rabbit'",
    "frames": [FRAME],
    "status": 500,
    "method": "GET",
    "path": "/api/visits/7/price/",
    "route": "/api/visits/<int:pk>/price/",
    "referer": None,
}


def lines(*events):
    return "".join(json.dumps(event) + "\n" for event in events)


def test_one_line_each_with_the_key_and_its_parts(workbench, tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text(
        lines(FAULT, FAULT | {"path": "/api/visits/8/price/", "message": "'hare'"}, {"status": 404, "path": "/x"})
    )
    ran = workbench("fingerprint", str(path))
    first, second, third = map(json.loads, ran.out.splitlines())
    assert ran.code == Exit.DONE
    assert first["key"] == second["key"] != third["key"]
    assert first["parts"][0] == {"name": "exception", "value": "KeyError", "why": "the type that surfaced"}
    assert first["version"]


def test_the_key_is_the_one_that_the_site_would_give(workbench):
    from capture.event import ExceptionInfo, Frame
    from capture.fingerprint import fingerprint

    ran = workbench("fingerprint", "-", piped=lines(FAULT))
    site = fingerprint(
        exceptions=(ExceptionInfo(type="KeyError", module="builtins", message="'rabbit'", frames=(Frame(**FRAME),)),),
        status=500,
        method="GET",
        path="/api/visits/7/price/",
        route="/api/visits/<int:pk>/price/",
    )
    assert json.loads(ran.out)["key"] == site.key


def test_blank_lines_and_unknown_keys_do_no_harm(workbench):
    ran = workbench("fingerprint", "-", piped="\n" + lines(FAULT | {"expected_group": "a"}) + "\n")
    assert len(ran.out.splitlines()) == 1


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ('{"status": "500"}', "$.status"),
        ('{"frames": [{"lineno": "x"}]}', "$.frames[0].lineno"),
        (b'{"message": "\xff"}', ""),
    ],
)
def test_a_bad_line_is_named(workbench, bad, said):
    piped = lines(FAULT).encode() + (bad if isinstance(bad, bytes) else bad.encode())
    ran = workbench("fingerprint", "-", piped=piped)
    assert ran.code == Exit.USAGE
    assert "the input, line 2:" in ran.err
    assert said in ran.err
    assert len(ran.out.splitlines()) == 1


def test_lines_after_a_bad_one_are_answered_and_all_bad_ones_are_named(workbench):
    ran = workbench("fingerprint", "-", piped="{\n" + lines(FAULT) + "[]\n" + lines(FAULT))
    assert ran.code == Exit.USAGE
    assert len(ran.out.splitlines()) == 2
    assert "the input, line 1:" in ran.err
    assert "the input, line 3:" in ran.err
    assert "the input has 2 lines that are no event." in ran.err


def test_what_was_left_out_is_said(workbench):
    ran = workbench("fingerprint", "-", "--json", piped=lines(FAULT))
    found = json.loads(ran.out)
    left_out = {part["name"]: part["value"] for part in found["left_out"]}
    assert left_out["message"] == "'rabbit'"
    assert left_out["route"] == "/api/visits/<int:pk>/price/"
    assert "line numbers" in left_out
    assert found["splits"]
    assert found["merges"]


def test_on_a_terminal_the_bugs_are_a_table(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text(lines({"status": 404, "path": "/x\x1b[31m"}, FAULT, FAULT | {"message": "'hare'"}))
    main, other = os.openpty()
    with os.fdopen(main, "rb", buffering=0) as terminal, os.fdopen(other, "wb") as out:
        command = [sys.executable, "-m", "workbench", "fingerprint", str(path)]
        ran = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
        shown = terminal.read(10_000).decode()
    head, first, second = shown.splitlines()
    assert head.split() == ["EVENTS", "KEY", "LINES", "WHAT", "THEY", "SHARE"]
    assert first.split()[0] == "2"
    assert "2, 3" in first
    assert "KeyError" in first
    assert "unknown path" in second
    assert ran.stderr == "3 events, 2 bugs.\n"
    assert ran.returncode == Exit.DONE


def test_a_missing_file_is_named(workbench, tmp_path):
    ran = workbench("fingerprint", str(tmp_path / "none.jsonl"))
    assert ran.code == Exit.CONFIGURATION
    assert "none.jsonl: No such file" in ran.err


def test_it_needs_neither_repository_nor_database(workbench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert workbench("fingerprint", "-", piped=lines(FAULT)).code == Exit.DONE
    assert list(tmp_path.iterdir()) == []


def test_a_template_and_a_dotted_type_are_understood():
    from workbench.cli.events import decode

    plain = key_of(GivenEvent(exception_type="IntegrityError", status=500))
    dotted = key_of(GivenEvent(exception_type="django.db.utils.IntegrityError", status=500))
    assert plain.parts == dotted.parts
    event = decode(b'{"exception_type": "TypeError", "template": {"name": "pets/detail.html", "lineno": 3}}')
    assert "pets/detail.html" in str(key_of(event).parts)
