"""What an agent may leave behind, on a real repository with real test runs, and what the verdict says to it."""

from __future__ import annotations

import os
import signal
import textwrap
from pathlib import Path
from typing import Any

import pytest

from workbench.ended import runs

FIXED = """
    PRICES = {'dog': 40, 'cat': 30}


    def price_of(species):
        return PRICES.get(species, 50)
    """
TEST = """
    from clinic.pricing import price_of


    def test_rabbit():
        assert price_of('rabbit') == 50
    """
PLAIN_PRICING = """
    PRICES = {'dog': 40, 'cat': 30}


    def price_of(species):
        return PRICES[species]
    """
HONEST = {"clinic/pricing.py": FIXED, "tests/test_rabbit.py": TEST}


def outcomes(report: Any) -> dict[str, str]:
    return {run.name: run.outcome for run in report.runs}


def kinds(report: Any) -> set[str]:
    return {flag.kind for flag in report.flags}


def test_an_honest_fix_is_demonstrated_and_its_base_is_remembered(
    plain: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    told: list[str] = []
    cache = tmp_path / "cache"
    report = plain.prove(HONEST, progress=told.append, cache=cache, cheap_seconds=15.0)
    assert report.verdict == "demonstrated"
    assert report.reason == (
        "tests/test_rabbit.py::test_rabbit fails on the base with the recorded KeyError in price_of, passes on the"
        " fix, and nothing that passed before fails."
    )
    assert outcomes(report) == {
        "new tests on base": "failed",
        "new tests on fix": "passed",
        "new tests on base again": "failed",
        "new tests on fix again": "passed",
        "base": "passed",
        "suite on fix": "passed",
        "old tests on fix": "passed",
    }
    assert told[0].startswith("7 runs to make; how long they take is not known")
    assert told[1] == f"running the new tests of tests/test_rabbit.py on the base {plain.base[:7]}"
    assert told[-1].startswith("demonstrated: ")
    assert plain.left_behind() == []
    as_dict = report.as_dict()
    assert as_dict["runs"][0]["tests"] == [
        {
            "id": "tests/test_rabbit.py::test_rabbit",
            "outcome": "failed",
            "phase": "call",
            "seconds": as_dict["runs"][0]["tests"][0]["seconds"],
            "exception": "KeyError",
            "message": "KeyError: 'rabbit'",
            "file": "clinic/pricing.py",
            "line": 5,
            "function": "price_of",
        }
    ]
    report = plain.prove(HONEST, cache=cache, progress=told.append)
    assert report.verdict == "demonstrated"
    assert [run.name for run in report.runs if run.note.startswith("remembered")] == ["base"]
    assert any("3 tests: about " in text and "the base's results are remembered" in text for text in told)


@pytest.mark.usefixtures("uncontained")
def test_a_test_that_turns_green_by_itself_proves_no_fix(plain: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    test = f"""
        from pathlib import Path

        from clinic.pricing import price_of


        def test_rabbit():
            species = 'dog' if Path({str(mark)!r}).exists() else 'rabbit'
            Path({str(mark)!r}).touch()
            assert price_of(species) == 40
        """
    report = plain.prove({"tests/test_rabbit.py": test}, at_once=1, cheap_seconds=15.0)
    assert report.verdict == "inconclusive"
    assert "chance or other tests decide" in report.reason


def test_a_fault_that_a_helper_of_the_tests_raises_is_not_the_recorded_one(plain: Any) -> None:
    helper = """
        from clinic import pricing


        def price_of(species):
            if not hasattr(pricing, 'FIXED'):
                raise KeyError(species)
            return 50
        """
    changes = {
        "clinic/pricing.py": textwrap.dedent(PLAIN_PRICING) + "FIXED = True\n",
        "tests/helpers/__init__.py": "",
        "tests/helpers/clinic/__init__.py": "",
        "tests/helpers/clinic/pricing.py": helper,
        "tests/test_rabbit.py": TEST.replace("from clinic", "from tests.helpers.clinic"),
    }
    report = plain.prove(changes)
    assert (report.verdict, "not with the recorded KeyError in price_of" in report.reason) == ("partial", True)


def test_without_any_change_it_is_refuted_and_nothing_is_run(plain: Any) -> None:
    report = plain.prove({})
    assert (report.verdict, report.runs) == ("refuted", ())


def test_a_fix_that_breaks_the_suite_is_refuted(plain: Any) -> None:
    report = plain.prove({**HONEST, "clinic/pricing.py": FIXED.replace("'cat': 30", "'cat': 31")}, cheap_seconds=15.0)
    assert report.verdict == "refuted"
    assert "tests/test_pricing.py::test_cat passed on the base and fails on the fix" in report.reason
    assert [run.name for run in report.runs[-6:-4]] == ["broken tests again", "broken tests on base"]


def test_a_weakened_test_and_a_deleted_one_are_flagged(plain: Any) -> None:
    weakened = """
        from clinic.pricing import price_of


        def test_dog(species):
            assert price_of(species)


        def test_no_secret_reaches_the_tests():
            pass
        """
    report = plain.prove({**HONEST, "tests/test_pricing.py": weakened})
    assert report.verdict == "partial"
    assert kinds(report) == {"assertion changed", "fewer assertions", "empty test", "test deleted", "test lost"}
    changed = next(flag for flag in report.flags if "test_dog" in flag.message)
    assert changed.lines == ("-7:     assert price_of(species) == 40",)


def test_without_a_fix_it_is_refuted_whatever_would_run_before_the_tests_or_turn_them(plain: Any) -> None:
    flipping = """
        import pytest


        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_makereport(item, call):
            outcome = yield
            outcome.get_result().outcome = 'passed'
        """
    names = ["pytest.py", "sitecustomize.py", "src/pluggy/__init__.py"]
    files = {"tests/test_rabbit.py": TEST, "tests/conftest.py": flipping}
    report = plain.prove({**files, **dict.fromkeys(names, "import os\nos._exit(0)\n")})
    assert report.verdict == "refuted"
    assert "tests/test_rabbit.py::test_rabbit still fails on the fix with KeyError in price_of" in report.reason
    flagged = [flag.path for flag in report.flags if flag.kind == "harness changed"]
    assert flagged == ["pytest.py", "sitecustomize.py", "src/pluggy/__init__.py", "tests/conftest.py"]


def test_a_fixture_that_only_the_new_conftest_has_leaves_it_open(plain: Any) -> None:
    files = {
        **HONEST,
        "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef rabbit():\n    return 'rabbit'\n",
        "tests/test_rabbit.py": TEST.replace("test_rabbit()", "test_rabbit(rabbit)"),
    }
    report = plain.prove(files)
    assert report.verdict == "inconclusive"
    assert "the session changed tests/conftest.py" in report.reason


FORGERIES = {
    "leaves at once": "import os\nos._exit(0)\n",
    "writes into our record": """
        import os

        for fd in os.listdir('/proc/self/fd'):
            if 'pipe:' in os.path.realpath('/proc/self/fd/' + fd):
                os.write(int(fd), b'{"seal": "0", "body": "{}"}' + bytes([10]))
        """,
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_forged_results_are_not_trusted(plain: Any, forgery: str) -> None:
    report = plain.prove({"tests/test_rabbit.py": textwrap.dedent(TEST) + textwrap.dedent(forgery)})
    assert report.verdict == "inconclusive"
    assert "cannot be trusted" in report.reason


def test_time_up_is_not_run(plain: Any) -> None:
    report = plain.prove({"tests/test_slow.py": "import time\n\n\ndef test_slow():\n    time.sleep(60)\n"}, timeout=1)
    assert report.verdict == "not run"
    assert report.reason == "The run “new tests on base” could not be made: ended by us after 1 seconds."
    assert plain.left_behind() == []


def test_a_crash_is_not_run(plain: Any) -> None:
    report = plain.prove({"tests/test_crash.py": "import os\n\n\ndef test_crash():\n    os.kill(os.getpid(), 9)\n"})
    assert report.verdict == "not run"
    assert "SIGKILL" in report.reason


def test_missing_pytest_is_not_run(plain: Any) -> None:
    python = plain.root.parent / "python"
    python.write_text('#!/bin/sh\nexec python3 -I -S "$@"\n')
    python.chmod(0o755)
    report = plain.prove(HONEST, command=f"{python} -m pytest")
    assert report.verdict == "not run"
    assert "pytest is not installed" in report.reason


def test_a_missing_interpreter_is_not_run(plain: Any) -> None:
    report = plain.prove(HONEST, command="nowhere/python -m pytest")
    assert report.verdict == "not run"
    assert "cannot be started" in report.reason


def test_a_wrong_option_is_not_run(plain: Any, test_command: str) -> None:
    report = plain.prove(HONEST, command=f"{test_command} --no-such-option")
    assert report.verdict == "not run"
    assert "unrecognized arguments" in report.reason


def test_another_runner_is_not_run_and_the_flags_are_there_all_the_same(plain: Any) -> None:
    report = plain.prove({**HONEST, "pyproject.toml": ""}, command="make test")
    assert report.verdict == "not run"
    assert "`make test` runs neither pytest nor Django's tests" in report.reason
    assert kinds(report) == {"harness changed"}


def test_code_from_the_checkout_instead_of_the_tree_is_not_run(
    new_project: Any, test_command: str, recorded: Any
) -> None:
    project = new_project(
        {"lib/clinic/__init__.py": "", "lib/clinic/pricing.py": "def price_of(species):\n    return {}[species]\n"}
    )
    files = {
        "lib/clinic/pricing.py": "def price_of(species):\n    return 50\n",
        "tests/test_rabbit.py": TEST,
    }
    # What an editable install of the checkout does: its folder is on the path, whatever tree the tests are in.
    report = project.prove(files, command=f"PYTHONPATH={project.root}/lib {test_command}")
    assert report.verdict == "not run"
    assert "imported code from outside of the tree" in report.reason
    assert "clinic.pricing from" in report.reason
    # Told where the code is, each run takes it from its own tree.
    report = project.prove(files, command=f"PYTHONPATH=lib {test_command}")
    assert report.verdict == "demonstrated"


@pytest.mark.usefixtures("uncontained")
def test_who_is_told_to_stop_ends_both_runs_that_are_under_way(plain: Any, tmp_path: Path) -> None:
    """The signal comes while two runs are made beside each other; neither they nor their trees outlive it."""
    begun = tmp_path / "begun"
    begun.mkdir()
    test = f"""
        import os, pathlib, time

        def test_slow():
            (pathlib.Path({str(begun)!r}) / str(os.getpid())).touch()
            time.sleep(50)
        """

    class Told(BaseException):
        pass

    def told(*_: object) -> None:
        if len(list(begun.iterdir())) == min(2, os.cpu_count() or 1):
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise Told

    before = signal.signal(signal.SIGALRM, told)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
    try:
        with pytest.raises(Told):
            plain.prove({**HONEST, "tests/test_rabbit.py": test})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not any(runs(int(file.name)) for file in begun.iterdir())
    assert plain.left_behind() == []
