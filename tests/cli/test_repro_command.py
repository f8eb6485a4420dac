"""`workbench bugs repro`: a test from what was recorded, and an honest answer."""

from __future__ import annotations

import subprocess
import sys

import pytest

from capture.event import ExceptionInfo, Frame
from capture.testing import make_event
from workbench.errors import Exit

SETTINGS = """\
SECRET_KEY = "x"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
"""
MANAGE = """\
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""


@pytest.fixture
def rabbits(repo, happened):
    """A project whose prices know no rabbit, and the bug of a call that asked for one."""
    files = {
        "workbench.toml": f'tests.command = "{sys.executable} manage.py test"\n',
        "manage.py": MANAGE,
        "settings.py": SETTINGS,
        "pricing.py": "def price_of(species):\n    return {'dog': 4}[species]\n",
    }
    for name, text in files.items():
        (repo / name).write_text(text)
    subprocess.run(["git", "add", "."], cwd=repo, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "rabbits"], cwd=repo, check=True)

    def seen(**values):
        frame = Frame(module="pricing", function="price_of", filename="/srv/app/pricing.py", lineno=2, locals=values)
        error = ExceptionInfo(type="KeyError", module="builtins", message="'rabbit'", frames=(frame,))
        happened(make_event(exceptions=(error,), request=None, status=None))

    return seen


def test_the_test_is_printed_and_what_it_shows_is_said(workbench, rabbits, repo):
    rabbits(species="'rabbit'")
    ran = workbench("bugs", "repro", "B-001")
    assert ran.code == Exit.DONE, ran.err
    assert "from pricing import price_of" in ran.out
    assert "price_of(species='rabbit')" in ran.out
    assert "✓ reproduced on" in ran.err
    assert "recorded KeyError in price_of" in ran.err
    assert "With --write it is put at test_b001_call.py." in ran.err
    assert not (repo / "test_b001_call.py").exists()


def test_a_test_that_shows_nothing_is_a_no(workbench, rabbits, repo):
    rabbits(species="'dog'")
    ran = workbench("bugs", "repro", "B-001", "--json")
    assert ran.code == Exit.NO
    (one,) = ran.json
    assert (one["answer"], one["kind"]) == ("not reproduced", "call")
    assert "pass on the base" in one["reason"]
    assert "Next: complete it" in workbench("bugs", "repro", "B-001").err


def test_it_is_written_once(workbench, rabbits, repo):
    rabbits(species="'rabbit'")
    assert workbench("bugs", "repro", "B-001", "--write").code == Exit.DONE
    assert "class B001(TestCase):" in (repo / "test_b001_call.py").read_text()
    again = workbench("bugs", "repro", "B-001", "--write")
    assert (again.code, again.out) == (Exit.NO, "")
    assert "test_b001_call.py is there already" in again.err


def test_nothing_to_write_from(workbench, rabbits):
    rabbits(species="<Species: rabbit>")
    ran = workbench("bugs", "repro", "B-001")
    assert (ran.code, ran.out) == (Exit.NO, "")
    assert "the argument species is no plain value" in ran.err


def test_a_commit_that_is_not_there(workbench, rabbits):
    rabbits(species="'rabbit'")
    ran = workbench("bugs", "repro", "B-001", "--base", "nowhere")
    assert ran.code == Exit.NO
    assert "has no commit 'nowhere'" in ran.err
