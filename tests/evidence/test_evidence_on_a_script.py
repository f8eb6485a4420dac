"""Evidence where a script of the project's own starts Django's tests, as many apps for Django have one."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from workbench.evidence import RecordedFault
from workbench.evidence.runs import Runner
from workbench.suite import TestCommand

pytestmark = pytest.mark.usefixtures("measured")

FAULT = RecordedFault("KeyError", "/srv/shop/prices.py", "price_of", None, "", "", "")
PRICES = "PRICES = {'dog': 40}\n\n\ndef price_of(species):\n    return PRICES[species]\n"
FIXED = PRICES.replace("PRICES[species]", "PRICES.get(species, 50)")
TEST = """
    from django.test import SimpleTestCase

    from shop.prices import price_of


    class {name}Tests(SimpleTestCase):
        def test_{name}(self):
            self.assertEqual(price_of('{name}'), {price})
    """
OX = TEST.format(name="ox", price=50)
TWO_CALLS = """
    import sys

    import django
    from django.conf import settings
    from django.test.runner import DiscoverRunner


    class Quiet(DiscoverRunner):
        def run_suite(self, suite, **kwargs):
            return self.test_runner(verbosity=0).run(suite)


    settings.configure(INSTALLED_APPS=['shop'], DATABASES={})
    django.setup()
    failures = DiscoverRunner(failfast=True).run_tests(['shop.tests'])
    failures += Quiet().run_tests(['shop/more'])
    sys.exit(failures)
    """
SCRIPT = {
    "runtests.py": TWO_CALLS,
    "shop/__init__.py": "",
    "shop/prices.py": PRICES,
    "shop/tests/__init__.py": "",
    "shop/tests/test_dog.py": TEST.format(name="dog", price=40),
    "shop/more/__init__.py": "",
    "shop/more/test_again.py": TEST.format(name="dog", price=40),
}


@pytest.fixture(scope="module")
def app(new_project: Any) -> Any:
    """An app for Django whose script runs two suites."""
    return new_project(SCRIPT)


def test_an_honest_fix_is_demonstrated_over_two_calls(app: Any) -> None:
    report = app.prove({"shop/prices.py": FIXED, "shop/more/test_ox.py": OX}, fault=FAULT, command="")
    assert report.verdict == "demonstrated", report.reason
    assert [len(run.tests) for run in report.runs] == [1, 1, 2, 3, 2]


def test_whoever_changes_the_script_changes_the_harness(app: Any) -> None:
    kind = TWO_CALLS.replace("sys.exit(failures)", "sys.exit(0)").replace("['shop.tests']", "['shop.tests.test_dog']")
    report = app.prove({"runtests.py": kind, "shop/tests/test_ox.py": OX}, fault=FAULT, command="python runtests.py")
    assert report.verdict == "refuted", report.reason
    assert ("harness changed", "runtests.py") in {(flag.kind, flag.path) for flag in report.flags}


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs a script beside an app."""

    def run(script: str, *only: str, **files: str) -> Any:
        tree = tmp_path / "tree"
        for name, text in {**SCRIPT, **files, "runtests.py": script}.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(textwrap.dedent(text))
        command = TestCommand.parse("python runtests.py", tree)
        return Runner(command, 60, tmp_path / "checkout", tmp_path).run("base", "c0ffee", tree, only)

    return run


def test_failures_of_all_calls_count(run: Any) -> None:
    found = run(TWO_CALLS, **{"shop/tests/test_ox.py": OX, "shop/more/test_ox.py": OX})
    assert (found.note, found.outcome) == ("", "failed")
    assert sorted((test.id.partition("::")[0], test.outcome) for test in found.tests) == [
        ("shop/more/test_again.py", "passed"),
        ("shop/more/test_ox.py", "failed"),
        ("shop/tests/test_dog.py", "passed"),
        ("shop/tests/test_ox.py", "failed"),
    ]


def test_a_script_that_does_not_say_how_it_ended_is_not_believed(run: Any) -> None:
    found = run(TWO_CALLS.replace("sys.exit(failures)", ""), "shop/tests/test_ox.py", **{"shop/tests/test_ox.py": OX})
    assert found.note == "the exit code is 0 where the recorded outcomes make it 1"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            "import pytest, sys\nsys.exit(pytest.main(['-p', 'no:randomly', 'shop']))\n",
            "`runtests.py` calls pytest: set tests.command to `python -m pytest`",
        ),
        (
            "import subprocess, sys\nsys.exit(subprocess.call([sys.executable, '-m', 'unittest', '-q']))\n",
            "`runtests.py` ran tests without asking Django for its runner",
        ),
        (
            TWO_CALLS.replace(
                "def run_suite(self, suite, **kwargs):", "def run_tests(self, labels):\n        return 0"
            ),
            "",
        ),
        (
            TWO_CALLS.replace("(self, suite, **kwargs):\n", "(self, suite, **kwargs):\n            return 0\n").replace(
                "def run_suite", "def setup_test_environment(self):\n            pass\n\n        def build_suite"
            ),
            "",
        ),
    ],
    ids=["pytest", "another process", "a runner that runs nothing", "a runner without a suite"],
)
def test_what_a_script_does_otherwise_is_not_run(run: Any, script: str, why: str) -> None:
    found = run(script)
    assert (found.outcome, bool(found.trouble)) == ("not run", True)
    assert why in found.note
