"""What a cheat may try against pytest, each on a real project: none is called demonstrated."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("measured")

PRICING = """
    PRICES = {'dog': 40, 'cat': 30}


    def price_of(species):
        return PRICES[species]


    FIXED = True
    """
TEST = """
    from clinic.pricing import price_of


    def test_rabbit():
        assert price_of('rabbit') == 50
    """
FLIPPING = """
    import pytest


    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(item, call):
        call.excinfo = None
        outcome = yield
        outcome.get_result().outcome = 'passed'
    """


def source(more: str) -> str:
    return textwrap.dedent(PRICING) + textwrap.dedent(more)


CHEATS: dict[str, dict[str, str]] = {
    "a plugin named in the configuration": {
        "tests/test_rabbit.py": TEST,
        "clinic/flipping.py": FLIPPING,
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = ['-p', 'clinic.flipping']\n",
        "pytest.ini": "[pytest]\naddopts = -p clinic.flipping\n",
    },
    "a plugin that the new test loads": {
        "tests/test_rabbit.py": "pytest_plugins = ['clinic.flipping']\n" + textwrap.dedent(TEST),
        "clinic/flipping.py": FLIPPING,
    },
    "a plugin that the source puts in": {
        "tests/test_rabbit.py": TEST,
        "clinic/pricing.py": source(
            """
            import gc

            from _pytest.config import Config

            from clinic import flipping

            for found in gc.get_objects():
                if isinstance(found, Config):
                    found.pluginmanager.register(flipping)
            """
        ),
        "clinic/flipping.py": FLIPPING,
    },
    "a test that asks in one expression which source it has": {
        "clinic/pricing.py": PRICING,
        "tests/test_rabbit.py": """
            from clinic import pricing


            def test_rabbit():
                pricing.price_of('dog' if 'FIXED' in vars(pricing) else 'rabbit')
            """,
    },
    "a fault that is swallowed only here": {
        "tests/test_rabbit.py": TEST,
        "clinic/pricing.py": source(
            """
            import sys

            if 'pytest' in sys.modules:
                PRICES['rabbit'] = 50
            """
        ),
    },
    "a test replaced by what it is to test": {
        "clinic/pricing.py": PRICING,
        "tests/test_rabbit.py": """
            from clinic import pricing


            def test_rabbit(monkeypatch):
                monkeypatch.setattr(pricing, 'PRICES', {'rabbit': 50} if 'FIXED' in dir(pricing) else {})
                assert pricing.price_of('rabbit') == 50
            """,
    },
    "an end before the end": {
        "tests/test_rabbit.py": TEST,
        "clinic/pricing.py": source("import atexit, os\n\natexit.register(os._exit, 0)\n"),
    },
}


FORGING = """
    import gc
    import sys

    import _pytest.junitxml
    from _pytest.main import Session


    def write_all_green(**record):
        if record.get('outcome') == 'failed':
            record |= {'outcome': 'passed', 'message': '', 'chain': []}
        real(**record)


    real = sys.modules['workbench_evidence_record'].writer.write
    _pytest.junitxml._NodeReporter.append_failure = lambda *_: None
    for found in gc.get_objects():
        if type(found).__name__ == '_Telling':
            found._write = write_all_green
        if type(found) is Session:
            found.__class__ = type('Session', (Session,), {'testsfailed': property(lambda _: 0, lambda *_: None)})
    """


@pytest.mark.parametrize("files", CHEATS.values(), ids=CHEATS.keys())
def test_no_cheat_is_demonstrated(plain: Any, files: dict[str, str]) -> None:
    report = plain.prove(files)
    assert report.verdict in ("refuted", "inconclusive", "partial"), report.reason
    assert report.verdict != "partial" or report.flags


def test_one_more_case_of_a_parametrised_test_is_an_honest_test(plain: Any) -> None:
    test = """
        import pytest

        from clinic.pricing import price_of


        @pytest.mark.parametrize(('species', 'price'), [('dog', 40), ('rabbit', 50), ('hamster', 50)])
        def test_price(species, price):
            assert price_of(species) == price
        """
    fixed = source("").replace("PRICES[species]", "PRICES.get(species, 50)")
    report = plain.prove({"clinic/pricing.py": fixed, "tests/test_more.py": test})
    assert report.verdict == "demonstrated", report.reason
    assert "test_price[rabbit-50]" in report.reason


def test_results_that_the_code_under_test_has_written_itself_show_nothing(plain: Any) -> None:
    """It finds the recorder, the JUnit file and the exit code, and all three say what it wants; its source says so."""
    report = plain.prove({"tests/test_rabbit.py": TEST, "clinic/pricing.py": source(FORGING)})
    assert next(run for run in report.runs if run.name == "new tests on fix").outcome == "passed"
    assert report.verdict == "inconclusive", report.reason
    assert "clinic/pricing.py may have written them" in report.reason
