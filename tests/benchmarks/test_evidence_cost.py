"""What evidence costs: the demo's bug from start to verdict, and a suite of 2,000 tests beside pytest by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from capture.event import Request
from capture.testing import make_event
from workbench import sessions
from workbench.demo.site import TEMPLATE
from workbench.evidence import EvidenceReport, EvidenceRequest, RecordedFault, collect
from workbench.git import Repository
from workbench.reproducing import replay

TESTS = 2_000
MOST_SECONDS, MOST_RATIO, MOST_SILENCE = 10.0, 1.15, 1.0
FAULT = RecordedFault("KeyError", "/srv/pets/billing.py", "handling_fee", 500, "GET", "/api/", "/api/")
IDENTITY = ("-c", "user.name=Ada Tester", "-c", "user.email=ada@example.com")
SUITE = f"""
import pytest
from shop import price_of

@pytest.mark.parametrize("number", range({TESTS}))
def test_cat(number):
    assert sum(price_of("cat") for _ in range(10_000)) == 30_000
"""
COMMAND = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest"


@dataclass(frozen=True)
class Told:
    """What was said and when, in seconds from the start."""

    report: EvidenceReport
    seconds: float
    words: tuple[tuple[float, str], ...]
    ticks: tuple[float, ...]

    def at(self, beginning: str) -> float:
        return next(at for at, text in self.words if text.startswith(beginning))


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *IDENTITY, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _committed(root: Path, files: Mapping[str, str]) -> str:
    for name, text in files.items():
        (root / name).write_text(text)
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "-m", "work")
    return _git(root, "rev-parse", "HEAD")


def _measured(root: Path, base: str, result: str, workdir: Path, **given: Any) -> Told:
    words: list[tuple[float, str]] = []
    ticks: list[float] = []
    begun = time.monotonic()
    report = collect(
        EvidenceRequest(root, base, result, FAULT, workdir=workdir, timeout=300, **given),
        progress=lambda text: words.append((time.monotonic() - begun, text)),
        tick=lambda _: ticks.append(time.monotonic() - begun),
    )
    return Told(report, time.monotonic() - begun, tuple(words), tuple(ticks))


def test_the_demo_s_bug(tmp_path: Path, report: Callable[..., None]) -> None:
    """From nothing known to the verdict, with the recorded request sent again; then with the base remembered."""
    root = tmp_path / "clinic"
    shutil.copytree(TEMPLATE, root, ignore=shutil.ignore_patterns("__pycache__"))
    _git(tmp_path, "init", "-q", str(root))
    base = _committed(root, {})
    played = tomllib.loads((Path(sessions.__file__).parent / "scenarios" / "happy.toml").read_text())
    steps = [tool["input"] for step in played["script"][0]["turn"][0]["step"] for tool in step.get("tool", ())]
    test = next(given for given in steps if "content" in given)
    edit = next(given for given in steps if "old_string" in given)
    source = (root / "pets/billing.py").read_text()
    fixed = source.replace(edit["old_string"].strip("\n"), edit["new_string"].strip("\n"))
    result = _committed(root, {"tests/test_rabbits_pay.py": test["content"], "pets/billing.py": fixed})
    recorded = make_event(request=Request(method="GET", path="/api/visits/1/invoice/"), status=500)
    again = replay(Repository.open(root), 12, recorded, base=base, result=result)
    given = {"command": "python -m pytest", "cache": tmp_path / "cache", "replay": again}
    first = _measured(root, base, result, tmp_path / "work", **given)
    second = _measured(root, base, result, tmp_path / "work", **given)
    assert first.report.verdict == second.report.verdict == "demonstrated", first.report.reason
    for told, what in ((first, ""), (second, ", base remembered")):
        met = told.seconds < MOST_SECONDS
        report(f"evidence on the demo's bug{what}", told.seconds, "", 0.0, "s", bar=f"< {MOST_SECONDS:g} s", met=met)
    answered = first.at("new tests on base:")
    report("its first answer (fails on base)", answered, "the whole", first.seconds, "s")


@pytest.mark.timeout(600)
def test_a_suite_of_thousands(tmp_path: Path, report: Callable[..., None]) -> None:
    """One run after the other, so that run for run can be compared with pytest alone."""
    root = tmp_path / "shop"
    root.mkdir()
    _git(tmp_path, "init", "-q", str(root))
    shop = "PRICES = {'cat': 3}\n\n\ndef price_of(species):\n    return PRICES[species]\n"
    base = _committed(root, {"shop.py": shop, "test_shop.py": SUITE})
    rabbit = "from shop import price_of\n\n\ndef test_rabbit():\n    assert price_of('rabbit') == 3\n"
    result = _committed(root, {"shop.py": shop.replace("[species]", ".get(species, 3)"), "test_rabbit.py": rabbit})
    given = {"command": COMMAND, "at_once": 1}
    before = _alone(root)
    told = _measured(root, base, result, tmp_path / "work", **given)
    alone = (before + _alone(root)) / 2
    suites = [run for run in told.report.runs if len(run.tests) >= TESTS]
    assert len(suites) == 3, told.report.reason
    ours = sum(run.seconds for run in suites) / len(suites)
    ratio = ours / alone
    report("a run of 2,000 tests", ours, "pytest alone", alone, "s", bar=f"≤ {MOST_RATIO}", met=ratio <= MOST_RATIO)
    trees = told.seconds - sum(run.seconds for run in told.report.runs)
    report("the trees of all runs", trees, "all runs", told.seconds, "s")
    ends = [at for at, text in told.words if text.startswith("running the whole suite")]
    heard = sorted([*told.ticks, *(at for at, _ in told.words)])
    silence = max(later - earlier for earlier, later in pairwise(heard) if earlier >= ends[0])
    report("longest silence", silence, "", 0.0, "s", bar=f"≤ {MOST_SILENCE:g} s", met=silence <= MOST_SILENCE)


def _alone(root: Path) -> float:
    begun = time.monotonic()
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={root.parent / 'junit.xml'}"]
    environ = {"PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    # In a session of its own, as our runs are: a scheduler that groups by session treats both alike.
    subprocess.run(argv, cwd=root, env=environ, check=True, capture_output=True, start_new_session=True)
    return time.monotonic() - begun
