"""Bugs from before GitHub was set up are owed their issue once, whoever notices."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from workbench.tracker import reconcile
from workbench.tracker.reconcile import owe_missing_issues


def forget_rows(site: Any) -> None:
    with Session(site.engine) as session:
        for row in site.rows():
            session.delete(row)
        session.commit()


def test_a_bug_without_issue_and_without_a_row_is_owed_one_once(site: Any) -> None:
    site.fail()
    forget_rows(site)
    assert owe_missing_issues(site.engine, now=site.clock) == 1
    assert owe_missing_issues(site.engine, now=site.clock) == 0
    assert [row.key for row in site.rows()] == ["open_issue:1:reconciled 0"]


def test_bugs_that_are_closed_or_linked_or_owed_one_are_left_alone(site: Any) -> None:
    site.fail()
    assert owe_missing_issues(site.engine, now=site.clock) == 0
    site.work()
    forget_rows(site)
    assert owe_missing_issues(site.engine, now=site.clock) == 0
    site.fail(key="ffffffffffffffff")
    forget_rows(site)
    site.move("closed", 2)
    assert owe_missing_issues(site.engine, now=site.clock) == 0


def test_another_worker_that_was_quicker_is_no_error(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_arguments: Any, **_options: Any) -> None:
        raise IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed"))

    site.fail()
    forget_rows(site)
    monkeypatch.setattr(reconcile, "owe", taken)
    assert owe_missing_issues(site.engine, now=site.clock) == 1
    assert site.rows() == []
