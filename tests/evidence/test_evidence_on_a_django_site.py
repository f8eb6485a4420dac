"""Recorded faults of a Django site, shown by tests that go through its test client."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.evidence import RecordedFault

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


def test_an_exception_behind_a_500_counts_though_the_test_only_sees_the_status(
    django_site: Any, django_files: Any
) -> None:
    client = "Client(raise_request_exception=False)"
    report = django_site.prove(
        {
            VIEWS: changed(django_files, "PRICES[species]", "PRICES.get(species, 50)"),
            "tests/test_ox.py": f"{CLIENT}def test_ox():\n    assert {client}.get('/price/ox/').status_code == 200\n",
        },
        fault=KEY_ERROR,
    )
    assert report.verdict == "demonstrated", report.reason
    assert report.runs[0].tests[0].chain[0].type == "AssertionError"


def test_a_fault_while_a_template_is_rendered(django_site: Any, django_files: Any) -> None:
    report = django_site.prove(
        {
            VIEWS: changed(django_files, "PRICES.get(self.species, 0)", "PRICES.get(self.species, 50)"),
            "tests/test_ox.py": f"{CLIENT}def test_ox():\n    assert Client().get('/page/ox/').content == b'2.0'\n",
        },
        fault=RecordedFault(
            "ZeroDivisionError", "/srv/clinic/views.py", "Pet.cost", 500, "GET", "/page/ox/", "/page/<str:species>/"
        ),
    )
    assert report.verdict == "demonstrated", report.reason


def test_a_bare_status_is_shown_by_the_response_of_the_recorded_route(django_site: Any, django_files: Any) -> None:
    fixed = changed(django_files, "pk > 3", "pk > 9")
    fault = RecordedFault(None, "", "", 404, "GET", "/pets/999/", "/pets/<int:pk>/")
    seen = """
        import asyncio

        from django.test import AsyncClient


        def test_pet():
            assert asyncio.run(AsyncClient().get('/pets/7/')).status_code == 200
        """
    report = django_site.prove({VIEWS: fixed, "tests/test_pet.py": seen}, fault=fault)
    assert report.verdict == "demonstrated", report.reason
    assert "with the recorded 404 of GET /pets/<int:pk>/" in report.reason


def test_a_bare_status_of_another_path_is_not_the_recorded_one(django_site: Any, django_files: Any) -> None:
    fixed = changed(django_files, "pk > 3", "pk > 9")
    fault = RecordedFault(None, "", "", 404, "GET", "/price/", None)
    seen = f"{CLIENT}def test_pet():\n    assert Client().get('/pets/7/').status_code == 200\n"
    report = django_site.prove({VIEWS: fixed, "tests/test_pet.py": seen}, fault=fault)
    assert report.verdict == "partial"
    assert "not with the recorded 404 of GET /price/" in report.reason
