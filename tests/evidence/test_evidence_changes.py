"""How an agent's changes are split, and what in them is pointed out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capture.event import Event, ExceptionInfo, Fingerprint, Frame, Request
from capture.testing import make_event
from workbench.evidence import RecordedFault, personal_values
from workbench.evidence.asides import fixed_times, hidden_names, singled_out
from workbench.evidence.assertions import Weakened, weakened
from workbench.evidence.changed_tests import TestEdit, conditional, edits
from workbench.evidence.flags import FileDiff, of_changes, of_runs
from workbench.evidence.plans import modules
from workbench.evidence.report import Run, TestResult
from workbench.evidence.split import Split
from workbench.git import Change, Repository


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("tests/test_a.py", "A", "tests"),
        ("tests/test_a.py", "M", "tests"),
        ("tests/test_a.py", "D", "gone_tests"),
        ("shop/tests.py", "M", "tests"),
        ("shop/price_test.py", "A", "tests"),
        ("tests/data/rabbit.json", "A", "tests"),
        ("tests/data/rabbit.json", "M", "harness"),
        ("tests/helpers.py", "D", "harness"),
        ("tests/conftest.py", "A", "harness"),
        ("pyproject.toml", "M", "harness"),
        ("manage.py", "M", "harness"),
        ("lib/evil.pth", "A", "harness"),
        ("shop/sitecustomize.py", "A", "harness"),
        (".github/workflows/test.yml", "M", "harness"),
        ("shop/models.py", "M", "source"),
        ("shop/templates/shop/page.html", "M", "source"),
        ("poetry.lock", "M", "source"),
        ("json.py", "A", "harness"),
        ("json.py", "M", "source"),
        ("django/__init__.py", "A", "harness"),
        ("src/pytest.py", "A", "harness"),
        ("site/page.py", "A", "source"),
        ("calendar.md", "A", "source"),
        ("src", "A", "source"),
        ("clinic/settings_test.py", "M", "harness"),
        ("clinic/settings/testing.py", "M", "harness"),
        ("clinic/settings/base.py", "M", "source"),
    ],
)
def test_each_path_is_one_of_four(path: str, status: str, kind: str) -> None:
    split = Split.of([Change(status, path)])
    assert getattr(split, kind) == (path,)


def test_a_renamed_test_is_one_that_is_gone_and_one_that_is_new() -> None:
    split = Split.of([Change("R", "tests/test_new.py", "tests/test_old.py")])
    assert (split.tests, split.gone_tests) == (("tests/test_new.py",), ("tests/test_old.py",))


def test_everything_below_a_package_that_shadows_another_goes_with_it() -> None:
    split = Split.of([Change("A", "pluggy/__init__.py"), Change("A", "pluggy/hooks.py"), Change("A", "pluggyx.py")])
    assert split.harness == ("pluggy/__init__.py", "pluggy/hooks.py")


@given(st.lists(st.sampled_from(["A", "M", "D"]).flatmap(lambda s: st.text(min_size=1).map(lambda p: Change(s, p)))))
@example([Change("A", ".")])
def test_every_path_is_in_exactly_one_part(changes: list[Change]) -> None:
    split = Split.of(changes)
    found = [*split.tests, *split.gone_tests, *split.harness, *split.source]
    assert sorted(found) == sorted(change.path for change in changes)


OLD = """
import os


def test_a():
    assert price() == 1


@pytest.mark.slow
class TestB(Base):
    limit = 3

    def test_c(self):
        assert True
"""


@pytest.mark.parametrize(
    "line",
    [
        "x = time.time() > 0",
        "if datetime.now(tz=UTC) < datetime(2026, 12, 1, tzinfo=UTC): x = 1",
        "x = 2 if timezone.now().year > 2030 else 3",
        "x = date.today() >= date(2026, 1, 1)",
    ],
)
def test_a_source_that_changes_on_a_day_is_found(line: str) -> None:
    assert fixed_times(f"def f():\n    {line}\n", {2}) == [2]
    assert fixed_times(f"def f():\n    {line}\n", {1}) == []


@pytest.mark.parametrize(
    "line",
    ["if timezone.now() > self.expires: x = 1", "x = now() - then", "x = a > 0", "x = due.date() < date.today()"],
)
def test_a_time_compared_with_data_is_no_fixed_one(line: str) -> None:
    assert fixed_times(f"def f():\n    {line}\n", {2}) == []


@pytest.mark.parametrize(
    ("line", "is_hidden"),
    [
        ("getattr(sys, 'mod' + 'ules')", True),
        ("hasattr(mail, ''.join(['out', 'box']))", True),
        ("'xobtuo'[::-1]", True),
        ("f\"{'out'}box\"", True),
        ("'%s%s' % ('out', 'box')", True),
        ("base64.b64decode('b3V0Ym94')", True),
        ("'a' + name", False),
        ("f'{name}box'", False),
        ("', '.join(names)", False),
        ("'%s' % name", False),
        ("1 + 1", False),
        ("'The visit ' + 'is over'", False),
        ("chr(number)", False),
    ],
)
def test_a_word_of_constant_pieces_is_a_hidden_one(line: str, is_hidden: bool) -> None:
    assert hidden_names(f"x = {line}\n", {1}) == ([1] if is_hidden else [])
    assert hidden_names(f"x = {line}\n)", {1}) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("import os\n", "import os\nimport sys\n", []),
        ("def test_a", "def test_new():\n    pass\n\n\ndef test_a", []),
        ("    assert price() == 1\n", "    # why\n    assert price() == 1\n", []),
        ("== 1", "> 0", [TestEdit("test_a", (5, 6))]),
        ("def test_a", "@pytest.mark.skip\ndef test_a", [TestEdit("test_a", (5, 6))]),
        ("def test_a():\n    assert price() == 1\n", "", [TestEdit("test_a", (5, 6), is_removed=True)]),
        ("        assert True", "        return", [TestEdit("TestB.test_c", (13, 14))]),
        ("@pytest.mark.slow", "@pytest.mark.skip", [TestEdit("TestB", (10, 14))]),
        ("    limit = 3\n", "", [TestEdit("", (11, 11), is_removed=True)]),
        ("import os\n", "import os\npytestmark = skip\n", [TestEdit("", (3, 3))]),
    ],
)
def test_edits_of_existing_tests_are_found(old: str, new: str, found: list[TestEdit]) -> None:
    assert old in OLD
    assert edits(OLD, OLD.replace(old, new)) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("assert price() == 1", []),
        ("def inner():\n        return 1\n    assert price(inner, lambda: 1)", []),
        ("return", [("test_new", 2)]),
        ("try: price()\n    except KeyError: pass", [("test_new", 2)]),
        ("for x in y:\n        if x: price()", [("test_new", 3)]),
    ],
)
def test_new_tests_that_may_pass_unread_are_found(body: str, found: list[tuple[str, int]]) -> None:
    assert conditional("", f"def test_new():\n    {body}\n") == found
    assert conditional(f"def test_new():\n    {body}\n", f"def test_new():\n    {body}\n") == []
    assert conditional("", f"def test_new():\n    {body}\n)") == []


def test_a_value_of_the_recorded_request_that_is_treated_apart_is_found() -> None:
    def found(
        line: str, path: str = "/owners/ada/pets/1234/", route: str | None = "/owners/<str:o>/pets/<int:pk>/"
    ) -> bool:
        fault = RecordedFault("KeyError", "", "", 500, "GET", path, route)
        return singled_out(f"{line}\n", [1], fault.values) == [1]

    assert all(map(found, ["x = pk == 1234", "if pk not in (7, 1234): x", "if o != 'ada': x"]))
    assert found("x = pk == 12", "/pets/12/", r"/^pets/(?P<pk>[0-9]+)/$")
    assert not any(map(found, ["if pk == 1: x", "x = 'pets' == kind", "P = {'ada': 1234}", "price(1234)", "if x =="]))
    assert not found("x = pk == 1234", route=None)
    assert singled_out("match pk:\n  case 1234: x\n", [2], {"1234"}) == [2]


def test_what_is_not_python_cannot_be_compared() -> None:
    assert edits("def", "pass") is None


def flags(project: Any, files: dict[str, str | None], fault: Any = None) -> list[tuple[str, str]]:
    repository, result = Repository.open(project.root), project.result(files)
    split = Split.of(repository.changes(project.base, result))
    found = of_changes(repository, project.base, result, split, fault)
    return [(flag.kind, flag.path) for flag in found]


TEST_FILE = "tests/test_pricing.py"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"clinic/pricing.py": "x = 1\n", "tests/test_new.py": "def test_x():\n    price_of(1)\n"}, []),
        ({"tests/test_new.py": "def test_x():\n    'x'\n    assert 1\n"}, [("empty test", "tests/test_new.py")]),
        ({"tests/test_b.py": "def test_x():\n    p.price_of = f\n"}, [("mocks the fault", "tests/test_b.py")]),
        ({"tests/test_b.py": "import random\n"}, [("depends on chance", "tests/test_b.py")]),
        ({"clinic/a.py": "import gc\n"}, [("reaches into the runner", "clinic/a.py")]),
        ({"clinic/a.py": "if connection.in_atomic_block:\n    x = 1\n"}, [("asks where it runs", "clinic/a.py")]),
        ({"clinic/a.py": "x = request.META['REMOTE_ADDR']\n"}, [("asks where it runs", "clinic/a.py")]),
        (
            {"tests/test_b.py": "price(x if 'mended' in p.__doc__ else y)\n"},
            [("reads code in test", "tests/test_b.py")],
        ),
        ({"tests/test_b.py": "price(globals().get('DONE', x))\n"}, [("reads code in test", "tests/test_b.py")]),
        ({"tests/test_b.py": "pytest_plugins = ['a']\n"}, [("reaches into the runner", "tests/test_b.py")]),
        ({"clinic/management/commands/test.py": ""}, [("harness changed", "clinic/management/commands/test.py")]),
        ({"deploy/run.sh": "ls\n"}, [("outside scope", "deploy/run.sh")]),
        ({TEST_FILE: None}, [("test deleted", TEST_FILE)]),
        ({TEST_FILE: "def ("}, [("test changed", TEST_FILE)]),
        ({"tests/conftest.py": ""}, [("harness changed", "tests/conftest.py")]),
        ({".github/workflows/a.yml": "on: push\n"}, [("ci changed", ".github/workflows/a.yml")]),
        ({"uv.lock": "1\n"}, [("dependencies", "uv.lock")]),
        ({"clinic/settings.py": "DEBUG = 1\n"}, [("settings changed", "clinic/settings.py")]),
        (
            {"clinic/a.py": "import sys\nif 'pytest' in sys.modules: pass\n"},
            [("detects tests", "clinic/a.py"), ("asks where it runs", "clinic/a.py")],
        ),
        ({"clinic/a.py": "if os.environ.get('TMPDIR'): x = 1\n"}, [("asks where it runs", "clinic/a.py")]),
        ({"clinic/a.py": "from sys import modules\n"}, [("asks where it runs", "clinic/a.py")]),
        ({"clinic/a.py": "import os\nimport sys\n\nx = sys.maxsize, os.path.join\n"}, []),
        ({"clinic/a.py": "x = hasattr(mail, 'out' + 'box')\n"}, [("hidden name", "clinic/a.py")]),
        ({"clinic/a.py": "if time.time() > 1e9: x = 1\n"}, [("fixed time", "clinic/a.py")]),
        ({"tests/test_b.py": "import os\nos._exit(0)\n"}, [("exits in test", "tests/test_b.py")]),
        ({"tests/test_b.py": "exec(compile('', 'a', 'exec'))\n"}, [("builds code in test", "tests/test_b.py")]),
        ({"tests/test_b.py": "import pytest\npytest.skip('')\n"}, [("skip in test", "tests/test_b.py")]),
        ({"tests/test_b.py": "monkeypatch.setattr(p, 'price_of', f)\n"}, [("mocks the fault", "tests/test_b.py")]),
        ({"tests/data/new.json": "pytest.skip()\n"}, []),
        ({"tests/test_b.py": "def test_skips_what_is_empty():\n    assert skip(1)\n"}, []),
        ({"tests/test_b.py": "import inspect\n"}, [("reads code in test", "tests/test_b.py")]),
        ({"tests/test_b.py": "def test_x():\n    if y:\n        price()\n"}, [("conditional test", "tests/test_b.py")]),
        ({"clinic/logo.png": "\0\0"}, [("binary", "clinic/logo.png")]),
    ],
)
def test_what_needs_a_look_is_flagged(plain: Any, recorded: Any, files: Any, found: list[tuple[str, str]]) -> None:
    assert flags(plain, files, recorded) == found


def test_tests_that_no_longer_run_are_flagged_by_what_ran() -> None:
    def run(*tests: TestResult) -> Run:
        return Run("base", "c0ffee", tests=tests)

    a, b, c = (TestResult(f"tests/{name}.py::test", "passed", "call") for name in "abc")
    skipped = TestResult(a.id, "skipped", "setup")
    unreadable = TestResult("tests/c.py", "error", "collect")
    found = of_runs(run(a, b, c), run(skipped, unreadable))
    assert [(flag.kind, flag.path, flag.lines) for flag in found] == [
        ("test lost", "tests/b.py", (b.id,)),
        ("test skipped", "tests/a.py", (a.id,)),
    ]
    assert of_runs(run(a), None) == []
    assert of_runs(run(a), Run("suite on fix", "c0ffee", trouble="disagreement")) == []


def test_links_are_flagged(plain: Any) -> None:
    link = plain.root / "clinic" / "link"
    link.symlink_to("/etc")
    try:
        assert flags(plain, {}) == [("symbolic link", "clinic/link")]
    finally:
        link.unlink(missing_ok=True)


def test_submodules_are_flagged() -> None:
    diff = FileDiff.parse(
        "diff --git a/x b/x\nnew file mode 160000\nindex 000..111\n"
        "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+Subproject commit 1\n"
    )
    assert diff.special == "submodule"
    assert diff.lines() == ("+1: Subproject commit 1",)


def test_lines_are_numbered_as_in_their_own_file_and_bounded() -> None:
    removed = "\n".join(f"-line {n}" for n in range(30))
    diff = FileDiff.parse(
        f"--- a/x\n+++ b/x\n@@ -5,32 +5,3 @@ def x\n same\n{removed}\n+++new\n same\n\\ No newline at end of file\n"
    )
    assert diff.lines()[0] == "-6: line 0"
    assert diff.lines()[-1] == "… and 11 more"
    assert diff.added == [(6, "++new")]


def test_the_fault_of_an_event_is_its_innermost_frame_in_the_application() -> None:
    fault = RecordedFault.of(make_event())
    assert (fault.exception_type, fault.function, fault.is_in_app) == ("KeyError", "price_of", True)
    assert (fault.status, fault.method, fault.route) == (500, "GET", "/api/visits/<int:pk>/price/")


def test_the_fault_of_an_event_without_frames_of_the_application() -> None:
    frame = Frame(module="django.urls", function="resolve", filename="/d/urls.py", lineno=1, in_app=False)
    fault = RecordedFault.of(make_event(exceptions=(ExceptionInfo(type="Http404", module="x", frames=(frame,)),)))
    assert (fault.function, fault.is_in_app) == ("resolve", False)


def test_the_fault_of_a_bare_status_and_of_a_message() -> None:
    assert RecordedFault.of(make_event(exceptions=(), status=404)).exception_type is None
    message = RecordedFault.of(make_event(exceptions=(ExceptionInfo(type="a.B", module="a"),), request=None))
    assert (message.exception_type, message.function, message.method, message.path) == ("B", "", "", "")


def test_changed_modules_are_watched_under_all_names_that_they_may_have() -> None:
    assert modules(("src/clinic/pricing.py", "clinic/__init__.py", "urls.py", "page.html")) == (
        "clinic",
        "clinic.pricing",
        "src.clinic.pricing",
        "urls",
    )


def test_recorded_data_that_is_changed_is_flagged_and_new_data_is_not(new_project: Any) -> None:
    project = new_project({"clinic/fixtures/pets.json": "[1]\n"})
    assert flags(project, {"clinic/fixtures/pets.json": "[2]\n"}) == [
        ("recorded data changed", "clinic/fixtures/pets.json")
    ]
    assert flags(project, {"clinic/fixtures/more.json": "[2]\n"}) == []


def test_what_a_visitor_sent_must_not_stand_in_a_test(plain: Any) -> None:
    event = Event(
        id="1",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        kind="exception",
        title="KeyError",
        fingerprint=Fingerprint(key="0", version="1"),
        request=Request(
            method="POST",
            path="/visits/",
            query="next=/pets/&mail=ada%40example.org",
            body='{"owner": {"last_name": "Lovelace", "age": "36"}, "species": "rabbit"}',
            headers={"X-Request-Id": "8f14e45fceea167a5a36"},
        ),
    )
    values = personal_values(event)
    assert set(values) == {"ada@example.org", "Lovelace", "8f14e45fceea167a5a36"}
    result = plain.result({"tests/test_b.py": "OWNER = 'Lovelace'\nSPECIES = 'rabbit'\n"})
    repository = Repository.open(plain.root)
    split = Split.of(repository.changes(plain.base, result))
    found = of_changes(repository, plain.base, result, split, None, values)
    assert [(flag.kind, flag.lines) for flag in found] == [("personal data", ("+1: OWNER = 'Lovelace'",))]


def test_assertions_that_say_less_or_something_else() -> None:
    before = "class A:\n def test_a(self):\n  self.assertEqual(a, 1)\n  assert b\n def test_b(self):\n  assert c == 1\n"
    after = "class A:\n def test_a(self):\n  assert b\n def test_b(self):\n  assert c == 2\n  assert d\n"
    assert weakened(before, after) == [Weakened("A.test_a", True, (3,)), Weakened("A.test_b", False, (6,))]
    assert weakened(before, before + " def test_c(self):\n  assert e\n") == []
