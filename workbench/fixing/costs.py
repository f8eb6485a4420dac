"""What sessions have cost: of one bug over all attempts, and of a day, with the cap that stops further launches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store import schema
from workbench.bugs.rows import BugPage
from workbench.bugs.store import database_errors
from workbench.config import Config
from workbench.errors import Refused

_SESSION = schema.FIX_SESSION


@dataclass(frozen=True)
class Spent:
    """What attempts at one bug have cost, and why people sent results back, the latest first.

    Rehearsals are counted apart: nobody pays for them.
    """

    sessions: int = 0
    rehearsals: int = 0
    cost_usd: float = 0.0
    is_estimated: bool = False
    rejections: tuple[str, ...] = ()


def of_bug(page: BugPage) -> Spent:
    """Return what a bug has cost over all attempts."""
    paid = [session for session in page.sessions if session.rehearsal is None]
    return Spent(
        sessions=len(paid),
        rehearsals=len(page.sessions) - len(paid),
        cost_usd=sum(session.cost_usd for session in paid),
        is_estimated=any(session.is_cost_estimated for session in paid),
        rejections=tuple(each.note for each in page.sign_offs if each.decision == "rejected" and each.stands),
    )


def of_day(engine: Engine, *, now: datetime) -> float:
    """Return what the sessions cost that were at work on the day of `now`, in UTC, whoever launched them."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    at_work = sa.or_(_SESSION.c.ended_at.is_(None), _SESSION.c.ended_at >= midnight)
    total = sa.select(sa.func.coalesce(sa.func.sum(_SESSION.c.cost_usd), 0.0))
    with database_errors(), engine.connect() as connection:
        return float(connection.scalar(total.where(at_work, _SESSION.c.rehearsal.is_(None))) or 0.0)


def why_not_today(config: Config, engine: Engine, *, now: datetime) -> str:
    """Return why no further session may begin today, or an empty string."""
    cap = float(config["agent.daily_usd"])
    if cap <= 0:
        return ""
    spent = of_day(engine, now=now)
    return f"today's sessions have cost ${spent:.2f}, and the cap of a day is ${cap:.2f}" if spent >= cap else ""


def check_day(config: Config, engine: Engine, *, now: datetime) -> None:
    """Raise `Refused` where the cap of the day is reached."""
    if why := why_not_today(config, engine, now=now):
        raise Refused(f"{why[0].upper()}{why[1:]}.", cure="Wait for tomorrow (UTC), or raise agent.daily_usd.")
