"""Which bugs a commit or a pull request names: by number, by an issue's marker, or by the number of its issue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from capture.store.engine import upsert
from capture.store.tables import Bug, FingerprintRow, Issue, Mention, table_of
from workbench.tracker.markers import faults_in
from workbench.tracker.port import Commit, Remote

# Whoever may open a pull request could name every bug there is; nobody means that.
_MOST_NAMED = 10
_MOST_OF_A_BUG = 50

_LABEL = re.compile(r"(?<![\w-])B-([0-9]{3,9})(?![\w-])", re.ASCII)
_REFERENCE = re.compile(r"(?<![\w/&])#([0-9]{1,9})\b", re.ASCII)

_BUG, _FINGERPRINT, _ISSUE, _MENTION = (table_of(model) for model in (Bug, FingerprintRow, Issue, Mention))


def numbers_in(text: str) -> set[int]:
    """Return the numbers of the bugs that a text names as in B-012, or none where it names too many to mean them."""
    found = {int(number) for number in _LABEL.findall(text)}
    return found if len(found) <= _MOST_NAMED else set()


def references_in(text: str) -> set[int]:
    """Return the numbers of the issues that a text names as in #41, or none where it names too many."""
    found = {int(number) for number in _REFERENCE.findall(text)}
    return found if len(found) <= _MOST_NAMED else set()


def named_by(session: Session, repository: str, items: Iterable[Remote | Commit]) -> set[int]:
    """Return the ids of the bugs that commits or pull requests name, to be locked before anything is noted."""
    return {bug_id for item in items for bug_id in _named(session, repository, _text(item))}


def note_all(session: Session, repository: str, items: Iterable[Remote | Commit], *, now: datetime) -> set[int]:
    """Note each commit or pull request at the bugs that it names; return the ids of the bugs. Nothing is committed."""
    touched: set[int] = set()
    for item in items:
        for bug_id in sorted(_named(session, repository, _text(item))):
            if _note(session, bug_id, _facts(item)):
                touched.add(bug_id)
    return touched


def _text(item: Remote | Commit) -> str:
    return item.message if isinstance(item, Commit) else f"{item.title}\n{item.body}"


def _named(session: Session, repository: str, text: str) -> set[int]:
    numbers, references, faults = numbers_in(text), references_in(text), faults_in(text)
    found: set[int] = set()
    if numbers:
        found |= set(session.scalars(sa.select(_BUG.c.id).where(_BUG.c.number.in_(numbers))))
    if references:
        of_issue = sa.select(_ISSUE.c.bug_id).where(
            _ISSUE.c.repository == repository, _ISSUE.c.number.in_(references), _ISSUE.c.is_pull.is_(False)
        )
        found |= set(session.scalars(of_issue))
    if faults and len(faults) <= _MOST_NAMED:
        of_fault = sa.tuple_(_FINGERPRINT.c.project, _FINGERPRINT.c.key).in_(faults)
        found |= set(session.scalars(sa.select(_FINGERPRINT.c.bug_id).where(of_fault)))
    return found


def _facts(item: Remote | Commit) -> dict[str, object]:
    if isinstance(item, Commit):
        first = item.message.partition("\n")[0][:300]
        return {
            "url": item.url,
            "kind": "commit",
            "title": first,
            "author": item.author,
            "state": item.sha[:12],
            "at": item.at,
        }
    state = "merged" if item.is_merged else item.found.state
    return {
        "url": item.found.url,
        "kind": "pull",
        "title": item.title[:300],
        "author": item.author,
        "state": state,
        "at": item.at,
    }


def _note(session: Session, bug_id: int, facts: Mapping[str, object]) -> bool:
    """Return whether that was news."""
    connection = session.connection()
    known = sa.select(_MENTION.c.title, _MENTION.c.state).where(_MENTION.c.bug_id == bug_id)
    if (was := connection.execute(known.where(_MENTION.c.url == facts["url"])).first()) is not None:
        if tuple(was) == (facts["title"], facts["state"]):
            return False
    elif len(connection.execute(known).all()) >= _MOST_OF_A_BUG:
        return False
    insert = upsert(connection, _MENTION).values(bug_id=bug_id, **facts)
    changed = {name: insert.excluded[name] for name in ("title", "state", "at")}
    connection.execute(insert.on_conflict_do_update(index_elements=[_MENTION.c.bug_id, _MENTION.c.url], set_=changed))
    return True
