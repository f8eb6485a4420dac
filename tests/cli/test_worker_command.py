"""`workbench worker --once`: does all that is due, and says what came of it."""

from __future__ import annotations

from capture.store.outbox import KINDS
from capture.testing import NOW
from workbench.errors import Exit
from workbench.tracker import outbox
from workbench.tracker.failures import Permanent


def test_it_writes_the_bug_file(workbench, bug, repo):
    ran = workbench("worker", "--once")
    assert ran.code == Exit.DONE
    assert "B-001" in ran.out
    assert "write_file" in ran.out
    assert (repo / "bugs" / "B-001.md").is_file()
    again = workbench("worker", "--once")
    assert (again.code, again.out) == (Exit.DONE, "")
    assert "Nothing is due." in again.err


def test_programs_get_json(workbench, bug):
    (done,) = workbench("worker", "--once", "--json").json
    assert (done["bug"], done["kind"], done["state"]) == ("B-001", "write_file", "done")
    assert workbench("worker", "--once", "--json").json == []


def test_what_could_not_be_done_is_a_no_of_the_outside(workbench, bug, repo):
    (repo / "bugs").write_text("a file where the folder should be")
    ran = workbench("worker", "--once")
    assert ran.code == Exit.OUTSIDE
    assert "B-001" in ran.out


def test_a_github_setting_that_cannot_work_stops_it_before_anything_is_done(workbench, bug, repo):
    (repo / "workbench.toml").write_text('github.repository = "acme/clinic"')
    ran = workbench("worker", "--once")
    assert ran.code == Exit.CONFIGURATION
    assert "GITHUB_TOKEN" in ran.err
    assert not (repo / "bugs").exists()


def test_fix_sessions_that_cannot_be_seen_to_keep_no_action_from_being_done(workbench, bug, repo, monkeypatch):
    from workbench import fixing
    from workbench.errors import OutsideError

    def broken(*_given, **_named):
        raise OutsideError("the places are taken", cure="Wait.")

    monkeypatch.setattr(fixing, "tend", broken)
    ran = workbench("worker", "--once")
    assert ran.code == Exit.DONE
    assert "Fix sessions could not be seen to: the places are taken" in ran.err
    assert (repo / "bugs" / "B-001.md").is_file()


def test_what_was_set_aside_is_tried_again_on_demand(workbench, bug, repo, store):
    lease = outbox.lease(store, "w", KINDS, NOW)
    assert outbox.fail(store, lease, Permanent("Bad credentials."), now=NOW) == "parked"
    assert "Nothing is due." in workbench("worker", "--once").err
    ran = workbench("worker", "--once", "--retry")
    assert (ran.code, (repo / "bugs" / "B-001.md").is_file()) == (Exit.DONE, True)
    assert "1 set aside before is tried again." in ran.err
    assert "Nothing was set aside." in workbench("worker", "--once", "--retry").err
