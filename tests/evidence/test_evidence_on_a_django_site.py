"""Recorded faults of a Django site, shown by tests that go through its test client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.evidence import RecordedFault
from workbench.evidence.runs import Runner
from workbench.evidence.trees import clean_tree
from workbench.git import Repository
from workbench.suite import TestCommand

pytestmark = pytest.mark.usefixtures("measured")

CLIENT = "from django.test import Client\n\n\n"
KEY_ERROR = RecordedFault(
    "KeyError", "/srv/clinic/views.py", "price", 500, "GET", "/price/ox/", "/price/<str:species>/"
)
VIEWS = "clinic/views.py"


def changed(files: dict[str, str], old: str, new: str) -> str:
    assert old in files[VIEWS]
    return files[VIEWS].replace(old, new)


def test_an_exception_of_a_view_shows_itself_through_the_client(django_site: Any, django_files: Any) -> None:
    report = django_site.prove(
        {
            VIEWS: changed(django_files, "PRICES[species]", "PRICES.get(species, 50)"),
            "tests/test_ox.py": f"{CLIENT}def test_ox():\n    assert Client().get('/price/ox/').content == b'50'\n",
        },
        fault=KEY_ERROR,
    )
    assert report.verdict == "demonstrated", report.reason


SEEN = """
    import asyncio

    from django.test import AsyncClient, Client


    def test_status():
        assert Client(raise_request_exception=False).get('/price/ox/').status_code == 200


    def test_template():
        assert Client().get('/page/ox/').content == b'2.0'


    def test_pet():
        assert asyncio.run(AsyncClient().get('/pets/7/')).status_code == 200
    """


def test_each_way_in_which_a_test_may_see_a_fault_shows_it(django_site: Any, test_command: str, tmp_path: Path) -> None:
    """One run on the base is enough to tell; what the verdict makes of that is shown elsewhere."""
    result = django_site.result({"tests/test_seen.py": SEEN})
    command = TestCommand.parse(test_command, django_site.root)
    with clean_tree(Repository.open(django_site.root), tmp_path, base=result) as tree:
        only = ("tests/test_seen.py",)
        found = Runner(command, 60, tmp_path / "checkout", tmp_path, network=False).run("base", result, tree, only)
    tests = {test.id.rpartition("::")[2]: test for test in found.tests}
    assert {test.outcome for test in tests.values()} == {"failed"}

    def shows(name: str, fault: RecordedFault) -> str:
        return fault.is_shown_by((*tests[name].chain, *tests[name].raised), tests[name].responses)

    # Behind a 500, though the test only sees the status.
    assert tests["test_status"].chain[0].type == "AssertionError"
    assert shows("test_status", KEY_ERROR) == "recorded fault"
    # While a template is rendered.
    page = ("GET", "/page/ox/", "/page/<str:species>/")
    assert shows("test_template", RecordedFault("ZeroDivisionError", f"/srv/{VIEWS}", "Pet.cost", 500, *page)) == (
        "recorded fault"
    )
    # A bare status, by the response of the recorded route; one of another path is not it.
    pets = RecordedFault(None, "", "", 404, "GET", "/pets/999/", "/pets/<int:pk>/")
    assert shows("test_pet", pets) == "recorded fault"
    assert pets.words == "404 of GET /pets/<int:pk>/"
    assert shows("test_pet", RecordedFault(None, "", "", 404, "GET", "/price/", None)) == "elsewhere"
