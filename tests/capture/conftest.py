"""A broken site, configured once a process, and a pipeline of its own for each test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from capture import pipeline as pipelines
from capture import spool
from capture.conf import CaptureSettings
from capture.event import Event

SITE = Path(__file__).parent / "site"
OURS = "capture.middleware.CaptureMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
REST_FRAMEWORK = {  # without users, without a browser
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}


@pytest.fixture(scope="session")
def django_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Django, configured for the broken site."""
    import django
    from django.conf import settings

    sys.path.insert(0, str(SITE))
    if not settings.configured:
        settings.configure(
            BASE_DIR=tmp_path_factory.mktemp("site"),
            SECRET_KEY="for tests",
            ALLOWED_HOSTS=["testserver"],
            ROOT_URLCONF="broken_urls",
            INSTALLED_APPS=["capture"],
            MIDDLEWARE=[OURS, COMMON],
            TEMPLATES=[
                {"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [SITE / "broken_templates"]}
            ],
            DATABASES={},
            USE_TZ=True,
            REST_FRAMEWORK=REST_FRAMEWORK,
        )
        django.setup()
    yield
    sys.path.remove(str(SITE))


@pytest.fixture
def capture_settings(tmp_path: Path) -> CaptureSettings:
    """Settings of a site that keeps its journal and its database in a folder of the test."""
    return CaptureSettings(
        database_url=f"sqlite:///{tmp_path / 'bugs.db'}",
        journal_dir=tmp_path / "journal",
        release="4f2d1c0",
        environment="production",
        project="clinic",
        server="web-1",
        background=False,
    )


@pytest.fixture
def captured(django_site: None, capture_settings: CaptureSettings) -> Iterator[Callable[[], list[Event]]]:
    """Put a pipeline of the test's own in place, and return a function that reads what it journaled."""
    mine = pipelines.Pipeline(capture_settings)
    before = pipelines.install(mine)
    yield lambda: [record.event for record in records(capture_settings.journal_dir) if record.event is not None]
    mine.journal.close()
    pipelines.install(before)


@pytest.fixture
def read_records() -> Callable[[Path], list[spool.Record]]:
    """Return the function that reads all records of a journal folder."""
    return records


def records(folder: Path) -> list[spool.Record]:
    return [
        record
        for path in spool.journals(folder)
        for chunk in spool.chunks(path, offset=0, seen=0)
        for record in chunk.records
    ]


@pytest.fixture
def site_environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that serves the broken site from a folder of the test."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "broken_settings",
        "BROKEN_SITE_DIR": str(tmp_path),
        "PYTHONPATH": str(SITE),
    }


@pytest.fixture
def middleware(django_site: None) -> Iterator[Callable[..., Any]]:
    """Return a function that puts middleware of the broken site inside (or, with `outside`, outside) of ours."""
    from django.test import override_settings

    overrides: list[Any] = []

    def put(*inside: str, outside: tuple[str, ...] = (), ours: bool = True) -> None:
        listed = [f"broken_middleware.{name}" for name in outside]
        listed += [OURS, COMMON] if ours else [COMMON]
        listed += [f"broken_middleware.{name}" for name in inside]
        override = override_settings(MIDDLEWARE=listed)
        override.enable()
        overrides.append(override)

    yield put
    for override in reversed(overrides):
        override.disable()
