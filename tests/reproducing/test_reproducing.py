"""Tests that are written from what was recorded: real projects, the real runners, and an honest answer."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.event import Event, ExceptionInfo, Frame, Request
from capture.testing import make_event
from workbench import config as configuration
from workbench.evidence.report import Run
from workbench.evidence.runs import Runner
from workbench.reproducing import Attempt, CannotWrite, attempt
from workbench.reproducing.trying import place
from workbench.reproducing.writing import from_call, from_request

SETTINGS = """\
SECRET_KEY = "x"
ROOT_URLCONF = "shop.urls"
ALLOWED_HOSTS = ["*"]
MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware"]
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
"""
URLS = """\
import json
from django.http import HttpResponse, JsonResponse
from django.urls import path
from shop.prices import price_of

def price(request, species):
    return HttpResponse(price_of(species))

def order(request):
    return JsonResponse({"total": 100 / json.loads(request.body)["pieces"]})

order.csrf_exempt = True

def form(request):
    return HttpResponse("ok")

urlpatterns = [path("price/<str:species>/", price), path("order/", order), path("form/", form)]
"""
PRICES = """\
PRICES = {"cat": 3}

def price_of(species, *, rebate=0):
    return PRICES[species] - rebate

class Till:
    def close(self, day):
        raise RuntimeError(day)
"""
MANAGE = """\
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Django project with two faults and Django's own test runner, committed."""
    root = tmp_path_factory.mktemp("shop")
    files = {
        "manage.py": MANAGE,
        "shop/__init__.py": "",
        "shop/settings.py": SETTINGS,
        "shop/urls.py": URLS,
        "shop/prices.py": PRICES,
        "shop/tests/__init__.py": "",
        "shop/tests/test_nothing.py": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for argv in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "shop"]):
        subprocess.run(["git", *argv], cwd=root, check=True)
    return root


@pytest.fixture
def tried(shop: Path, tmp_path: Path) -> Callable[..., list[Attempt]]:
    """Tries to reproduce an event in the shop."""
    environ = {
        "WORKBENCH_STATE_DIR": str(tmp_path),
        "WORKBENCH_TESTS_COMMAND": f"{sys.executable} manage.py test",
    }

    def tried(event: Event, **more: str) -> list[Attempt]:
        return attempt(configuration.load(environ={**environ, **more}, start=shop), 12, event, base="main")

    return tried


def failed(function: str, error: str, request: Request | None, **frame: Any) -> Event:
    """Return an event of an exception in a function of the shop."""
    frame = {"module": "shop.prices", "filename": "/srv/app/shop/prices.py", "lineno": 4, **frame}
    raised = ExceptionInfo(type=error, module="builtins", frames=(Frame(function=function, **frame),))
    return make_event(exceptions=(raised,), request=request, status=500 if request else None)


def status(code: int, request: Request, **changes: Any) -> Event:
    return make_event(kind="status", exceptions=(), request=request, status=code, **changes)


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each run that was made had the machine's network."""
    had: list[bool] = []
    original = Runner.run

    def run(runner: Runner, *args: Any) -> Run:
        had.append(runner.network)
        return original(runner, *args)

    monkeypatch.setattr(Runner, "run", run)
    return had


def test_the_network_is_given_back_where_the_tests_miss_a_service(
    tried: Any, networks: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not with `tests.network = "off"`."""
    answers = {False: "ConnectionRefusedError: port 5432", True: "the disk is full"}

    def run(runner: Runner, name: str, commit: str, *_: Any) -> Run:
        networks.append(runner.network)
        network = "on" if runner.network else "off"
        return Run(name, commit, trouble="infrastructure", note=answers[runner.network], network=network)

    monkeypatch.setattr(Runner, "run", run)
    event = status(404, Request(method="GET", path="/nothing/here/"))
    (one,) = tried(event)
    assert (networks, one.outcome.reason) == ([False, True], "the test could not be run: the disk is full")
    networks.clear()
    (one,) = tried(event, WORKBENCH_TESTS_NETWORK="off")
    assert (networks, one.outcome.reason) == ([False], "the test could not be run: ConnectionRefusedError: port 5432")


def test_the_recorded_request_shows_the_fault(tried: Any, shop: Path, networks: list[bool]) -> None:
    request = Request(method="GET", path="/price/rabbit/", route="/price/<str:species>/")
    (one,) = tried(failed("price_of", "KeyError", request, locals={"species": "'rabbit'"}))
    assert one.outcome.answer == "reproduced", one.outcome.reason
    assert (one.written.kind, one.path) == ("request", "shop/tests/test_b012_request.py")
    assert networks == [False]
    assert "with the recorded KeyError in price_of" in one.outcome.reason
    assert subprocess.run(["git", "status", "--porcelain"], cwd=shop, capture_output=True, check=True).stdout == b""


def test_the_call_shows_what_the_request_does_not(tried: Any) -> None:
    gone = Request(method="GET", path="/gone/")
    first, second = tried(failed("price_of", "KeyError", gone, locals={"species": "'rabbit'", "rebate": "1"}))
    assert first.outcome.answer == "not reproduced", first.outcome.reason
    assert (second.written.kind, second.outcome.answer) == ("call", "reproduced"), second.outcome.reason
    assert "price_of(species='rabbit', rebate=1)" in second.written.text


def test_a_body_is_sent_again(tried: Any) -> None:
    request = Request(method="POST", path="/order/", body='{"pieces": 0}', content_type="application/json")
    frame = {"module": "shop.urls", "filename": "/srv/app/shop/urls.py"}
    (one,) = tried(failed("order", "ZeroDivisionError", request, **frame))
    assert one.outcome.answer == "reproduced", one.outcome.reason


FORM = Request(method="POST", path="/form/", route="/form/", body="a=1")


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        (status(404, Request(method="GET", path="/nothing/here/")), "reproduced"),
        (status(404, Request(method="GET", path="/form/", route="/form/")), "not reproduced"),
        (
            status(
                403, Request(method="POST", path="/form/", route="/form/", body="a=1"), reason="CSRF cookie not set."
            ),
            "reproduced",
        ),
    ],
    ids=["a page that is missing", "a page that is there", "a form without its token"],
)
def test_a_status_is_shown_by_the_response(tried: Any, event: Event, answer: str) -> None:
    assert tried(event)[0].outcome.answer == answer


def test_nothing_to_write_from_says_why(tried: Any) -> None:
    with pytest.raises(CannotWrite, match="did not happen in a request; no frame of the application"):
        tried(make_event(kind="message", exceptions=(), request=None, status=None))
    with pytest.raises(CannotWrite, match="close is no plain function"):
        tried(failed("close", "RuntimeError", None, locals={"day": "'monday'"}))
    with pytest.raises(CannotWrite, match=r"shop\.nowhere is not in the repository"):
        tried(failed("price_of", "KeyError", None, module="shop.nowhere", filename="/srv/app/elsewhere.py"))
    with pytest.raises(CannotWrite, match="the argument species is no plain value"):
        tried(failed("price_of", "KeyError", None, locals={"species": "<Species: rabbit>", "rebate": "0"}))


HOSTILE = "x'\"\n\\\u202e{0}%s\x1b]52;;\u2028\ud800__import__('os').system('id')#"


def test_what_was_captured_is_only_ever_a_literal() -> None:
    request = Request(
        method="GE'T",
        path=HOSTILE,
        query=HOSTILE,
        body=HOSTILE,
        content_type=HOSTILE,
        headers={"Accept": HOSTILE, "Cookie": HOSTILE, "Referer": "[redacted]"},
        scheme="https",
    )
    event = make_event(request=request, title=HOSTILE, message=HOSTILE, reason=HOSTILE, user_id=HOSTILE)
    written = from_request(12, event)
    assert written.text.isascii()
    assert written.text.isprintable() or set(written.text) <= set(map(chr, range(32, 127))) | {"\n"}
    tree = ast.parse(written.text)
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert called == {"self.client.generic", "self.assertLess"}
    assert "Cookie" not in written.text
    assert "Referer" not in written.text
    assert {note.split()[0] for note in written.notes} == {"the", "it"}


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=80))
def test_any_captured_text_makes_a_test_that_compiles(path: str, query: str, body: str) -> None:
    request = Request(method="POST", path=path, query=query, body=body)
    text = from_request(1, make_event(request=request)).text
    compile(text, "test", "exec")
    assert text.isascii()


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda of: st.lists(of, max_size=3))
)
def test_any_plain_argument_comes_back_as_it_was(value: Any) -> None:
    frame = Frame(module="m", function="f", filename="m.py", lineno=1, locals={"a": repr(value)})
    event = make_event(exceptions=(ExceptionInfo(type="E", module="m", frames=(frame,)),), request=None)
    text = from_call(1, event, "def f(a): pass").text
    call = next(node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    assert ast.literal_eval(call.keywords[0].value) == value


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def f(", "cannot be read"),
        ("async def f(a): pass", "is async"),
        ("def f(*a): pass", "any number of arguments"),
        ("def f(a, b): pass", "the argument b is no plain value"),
        ("class f: pass", "no plain function"),
    ],
)
def test_a_call_that_cannot_be_made_again_says_why(source: str, why: str) -> None:
    frame = Frame(module="m", function="f", filename="m.py", lineno=1, locals={"a": "1"})
    event = make_event(exceptions=(ExceptionInfo(type="E", module="m", frames=(frame,)),), request=None)
    with pytest.raises(CannotWrite, match=why):
        from_call(1, event, source)


@pytest.mark.parametrize("name", ["<lambda>", "import", "grün", "a b"])
def test_only_a_name_can_be_imported(name: str) -> None:
    frame = Frame(module="m", function=name, filename="m.py", lineno=1, locals={})
    event = make_event(exceptions=(ExceptionInfo(type="E", module="m", frames=(frame,)),))
    with pytest.raises(CannotWrite, match="could be imported"):
        from_call(1, event, "")


def test_a_test_that_would_need_more_says_so() -> None:
    event = make_event(user_id="7")
    assert event.request is not None
    request = msgspec.structs.replace(
        event.request, headers={"Cookie": "[redacted]"}, query="token=[redacted]", body_note="cut at 20,000 bytes"
    )
    notes = " ".join(from_request(12, msgspec.structs.replace(event, request=request)).notes)
    for words in ("database is empty", "logged in", "cookies", "not recorded whole", "taken out"):
        assert words in notes


@pytest.mark.parametrize(
    ("paths", "near", "found"),
    [
        ([], "", "test_b012_call.py"),
        (["tests/test_a.py"], "shop/x.py", "tests/test_b012_call.py"),
        (["tests/test_a.py", "shop/tests/test_b.py"], "shop/x.py", "shop/tests/test_b012_call.py"),
        (["shop/tests.py", "pets/tests/test_a.py"], "pets/x.py", "pets/tests/test_b012_call.py"),
        (["test_a.py"], "", "test_b012_call.py"),
    ],
)
def test_a_new_test_lies_beside_the_nearest_ones(paths: list[str], near: str, found: str) -> None:
    assert place(paths, 12, "call", near) == found
