"""Evidence where tests run with Django's own runner: what is recorded, what is proven, and what no cheat gets."""

from __future__ import annotations

import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from capture.event import Request
from capture.testing import make_event
from workbench.evidence import RecordedFault
from workbench.evidence.runs import Runner
from workbench.git import Repository
from workbench.reproducing import replay
from workbench.suite import TestCommand

pytestmark = pytest.mark.usefixtures("measured")

COMMAND = "cd site && python manage.py test"
FAULT = RecordedFault("KeyError", "/srv/clinic/views.py", "price", 500, "GET", "/price/ox/", "/price/<str:species>/")
VIEWS, TEST = "site/clinic/views.py", "site/clinic/tests/test_ox.py"
FIXED = textwrap.dedent("""
    from django.http import HttpResponse, HttpResponseNotFound

    PRICES = {'dog': 40}


    def price(request, species):
        return HttpResponse(str(PRICES.get(species, 50)))


    def pet(request, pk):
        return HttpResponseNotFound() if pk > 3 else HttpResponse('pet')
    """)
OX = """
    from django.test import SimpleTestCase


    class OxTests(SimpleTestCase):
        def test_ox(self):
            self.assertEqual(self.client.get('/price/ox/').content, b'50')
    """
UNFIXED = FIXED.replace("PRICES.get(species, 50)", "PRICES[species]")
HONEST = {VIEWS: FIXED, TEST: OX}


@pytest.fixture(scope="module")
def prove(runner_site: Any) -> Any:
    """Prove a fix of the site."""

    def prove(files: dict[str, str | None], **given: Any) -> Any:
        return runner_site.prove(files, **{"fault": FAULT, "command": COMMAND, **given})

    return prove


def test_an_honest_fix_is_demonstrated_and_each_piece_of_it_is_needed(
    runner_site: Any, prove: Any, tmp_path: Path
) -> None:
    told: list[str] = []
    request = Request(method="GET", path="/price/ox/", route="/price/<str:species>/")
    recorded = make_event(request=request, status=500)
    at = {"base": runner_site.base, "result": runner_site.base}
    again = replay(Repository.open(runner_site.root), 12, recorded, **at)
    report = prove(HONEST, cache=tmp_path / "cache", progress=told.append, replay=again, each_hunk=True)
    assert report.verdict == "demonstrated", report.reason
    assert report.replay == f"replay: base raised KeyError in {VIEWS}:7 → fix answered 200"
    assert [run.outcome for run in report.runs[-3:-1]] == ["failed", "passed"]
    assert f"{TEST}::OxTests::test_ox fails on the base with the recorded KeyError in price" in report.reason
    assert report.runs[0].command[1:] == ("manage.py", "test", "clinic.tests.test_ox")
    assert report.runs[0].versions.startswith("Django ")
    assert runner_site.left_behind() == []
    assert (report.runs[-1].name, report.runs[-1].outcome) == (f"without {VIEWS}:7", "failed")


def test_a_bare_status_is_shown_by_the_response(prove: Any) -> None:
    seen = OX.replace("'/price/ox/').content, b'50'", "'/pets/7/').status_code, 200")
    fault = RecordedFault(None, "", "", 404, "GET", "/pets/999/", "/pets/<int:pk>/")
    report = prove({VIEWS: UNFIXED.replace("pk > 3", "pk > 9"), TEST: seen}, fault=fault)
    assert report.verdict == "demonstrated", report.reason


RESULT_OF_SUITE = """
    from clinic import views
    from django.test.runner import DiscoverRunner


    class Kind(DiscoverRunner):
        def run_suite(self, suite, **kwargs):
            result = super().run_suite(suite, **kwargs)
            result.failures, result.errors = [], []
            return result
    """
CHEATS: dict[str, dict[str, str | None]] = {
    "a settings module with a kind runner": {
        TEST: OX,
        "site/clinic/kind.py": RESULT_OF_SUITE,
        "site/clinic/settings.py": "TEST_RUNNER",
    },
    "unittest turned from the source": {
        TEST: OX,
        VIEWS: UNFIXED
        + "\nimport unittest\nunittest.TestCase.assertEqual = lambda *_, **__: None\n"
        + "unittest.result.TestResult.addError = lambda self, *_: None\n",
    },
    "an exit from the source": {TEST: OX, VIEWS: UNFIXED + "\nimport atexit, os\natexit.register(os._exit, 0)\n"},
    "a command, a starter and a shadow beside a change that fixes nothing": {
        TEST: OX,
        VIEWS: UNFIXED + "\nFIXED = True\n",
        "site/clinic/management/__init__.py": "",
        "site/clinic/management/commands/__init__.py": "",
        "site/clinic/management/commands/test.py": "import os\n\nos._exit(0)\n",
        "site/sitecustomize.py": "import os\nos._exit(0)\n",
        "unittest.py": "import os\nos._exit(0)\n",
    },
    "a test that asks which source it has": {
        VIEWS: UNFIXED + "\nFIXED = True\n",
        TEST: """
            from clinic import views
            from django.test import SimpleTestCase


            class OxTests(SimpleTestCase):
                def test_ox(self):
                    self.client.get('/price/dog/' if hasattr(views, 'FIXED') else '/price/ox/')
            """,
    },
    "a test that begs the recorder": {
        VIEWS: UNFIXED + "\nFIXED = True\n",
        TEST: """
            import gc

            from django.test import SimpleTestCase


            class OxTests(SimpleTestCase):
                def test_ox(self):
                    for found in gc.get_objects():
                        if type(found).__name__ == 'Writer':
                            found.write(kind='phase', id='x', when='call', outcome='passed')
                    self.client.get('/price/ox/')
            """,
    },
}


@pytest.mark.parametrize("files", CHEATS.values(), ids=CHEATS.keys())
def test_no_cheat_is_demonstrated(runner_site: Any, prove: Any, files: dict[str, str | None]) -> None:
    if files.get("site/clinic/settings.py") == "TEST_RUNNER":
        settings = (runner_site.root / "site/clinic/settings.py").read_text()
        files = {**files, "site/clinic/settings.py": f"{settings}TEST_RUNNER = 'clinic.kind.Kind'\n"}
    report = prove(files)
    assert report.verdict != "demonstrated", report.reason
    assert report.verdict in ("refuted", "inconclusive", "partial")
    assert report.verdict != "partial" or report.flags


HONEST_TOO: dict[str, tuple[dict[str, str | None], str, str]] = {
    "a migration": (
        {
            **HONEST,
            "site/clinic/models.py": "from django.db import models\n\n\nclass Pet(models.Model):\n"
            "    name = models.CharField(max_length=9)\n",
            "site/clinic/migrations/__init__.py": "",
            "site/clinic/migrations/0001_initial.py": """
                from django.db import migrations, models


                class Migration(migrations.Migration):
                    initial = True
                    dependencies = []
                    operations = [
                        migrations.CreateModel('Pet', [
                            ('id', models.AutoField(primary_key=True)), ('name', models.CharField(max_length=9)),
                        ]),
                    ]
                """,
            TEST: OX.replace("SimpleTestCase", "TestCase"),
        },
        "demonstrated",
        "fails on the base with the recorded KeyError",
    ),
    "a new dependency": (
        {
            TEST: OX,
            VIEWS: FIXED.replace("PRICES = ", "import pricelist_of_tomorrow  # noqa\n\nPRICES = "),
            "requirements.txt": "pricelist-of-tomorrow\n",
        },
        "not run",
        "pricelist_of_tomorrow",
    ),
    "a renamed test file": (
        {
            **HONEST,
            "site/clinic/tests/test_views.py": None,
            "site/clinic/tests/test_pages.py": """
                from django.test import TestCase


                class PriceTests(TestCase):
                    def test_dog(self):
                        self.assertEqual(self.client.get('/price/dog/').content, b'40')

                    def test_pet(self):
                        self.assertEqual(self.client.get('/pets/2/').content, b'pet')
                """,
        },
        "partial",
        "test deleted",
    ),
}


@pytest.mark.parametrize(("files", "verdict", "why"), HONEST_TOO.values(), ids=HONEST_TOO.keys())
def test_no_honest_fix_is_refuted(prove: Any, files: dict[str, str | None], verdict: str, why: str) -> None:
    report = prove(files)
    assert report.verdict == verdict, report.reason
    assert why in report.reason


ALL = """
    import unittest

    from django.test import SimpleTestCase


    class Several(SimpleTestCase):
        def test_parts(self):
            for species in ('dog', 'ox'):
                with self.subTest(species=species):
                    self.client.get(f'/price/{species}/')

        @unittest.skip('not today')
        def test_skipped(self):
            self.fail()

        @unittest.expectedFailure
        def test_expected(self):
            self.fail()

        @unittest.expectedFailure
        def test_unexpected(self):
            pass

        async def test_async(self):
            await self.async_client.get('/price/ox/')


    class NotSetUp(SimpleTestCase):
        @classmethod
        def setUpClass(cls):
            raise ValueError('no data')

        def test_a(self):
            pass

        def test_b(self):
            pass


    class Untidy(SimpleTestCase):
        def tearDown(self):
            raise OSError('cannot clean up')

        def test_a(self):
            pass
    """


def run(site: Any, files: dict[str, str], command: str, *only: str, tmp_path: Path) -> Any:
    tree = tmp_path / "tree"
    site.git("worktree", "add", "-q", "--detach", str(tree), site.base)
    for name, text in files.items():
        (tree / name).write_text(textwrap.dedent(text))
    parsed = TestCommand.parse(command, site.root)
    found = Runner(parsed, 60, tmp_path / "checkout", tmp_path, network=False).run("base", site.base, tree, only)
    site.git("worktree", "remove", "--force", str(tree))
    return found


POSTGRES = """
    import time

    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import TestCase


    class UserTests(TestCase):
        def test_user(self):
            User.objects.create(username='ada')
            time.sleep(1)
            self.assertIn('_wb', connection.settings_dict['NAME'])
            self.assertEqual(User.objects.count(), 1)
    """


@pytest.mark.postgres
def test_two_runs_at_once_have_a_database_each_and_leave_none(
    new_project: Any, runner_files: dict[str, str], postgres_url: Any, tmp_path: Path
) -> None:
    url = sa.make_url(str(postgres_url))
    settings = textwrap.dedent(runner_files["site/clinic/settings.py"])
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": url.database, "USER": url.username}
    database |= {"PASSWORD": url.password or "", "HOST": url.host, "PORT": url.port or 5432}
    apps = "INSTALLED_APPS = ['django.contrib.auth', 'django.contrib.contenttypes']"
    site = new_project(
        {
            **runner_files,
            "site/clinic/settings.py": f"{settings}{apps}\nDATABASES = {{'default': {database!r}}}\n",
            "site/clinic/tests/test_user.py": POSTGRES,
        }
    )
    runner = Runner(TestCommand.parse(COMMAND, site.root), 60, tmp_path / "checkout", tmp_path)
    with ThreadPoolExecutor(2) as pool:
        only = ("site/clinic/tests/test_user.py",)
        found = list(pool.map(lambda name: runner.run(name, site.base, site.root, only), ("one", "two")))
    assert [(run.note, run.outcome) for run in found] == [("", "passed"), ("", "passed")]
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        names = connection.execute(sa.text("select datname from pg_database")).scalars().all()
    assert [name for name in names if name.startswith(f"test_{url.database}_wb")] == []


def test_each_outcome_is_recorded_with_its_phase(runner_site: Any, tmp_path: Path) -> None:
    files = {TEST: ALL, "site/clinic/tests/test_bad.py": "import nowhere\n"}
    command = f"{COMMAND} --parallel 2 --shuffle --exclude-tag slow --failfast -v 0"
    found = run(runner_site, files, command, tmp_path=tmp_path)
    assert found.note == ""
    assert {test.id.removeprefix("site/clinic/tests/"): (test.outcome, test.phase) for test in found.tests} == {
        "test_bad.py": ("error", "collect"),
        "test_ox.py::Several::test_parts": ("failed", "call"),
        "test_ox.py::Several::test_skipped": ("skipped", "call"),
        "test_ox.py::Several::test_expected": ("skipped", "call"),
        "test_ox.py::Several::test_unexpected": ("failed", "call"),
        "test_ox.py::Several::test_async": ("failed", "call"),
        "test_ox.py::NotSetUp::test_a": ("error", "setup"),
        "test_ox.py::NotSetUp::test_b": ("error", "setup"),
        "test_ox.py::Untidy::test_a": ("error", "teardown"),
        "test_views.py::PriceTests::test_dog": ("passed", "call"),
    }
    parts = found.test(f"{TEST}::Several::test_parts")
    assert parts.message == "KeyError: 'ox' (species='ox')"
    assert (parts.chain[0].file, parts.chain[0].function) == (VIEWS, "price")
    assert found.test("site/clinic/tests/test_bad.py").message == "ModuleNotFoundError: No module named 'nowhere'"


def test_a_script_that_asks_django_for_its_runner_is_recorded(runner_site: Any, tmp_path: Path) -> None:
    script = """
        import sys

        import django
        from django.conf import settings
        from django.test.utils import get_runner

        settings.configure(INSTALLED_APPS=['clinic'], ROOT_URLCONF='clinic.urls', ALLOWED_HOSTS=['*'], DATABASES={})
        django.setup()
        sys.exit(bool(get_runner(settings)().run_tests(['clinic.tests.test_ox'])))
        """
    files = {"site/runtests.py": script, TEST: OX}
    found = run(runner_site, files, "cd site && python runtests.py", TEST, tmp_path=tmp_path)
    assert [(test.id, test.outcome) for test in found.tests] == [(f"{TEST}::OxTests::test_ox", "failed")]
    assert found.network in ("off", "on: Operation not permitted")


def test_a_site_below_the_folder_it_is_run_from_is_found(runner_site: Any, tmp_path: Path) -> None:
    found = run(runner_site, {}, "python site/manage.py test", tmp_path=tmp_path)
    assert {test.id.rpartition("::")[2] for test in found.tests} == {"test_dog", "test_pet"}


def test_a_named_file_is_run_by_the_name_that_the_site_imports_it_by(runner_site: Any, tmp_path: Path) -> None:
    found = run(runner_site, {TEST: OX}, "python site/manage.py test", TEST, tmp_path=tmp_path)
    assert found.command[1:] == ("site/manage.py", "test", "clinic.tests.test_ox")
    assert [test.outcome for test in found.tests] == ["failed"]
