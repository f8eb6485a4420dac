"""How things stand with the bugs, read fast: a session-start hook makes a person wait."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workbench.config import Config
from workbench.skill import branch
from workbench.skill.asking import Ask, Unusual, asking, for_sqlite, moment

NEW = timedelta(hours=24)
MOST = 8  # bugs that are named

# The columns are those of capture.store.tables.Bug; a test holds these to it on every kind of database.
_STATES = "SELECT state, COUNT(*) FROM bug GROUP BY state"
_NEW = "SELECT COUNT(*) FROM bug WHERE state = 'open' AND last_seen >= :since AND first_seen >= :since"
# COALESCE keeps the index on `state` out of it: where most bugs are open, fetching row by row through it takes five
# times as long (150 ms of 100,000 bugs) as reading the table from end to end.
_CAME_BACK = "SELECT COUNT(*) FROM bug WHERE COALESCE(state, '') = 'open' AND is_recurrence"
_MATTERING = """
SELECT number, title, count, is_recurrence, first_seen >= :since AS is_new, last_seen
FROM bug WHERE COALESCE(state, '') = 'open'
ORDER BY is_recurrence DESC, is_new DESC, count DESC, number DESC LIMIT :most
"""
_RELEASE = "SELECT name, first_seen FROM release ORDER BY first_seen DESC LIMIT 1"
# A fault's site is "module:function: line"; the names asked for are joined so that SQLite goes along the index on it.
_TOUCHED = {
    "sqlite": """
WITH asked(name) AS (SELECT value FROM json_each(:names))
SELECT bug.number, bug.title, bug.count, is_recurrence, bug.first_seen >= :since AS is_new, bug.last_seen, asked.name
FROM asked CROSS JOIN fingerprint ON site >= asked.name || ':' AND site < asked.name || ';'
JOIN bug ON bug.id = fingerprint.bug_id WHERE bug.state = 'open'
ORDER BY is_recurrence DESC, is_new DESC, bug.count DESC, number DESC LIMIT :most
""",
    "postgresql": """
SELECT bug.number, bug.title, bug.count, is_recurrence, bug.first_seen >= :since AS is_new, bug.last_seen,
split_part(site, ':', 1)
FROM fingerprint JOIN bug ON bug.id = fingerprint.bug_id
WHERE bug.state = 'open' AND split_part(site, ':', 1) IN (SELECT json_array_elements_text(CAST(:names AS json)))
ORDER BY is_recurrence DESC, is_new DESC, bug.count DESC, number DESC LIMIT :most
""",
}


@dataclass(frozen=True)
class OpenBug:
    """One open bug. `title` is captured text."""

    number: int
    title: str
    count: int
    came_back: bool
    is_new: bool
    last_seen: datetime
    touched: str = ""  # the file of this branch that it was raised in


@dataclass(frozen=True)
class Standing:
    """How many bugs are in each state, how many of the open ones came back or are new, and the open ones that matter.

    New is what was first seen since the last release, or in the last 24 hours where no release is known. Those that
    came back are first, then those raised in files that this branch touches, the new ones, and the frequent ones.
    """

    states: Mapping[str, int]
    came_back: int
    new: int
    bugs: tuple[OpenBug, ...]
    release: str | None = None  # the last one; captured text


def standing(config: Config, *, now: datetime) -> Standing:
    """Return how things stand. Raises `DatabaseError` with a cure when the database cannot be read.

    It is a `NoDatabase` where there is none.
    """
    names: dict[str, str] = {}
    try:
        with asking(config) as (ask, kind):
            names = branch.modules(branch.touched(config.repo, str(config["signoff.branch"])))
            return _read(ask, now - NEW, names, kind)
    except Unusual:
        return _by_sqlalchemy(config, now, names)


def _by_sqlalchemy(config: Config, now: datetime, names: Mapping[str, str]) -> Standing:
    from sqlalchemy import text

    from workbench.bugs.store import database_errors, open_store

    engine = open_store(config)
    try:
        with database_errors(), engine.connect() as connection:
            is_sqlite = engine.dialect.name == "sqlite"
            return _read(
                lambda sql, values: connection.execute(text(sql), for_sqlite(values) if is_sqlite else values).all(),
                now - NEW,
                names,
                engine.dialect.name,
            )
    finally:
        engine.dispose()


def _read(ask: Ask, since: datetime, names: Mapping[str, str], dialect: str) -> Standing:
    states = {str(state): int(count) for state, count in ask(_STATES, {})}
    last = ask(_RELEASE, {})
    release, since = (last[0][0], moment(last[0][1])) if last else (None, since)
    came_back, new = ask(_CAME_BACK, {})[0][0], ask(_NEW, {"since": since})[0][0]
    bugs = {row[0]: _bug(*row) for row in ask(_MATTERING, {"since": since, "most": MOST})}
    if names:
        asked = {"since": since, "most": MOST, "names": json.dumps(list(names))}
        for *row, module in ask(_TOUCHED[dialect], asked):
            bugs[row[0]] = replace(_bug(*row), touched=names[module])
    return Standing(states, came_back, new, _first(bugs.values()), release)


def _first(bugs: Iterable[OpenBug]) -> tuple[OpenBug, ...]:
    ordered = sorted(
        bugs, key=lambda bug: (bug.came_back, bool(bug.touched), bug.is_new, bug.count, bug.number), reverse=True
    )
    return tuple(ordered[:MOST])


def _bug(number: int, title: str, count: int, came_back: object, is_new: object, last_seen: str | datetime) -> OpenBug:
    return OpenBug(number, title, count, bool(came_back), bool(is_new), moment(last_seen))
