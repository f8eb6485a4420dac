"""A large store, made with raw inserts: bugs of all ages, most seen a few times and a few very often."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, Engine

from capture.event import encode
from capture.store import payloads
from capture.testing import make_event

HOT = 50  # bugs that have a good part of all events
WORDS = ("basket", "price", "invoice", "login", "search", "upload", "webhook", "report", "avatar", "coupon")
TYPES = ("KeyError", "ValueError", "TypeError", "TimeoutError", "PermissionError", "ZeroDivisionError")


def fill(engine: Engine, *, bugs: int, occurrences: int, now: datetime | None = None) -> None:
    """Fill an empty store that has its schema."""
    filled = _fill_postgresql if engine.dialect.name == "postgresql" else _fill_sqlite
    engine.dispose()
    filled(engine.url, bugs, occurrences, now or datetime.now(UTC))


def _fill_sqlite(url: URL, bugs: int, occurrences: int, now: datetime) -> None:
    raw = sqlite3.connect(Path(str(url.database)), isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-200000", "temp_store=MEMORY"):
        raw.execute(f"PRAGMA {pragma}")
    indexes = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for name, _sql in indexes:
        raw.execute(f"DROP INDEX {name}")
    raw.execute("BEGIN")
    _insert(raw, "bug", _bugs(bugs, occurrences, now))
    _insert(raw, "fingerprint", _fingerprints(bugs, occurrences, now))
    _insert(raw, "occurrence", _occurrences(bugs, occurrences, now))
    _insert(raw, "tally", _tallies(bugs, now))
    for _name, made in indexes:
        raw.execute(made)
    raw.execute("COMMIT")
    raw.execute("PRAGMA synchronous=NORMAL")
    raw.close()


def _fill_postgresql(url: URL, bugs: int, occurrences: int, now: datetime) -> None:
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as raw:
        raw.execute("SET timezone = 'UTC'")
        raw.execute("SET synchronous_commit = off")
        with raw.transaction():
            _copy(raw, "bug", _bugs(bugs, occurrences, now))
            _copy(raw, "fingerprint", _fingerprints(bugs, occurrences, now))
            _copy(raw, "tally", _tallies(bugs, now))
            indexes = raw.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'occurrence' AND indexdef !~ 'UNIQUE'"
            ).fetchall()
            for name, _made in indexes:
                raw.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
            # The server makes them itself: ten million, one by one, would take this process half an hour.
            rows = {
                "hot": HOT,
                "hot_count": _count(1, bugs, occurrences),
                "count": _count(bugs, bugs, occurrences),
                "payload": payloads.pack(encode(make_event(at=now))),
            }
            raw.execute(_OCCURRENCES, rows)
            for _name, made in indexes:
                raw.execute(made.encode())
        raw.execute("VACUUM ANALYZE")  # as the server would, some minutes later


_OCCURRENCES = """
INSERT INTO occurrence (id, bug_id, fingerprint_id, at, status_code, environment, release, path, user_id, payload)
SELECT md5(bug.id || '/' || made), bug.id, bug.id, bug.last_seen - (made - 1) * interval '1 minute', 500, 'production',
       '1.7', '/api/' || made || '/', CASE WHEN made %% 2 = 1 THEN 'user-' || made %% 5000 END, %(payload)s
FROM bug, generate_series(1, CASE WHEN bug.id <= %(hot)s THEN %(hot_count)s ELSE %(count)s END) AS made
"""


def _copy(raw: psycopg.Connection[Any], table: str, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows)
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, first))
    )
    with raw.cursor().copy(into) as copy:
        for row in itertools.chain([first], rows):
            copy.write_row(tuple(row.values()))


def _insert(raw: sqlite3.Connection, table: str, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows)
    columns, marks = ", ".join(first), ", ".join(f":{name}" for name in first)
    statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 (names of our own)
    raw.execute(statement, first)
    raw.executemany(statement, rows)


def _seen(number: int, now: datetime) -> datetime:
    # Spread over some months, the hot ones within the last hours.
    return now - (timedelta(seconds=number) if number <= HOT else timedelta(seconds=(number * 7919) % 9_000_000))


def _count(number: int, bugs: int, occurrences: int) -> int:
    """Return how many events of a bug are stored: a third of all belongs to the hot ones."""
    if number <= HOT:
        return occurrences // 3 // HOT
    return (occurrences - occurrences // 3) // (bugs - HOT)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _bugs(bugs: int, occurrences: int, now: datetime) -> Iterator[dict[str, Any]]:
    states = ("open",) * 6 + ("fixing", "review", "closed", "muted")
    for number in range(1, bugs + 1):
        word, type_ = WORDS[number % len(WORDS)], TYPES[number % len(TYPES)]
        yield {
            "id": number,
            "number": number,
            "project": "shop",
            "environment": "production" if number % 3 else "staging",
            "title": f"{type_}: no {word} with the number {number * 31}",
            "kind": "exception",
            "level": "error",
            "state": states[number % len(states)],
            "is_recurrence": number % 40 == 0,
            "exception_type": type_,
            "status_code": 500,
            "method": "GET",
            "route": f"/api/{word}/<int:pk>/",
            "last_release": f"1.{number % 60}",
            "count": _count(number, bugs, occurrences) + number % 90,
            "first_seen": _text(_seen(number, now) - timedelta(days=number % 50)),
            "last_seen": _text(_seen(number, now)),
            "assignee": "Ann Lee <ann@example.com>" if number % 25 == 0 else None,
            "changed_at": _text(now),
        }


def _fingerprints(bugs: int, occurrences: int, now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(1, bugs + 1):
        yield {
            "id": number,
            "project": "shop",
            "key": f"{number:016x}",
            "version": "1",
            "parts": "[]",
            "bug_id": number,
            "home_id": number,
            "count": _count(number, bugs, occurrences),
            "first_seen": _text(_seen(number, now) - timedelta(days=number % 50)),
            "last_seen": _text(_seen(number, now)),
            "environment": "production",
        }


def _occurrences(bugs: int, occurrences: int, now: datetime) -> Iterator[dict[str, Any]]:
    payload = payloads.pack(encode(make_event(at=now)))
    made = 0
    for number in range(1, bugs + 1):
        last = _seen(number, now)
        for index in range(_count(number, bugs, occurrences)):
            made += 1
            yield {
                "id": f"{made:032x}",
                "bug_id": number,
                "fingerprint_id": number,
                "at": _text(last - timedelta(minutes=index)),
                "status_code": 500,
                "environment": "production",
                "release": "1.7",
                "path": f"/api/{made}/",
                "user_id": f"user-{made % 5_000}" if made % 2 else None,
                "payload": payload,
            }


def _tallies(bugs: int, now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(1, bugs + 1):
        last = _seen(number, now).replace(minute=0, second=0, microsecond=0)
        for hour in range(24 * 14 if number <= HOT else 1 + number % 3):
            yield {"fingerprint_id": number, "hour": _text(last - timedelta(hours=hour)), "count": 1 + number % 7}
