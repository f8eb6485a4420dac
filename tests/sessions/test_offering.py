"""A written test is offered to the agent where it shows the fault; otherwise nothing is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.testing import make_event
from workbench.errors import OutsideError
from workbench.evidence import Reproduction
from workbench.fixing import offering
from workbench.reproducing import Attempt, CannotWrite, Written
from workbench.sessions.paths import Paths


def tried(*answers: str):
    """Return what stands in for trying: one attempt for each answer, and a note of the time that it was given."""

    def tries(config, number, event, *, base, progress):
        tries.timeout = config["tests.timeout"]
        return [
            Attempt(
                Written(f"# {answer}\n", "call"), "tests/test_b012_call.py", base, "c0ffee", Reproduction(answer, "")
            )
            for answer in answers
        ]

    return tries


def test_a_test_that_shows_the_fault_lies_beside_the_brief_and_may_be_read(config, tmp_path):
    tries = tried("not reproduced", "reproduced")
    told = offering.write(config, tmp_path, 12, make_event(), base="base", tries=tries)
    file = tmp_path / offering.FILE
    assert str(file) in told
    assert "tests/test_b012_call.py" in told
    assert file.read_text() == "# reproduced\n"
    assert tries.timeout <= offering.SECONDS
    paths = Paths.of(Path(config.repo), tmp_path / "event.json", file)
    assert paths.why_not_read(str(file), config.repo) is None
    assert paths.why_not_write(str(file), config.repo) == "it is outside of the worktree"


@pytest.mark.parametrize("answers", [(), ("not reproduced",), ("not run", "not reproduced")])
def test_a_test_that_shows_nothing_is_not_spoken_of(config, tmp_path, answers):
    assert offering.write(config, tmp_path, 12, make_event(), base="base", tries=tried(*answers)) == ""
    assert not (tmp_path / offering.FILE).exists()


@pytest.mark.parametrize("error", [CannotWrite("no frame"), OutsideError("git failed", cure="")])
def test_what_cannot_be_written_does_not_keep_a_session_from_its_work(config, tmp_path, error):
    def tries(*_, **__):
        raise error

    assert offering.write(config, tmp_path, 12, make_event(), base="base", tries=tries) == ""


def test_a_real_attempt_on_a_repository_without_django_says_nothing(config, clinic, bug, engine, now, tmp_path):
    from workbench.bugs import queries

    event = queries.bug_page(engine, bug, now=now).event
    assert offering.write(config, tmp_path, bug, event, base="HEAD") == ""
