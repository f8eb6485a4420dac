"""What is copied is inert: one word each for a real shell, one literal each for Python, whoever wrote it."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import msgspec
import pytest
from tui.hostile import FORBIDDEN, HOSTILE

from capture.event import Request
from capture.testing import make_event
from workbench.bugs import copying

SHELL = ("$(touch owned)", "`touch owned`", "'; touch owned; '", '"; touch owned; "', "a\ntouch owned\n", "!x",
         "\\'$IFS", "@/etc/passwd", "-o owned", "{a,b}[1-9]", "%0a&touch owned|x>owned")  # fmt: skip
TEXTS = [*(text[:400] for text in HOSTILE), *SHELL]


def request(text: str) -> Request:
    return Request(
        method=text,
        path=f"/{text}",
        host=text,
        scheme=text,
        query=text,
        headers={text: "x", "X-Client": text, "Host": "h", "Content-Length": "3"},
        content_type=text,
        body=text,
    )


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_real_shell_reads_only_words(text: str, tmp_path: Path) -> None:
    line = copying.curl(request(text))
    assert not FORBIDDEN & set(line.replace("\n", ""))
    ran = subprocess.run(
        ["bash", "-c", f'curl() {{ printf "%s\\0" "$@"; }}\n{line}'], cwd=tmp_path, capture_output=True, check=False
    )
    words = ran.stdout.decode().split("\0")[:-1]
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert list(tmp_path.iterdir()) == []
    assert words[:3] == ["--globoff", "--request", "GET"]
    assert words[-2] == "--url"
    assert words[-1].startswith("http://")
    options = [word for word in words[3:] if word in ("--header", "--data-raw", "--url")]
    assert len(words) == 3 + 2 * len(options)
    headers = [words[index + 1] for index, word in enumerate(words) if word == "--header"]
    assert all(not header.startswith("@") for header in headers)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_call_of_the_test_client_is_literals_and_nothing_else(text: str) -> None:
    code = copying.client_call(request(text))
    assert code.isascii()
    assert code.isprintable()
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    assert ast.unparse(call.func) == "client.generic"
    values = [ast.literal_eval(value) for value in [*call.args, *(keyword.value for keyword in call.keywords)]]
    assert values[0] == "GET"


def test_an_ordinary_request_is_copied_as_it_was() -> None:
    asked = Request(
        method="POST",
        path="/api/pets/",
        scheme="https",
        host="clinic.example",
        query="a=1&b=2",
        headers={"Accept": "application/json", "Cookie": "[redacted]"},
        content_type="application/json",
        body='{"name": "Flopsy"}',
    )
    assert copying.curl(asked) == (
        "curl --globoff --request POST --header 'Accept: application/json' --header 'Cookie: [redacted]'"
        " --header 'Content-Type: application/json' --data-raw '{\"name\": \"Flopsy\"}'"
        " --url 'https://clinic.example/api/pets/?a=1&b=2'"
    )
    assert copying.client_call(asked) == (
        "client.generic('POST', '/api/pets/?a=1&b=2', data='{\"name\": \"Flopsy\"}', content_type='application/json',"
        " headers={'Accept': 'application/json', 'Cookie': '[redacted]', 'Content-Type': 'application/json'},"
        " secure=True)"
    )


def test_a_stack_reads_as_python_s_own_does() -> None:
    lines = copying.stack(make_event()).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-3:] == [
        '  File "/srv/clinic/clinic/pricing.py", line 12, in price_of',
        "    return PRICES[visit.species]",
        "KeyError: 'rabbit'",
    ]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_stack_is_inert(text: str) -> None:
    event = make_event()
    error = event.exceptions[0]
    frame = msgspec.structs.replace(error.frames[0], filename=text, function=text, context_line=text)
    hostile = msgspec.structs.replace(error, type=text, message=text, frames=(frame,))
    copied = copying.stack(msgspec.structs.replace(event, exceptions=(hostile,)))
    assert not FORBIDDEN & set(copied.replace("\n", ""))
    assert len(copied) < 30_000
