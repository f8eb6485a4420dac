"""`workbench evidence`: what was proven, or a proof made now in any repository."""

from __future__ import annotations

import subprocess
import sys

import pytest

from capture.event import ExceptionInfo, Frame
from capture.store.tables import EvidenceRow
from capture.testing import NOW, make_event
from workbench.errors import Exit
from workbench.evidence import RecordedFault
from workbench.evidence.report import EvidenceReport


def test_stored_evidence(workbench, fixed):
    ran = workbench("evidence", "B-001", "--json")
    assert ran.code == Exit.DONE
    assert (ran.json["verdict"], ran.json["result"], ran.json["session"]) == (
        "demonstrated",
        fixed.commit,
        fixed.session,
    )
    assert [run["name"] for run in ran.json["runs"]] == ["new tests on fix"]
    shown = workbench("evidence", "B-001")
    assert shown.code == Exit.DONE
    assert "✓ demonstrated" in shown.out


@pytest.mark.parametrize("verdict", ["partial", "inconclusive", "refuted", "not run"])
def test_everything_but_demonstrated_is_a_no(workbench, fixed, changed, verdict):
    changed(EvidenceRow, verdict=verdict)
    for words in (["evidence", "B-001"], ["evidence", "B-001", "--json"]):
        ran = workbench(*words)
        assert ran.code == Exit.NO
        assert verdict in ran.out


def test_a_bug_without_evidence_is_a_no(workbench, bug):
    ran = workbench("evidence", "B-001")
    assert (ran.code, ran.out) == (Exit.NO, "")
    assert "workbench fix B-001" in ran.err


@pytest.fixture
def rabbits(repo):
    """A repository with an honest fix: the commits before and after it."""

    def commit(message):
        subprocess.run(["git", "add", "."], cwd=repo, check=True)
        subprocess.run(["git", "commit", "-q", "-m", message], cwd=repo, check=True)

    command = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest"
    (repo / "workbench.toml").write_text(f'tests.command = "{command}"\ntests.timeout = 60\n')
    (repo / "pricing.py").write_text("PRICES = {'dog': 40}\n\n\ndef price_of(species):\n    return PRICES[species]\n")
    (repo / "test_pricing.py").write_text(
        "import pricing\n\n\ndef test_dog():\n    assert pricing.price_of('dog') == 40\n"
    )
    commit("before")
    (repo / "pricing.py").write_text((repo / "pricing.py").read_text().replace("40}", "40, 'rabbit': 20}"))
    (repo / "test_rabbits.py").write_text(
        "import pricing\n\n\ndef test_it():\n    assert pricing.price_of('rabbit') == 20\n"
    )
    commit("after")


def test_a_proof_between_two_commits(workbench, rabbits, repo, happened):
    frame = Frame(
        module="pricing",
        function="price_of",
        filename=str(repo / "pricing.py"),
        lineno=5,
        context_line="    return PRICES[species]",
    )
    fault = ExceptionInfo(type="KeyError", module="builtins", message="'rabbit'", frames=(frame,))
    happened(make_event(exceptions=(fault,)))
    ran = workbench("evidence", "--base", "HEAD~1", "--result", "HEAD", "--bug", "B-001", "--json")
    assert ran.code == Exit.DONE, ran.out
    found = ran.json
    assert set(found) >= {"verdict", "reason", "flags", "runs"}
    assert found["verdict"] == "demonstrated"
    assert {run["name"] for run in found["runs"]} >= {"base", "new tests on base", "new tests on fix", "suite on fix"}
    assert "running" in ran.err
    assert workbench("bugs", "show", "B-001", "--json").json["evidence"] is None, "it is printed and not stored"


def test_no_fix_is_no_proof_and_needs_no_database(workbench, rabbits, repo):
    ran = workbench("evidence", "--base", "HEAD", "--result", "HEAD")
    assert ran.code == Exit.NO
    assert "demonstrated" not in ran.out
    assert not (repo / "workbench.db").exists()


def test_a_bug_without_an_event_cannot_be_compared_with(workbench, rabbits, bug, store):
    with store.begin() as connection:
        connection.exec_driver_sql("DELETE FROM occurrence")
    ran = workbench("evidence", "--base", "HEAD~1", "--result", "HEAD", "--bug", "B-001")
    assert ran.code == Exit.NO
    assert "no stored event" in ran.err


def test_the_fault_of_a_bug_is_what_the_new_test_must_fail_with(workbench, rabbits, bug, monkeypatch):
    asked = []

    def collect(request, *, progress):
        asked.append(request.fault)
        return EvidenceReport("refuted", "No.", (), (), request.base, request.result, NOW, NOW)

    monkeypatch.setattr("workbench.evidence.collect", collect)
    assert workbench("evidence", "--base", "HEAD~1", "--result", "HEAD", "--bug", bug).code == Exit.NO
    assert asked == [RecordedFault.of(make_event())]
