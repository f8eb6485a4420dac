"""Small real repositories, and evidence on what an agent might have made of them."""

from __future__ import annotations

import os
import subprocess
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import coverage
import pytest

from workbench import contained
from workbench.evidence import EvidenceReport, EvidenceRequest, RecordedFault, collect, runs

# Our own plugins take most of the time of starting pytest, and the little projects need none of them.
COMMAND = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest"
IDENTITY = {
    **{f"GIT_{who}_NAME": "Ada Tester" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "ada@example.com" for who in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}

PLAIN = {
    "pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['tests']\n",
    "clinic/__init__.py": "",
    "clinic/pricing.py": """
        PRICES = {'dog': 40, 'cat': 30}


        def price_of(species):
            return PRICES[species]
        """,
    "tests/conftest.py": """
        import pytest


        @pytest.fixture
        def species():
            return 'dog'
        """,
    "tests/test_pricing.py": """
        import os

        from clinic.pricing import price_of


        def test_dog(species):
            assert price_of(species) == 40


        def test_cat():
            assert price_of('cat') == 30


        def test_no_secret_reaches_the_tests():
            assert 'DATABASE_PASSWORD' not in os.environ
        """,
}
DJANGO = {
    "conftest.py": """
        import django
        from django.conf import settings

        settings.configure(
            ROOT_URLCONF='clinic.urls', ALLOWED_HOSTS=['*'], SECRET_KEY='x', DATABASES={},
            TEMPLATES=[{'BACKEND': 'django.template.backends.django.DjangoTemplates', 'DIRS': ['templates']}],
            MIDDLEWARE=['django.middleware.csrf.CsrfViewMiddleware'],
        )
        django.setup()
        """,
    "clinic/__init__.py": "",
    "clinic/urls.py": """
        from django.urls import path

        from clinic import views

        urlpatterns = [
            path('price/<str:species>/', views.price),
            path('page/<str:species>/', views.page),
            path('pets/<int:pk>/', views.pet),
        ]
        """,
    "clinic/views.py": """
        from django.http import HttpResponse, HttpResponseNotFound
        from django.shortcuts import render

        PRICES = {'dog': 40}


        def price(request, species):
            return HttpResponse(str(PRICES[species]))


        class Pet:
            def __init__(self, species):
                self.species = species

            def cost(self):
                return 100 / PRICES.get(self.species, 0)


        def page(request, species):
            return render(request, 'page.html', {'pet': Pet(species)})


        def pet(request, pk):
            return HttpResponseNotFound() if pk > 3 else HttpResponse('pet')
        """,
    "templates/page.html": "{{ pet.cost }}",
    "tests/test_views.py": """
        from django.test import Client


        def test_dog():
            assert Client().get('/price/dog/').content == b'40'
        """,
}

# As `startproject` makes it, run by Django's own test runner, in a folder below the repository's.
RUNNER = {
    "site/manage.py": """
        import os
        import sys

        os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'clinic.settings')
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
        """,
    "site/clinic/__init__.py": "",
    "site/clinic/settings.py": """
        SECRET_KEY = 'x'
        ROOT_URLCONF = 'clinic.urls'
        ALLOWED_HOSTS = ['*']
        INSTALLED_APPS = ['clinic']
        USE_TZ = True
        DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'clinic.db'}}
        """,
    "site/clinic/urls.py": DJANGO["clinic/urls.py"].replace("path('page/<str:species>/', views.page),", ""),
    "site/clinic/views.py": """
        from django.http import HttpResponse, HttpResponseNotFound

        PRICES = {'dog': 40}


        def price(request, species):
            return HttpResponse(str(PRICES[species]))


        def pet(request, pk):
            return HttpResponseNotFound() if pk > 3 else HttpResponse('pet')
        """,
    "site/clinic/tests/__init__.py": "",
    "site/clinic/tests/test_views.py": """
        from django.test import TestCase, tag


        class PriceTests(TestCase):
            def test_dog(self):
                self.assertEqual(self.client.get('/price/dog/').content, b'40')

            @tag('slow')
            def test_pet(self):
                self.assertEqual(self.client.get('/pets/2/').content, b'pet')
        """,
}

FAULT = RecordedFault(
    "KeyError", "/srv/clinic/clinic/pricing.py", "price_of", 500, "GET", "/visits/7/price/", "/visits/<int:pk>/price/"
)


@dataclass(frozen=True)
class Project:
    """A repository with one base commit, and what agents made of it as commits beside each other."""

    root: Path
    workdir: Path
    base: str = ""

    def git(self, *arguments: str) -> str:
        environ = {**os.environ, **IDENTITY}
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=environ, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def result(self, files: Mapping[str, str | None]) -> str:
        """Commit `files` on top of the base, None for a file that goes, and return the commit."""
        if self.base:
            self.git("checkout", "-q", "--detach", self.base)
        for name, text in files.items():
            path = self.root / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"))
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "work")
        commit = self.git("rev-parse", "HEAD")
        if self.base:
            self.git("checkout", "-q", "--detach", self.base)
        return commit

    def prove(
        self,
        files: Mapping[str, str | None],
        *,
        fault: RecordedFault | None = FAULT,
        command: str = COMMAND,
        timeout: int = 60,
        progress: Callable[[str], None] = lambda _: None,
        **more: Any,
    ) -> EvidenceReport:
        """Return the evidence that `files`, laid over the base, fix `fault`.

        The base is remembered and nothing is run again, unless `more` says otherwise: both have tests of their own.
        """
        given = {"cache": self.root.with_name("cache"), "cheap_seconds": 0.0, **more}
        request = EvidenceRequest(
            self.root, self.base, self.result(files), fault, command, timeout, self.workdir, **given
        )
        return collect(request, progress=progress)

    def left_behind(self) -> list[str]:
        """Return what evidence left: folders of its own, worktrees, and changes in the checkout."""
        trees = self.git("worktree", "list", "--porcelain").count("worktree ") - 1
        return [
            *(path.name for path in self.workdir.iterdir()),
            *(["worktree"] * trees),
            *self.git("status", "--porcelain").splitlines(),
        ]


def make_project(folder: Path, files: Mapping[str, str]) -> Project:
    project = Project(folder / "repository", folder / "work")
    project.root.mkdir()
    project.git("init", "-q")
    return replace(project, base=project.result(files))


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one function and a pytest suite."""
    return make_project(tmp_path_factory.mktemp("plain"), PLAIN)


@pytest.fixture(scope="session")
def django_site(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A Django site with three views."""
    return make_project(tmp_path_factory.mktemp("django"), DJANGO)


@pytest.fixture(scope="session")
def runner_site(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A Django site whose tests run with Django's own runner."""
    return make_project(tmp_path_factory.mktemp("runner"), RUNNER)


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mapping[str, str]], Project]:
    """Makes a project of the files of a test."""
    return lambda files: make_project(tmp_path_factory.mktemp("project"), files)


@pytest.fixture(scope="session")
def recorded() -> RecordedFault:
    """The fault of the plain project."""
    return FAULT


@pytest.fixture(scope="session")
def test_command() -> str:
    """How the little projects run their tests."""
    return COMMAND


@pytest.fixture
def measured(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure our plugin inside of the test runs as well, when this suite is measured."""
    current = coverage.Coverage.current()
    if current is None:
        return
    settings = tmp_path_factory.mktemp("coverage") / "coveragerc"
    data = Path(current.config.data_file).absolute()
    settings.write_text(
        f"[run]\nbranch = true\nparallel = true\ndata_file = {data}\nsource = {runs.PLUGIN.parent}\n", encoding="utf-8"
    )
    monkeypatch.setenv("COVERAGE_PROCESS_START", str(settings))
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    monkeypatch.setattr(runs, "PASSED_ON", (*runs.PASSED_ON, "COVERAGE_PROCESS_START"))
    monkeypatch.setattr(contained, "why_not", lambda: "what is measured is written outside of it")


@pytest.fixture
def uncontained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which runs of tests have no sandbox."""
    monkeypatch.setattr(contained, "why_not", lambda: "it is switched off")


@pytest.fixture(scope="session")
def django_files() -> dict[str, str]:
    """The files of the Django site as they are on its base."""
    return DJANGO


@pytest.fixture(scope="session")
def runner_files() -> dict[str, str]:
    """The files of the site that Django's own runner tests."""
    return RUNNER
