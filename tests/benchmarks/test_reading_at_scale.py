"""The bug list and the page of a bug, on the clock: 100,000 bugs with 10 million events, on SQLite with 1 million.

Beside each stands the least that the database can do: one bug by its number.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from benchmarks.big_store import HOT, fill
from sqlalchemy.engine import Engine

from capture.store.tables import Bug
from workbench.bugs import queries
from workbench.bugs.listing import Question, listed
from workbench.bugs.order import Order

BUGS = 100_000
OCCURRENCES = {"sqlite": 1_000_000, "postgresql": 10_000_000}
ROUNDS, LINES, BAR = 60, 50, 50  # milliseconds, of the 95th percentile
FILTERED_BAR = 100


@pytest.mark.timeout(1_800)
def test_reading(any_engine: Engine, report: Callable[..., None]) -> None:
    name = any_engine.dialect.name
    fill(any_engine, bugs=BUGS, occurrences=OCCURRENCES[name])
    chance, now = random.Random(7), datetime.now(UTC)  # noqa: S311 (which bugs are read)
    least = _p95([_bug(any_engine, chance.randint(1, BUGS)) for _ in range(ROUNDS)])

    def tell(what: str, asks: list[Callable[[], object]], bar: int) -> None:
        took = _p95(asks)
        report(f"{name}: {what}, 95 %", took, "one bug by its number", least, "ms", bar=f"< {bar} ms", met=took < bar)

    orders = [Order(by, is_descending=down) for by in ("last", "first", "count") for down in (True, False)]
    tell(
        "the list, anywhere in it, in any order of its indexes",
        [_window(any_engine, chance.choice(orders), chance.randint(0, BUGS), now) for _ in range(ROUNDS)],
        BAR,
    )
    for asked in ("state:open", "is:recurring", "seen:<24h", "count:>100"):
        tell(f"the list of {asked}", [_window(any_engine, Order("last"), 0, now, asked)] * 20, BAR)
    tell(
        "the list of those seen last, with how many users met each",
        [_window(any_engine, Order("last"), 0, now, users=True)] * 20,
        FILTERED_BAR,
    )
    for asked in ("invoice", "type:KeyError route:/api/price/*"):
        tell(f"the list of {asked}", [_window(any_engine, Order("last"), 0, now, asked)] * 20, FILTERED_BAR)
    tell("the page of a bug", [_page(any_engine, chance.randint(HOT, BUGS), now) for _ in range(ROUNDS)], BAR)
    tell("the page of a bug that is met all the time", [_page(any_engine, n, now) for n in range(1, HOT + 1)], BAR)


def _bug(engine: Engine, number: int) -> Callable[[], object]:
    def ask() -> object:
        with engine.connect() as connection:
            return connection.execute(sa.select(Bug).where(Bug.number == number)).one()  # type: ignore[arg-type]

    return ask


def _window(
    engine: Engine, order: Order, start: int, now: datetime, asked: str = "", *, users: bool = False
) -> Callable[[], object]:
    return lambda: listed(engine, Question(asked, order), start=start, size=LINES, users=users, now=now)


def _page(engine: Engine, number: int, now: datetime) -> Callable[[], object]:
    return lambda: queries.bug_page(engine, number, now=now)


def _p95(asks: list[Callable[[], object]]) -> float:
    """Return the milliseconds that 95 of a hundred took at most, after one that warms what is kept."""
    asks[0]()
    took = []
    for ask in asks:
        began = time.perf_counter()
        ask()
        took.append(1_000 * (time.perf_counter() - began))
    return sorted(took)[int(len(took) * 0.95)]
