"""`workbench bugs list` as it is asked for most: without typer and SQLAlchemy, whose imports take 0.6 s.

Anything but states to choose from, and anything unusual about the database, is left to the command itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from workbench import config as configuration
from workbench.cli.output import note, table
from workbench.cli.pager import paged
from workbench.skill.asking import Ask, NoDatabase, Unusual, asking, moment

STATES = ("open", "fixing", "review", "closed", "muted")
_MIGRATIONS = Path(__file__).parents[2] / "capture" / "store" / "migrations" / "versions"

# The columns are those of capture.store.tables; a test holds the lines to what the command prints.
_SELECT = """
SELECT bug.number, bug.state, bug.is_recurrence, bug.title, bug.count, bug.last_seen, issue.number, issue.closed_outside
FROM bug LEFT OUTER JOIN issue ON issue.bug_id = bug.id
"""
_ORDER = " ORDER BY bug.last_seen DESC, bug.number DESC"
HEAD = ("BUG", "STATE", "TITLE", "COUNT", "SEEN", "ISSUE")


def show(arguments: Sequence[str], flags: Mapping[str, str | None]) -> bool:
    """Print the list that the words after `bugs list` ask for; False, and nothing, where the command has to."""
    states = _states(arguments)
    if states is None:
        return False
    config, now = configuration.load(flags=flags), datetime.now(UTC)
    try:
        with asking(config) as (ask, _kind):
            if _version(ask) != _known_version():
                return False
            rows = _rows(ask, states, now)
    except (Unusual, NoDatabase):
        return False
    if not rows:
        note("No bugs match." if states else "No bugs yet. Try one: manage.py capture_test in your site.")
        return True
    with paged(wanted="--no-pager" not in arguments):
        table(HEAD, rows, flexible=2, numbers=(3,))
    return True


def _states(arguments: Sequence[str]) -> tuple[str, ...] | None:
    states: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--no-pager":
            continue
        name, separator, value = word.partition("=")
        given = value if separator else next(words, "")
        if name != "--state" or not set(given.split(",")) <= set(STATES):
            return None
        states += given.split(",")
    return tuple(states)


def _version(ask: Ask) -> str:
    return str(ask("SELECT max(version_num) FROM alembic_version", {})[0][0])


def _known_version() -> str:
    return max(path.name.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*.py"))


def _rows(ask: Ask, states: tuple[str, ...], now: datetime) -> list[tuple[str, ...]]:
    from capture.store.labels import label
    from workbench.tui.words import age

    names = {f"state{place}": state for place, state in enumerate(states)}
    where = f" WHERE bug.state IN ({', '.join(f':{name}' for name in names)})" if names else ""
    return [
        (
            label(number),
            f"{state} again" if came_back and state == "open" else state,
            title,
            str(count),
            age(moment(seen), now),
            "" if issue is None else f"#{issue}{' closed outside' if outside else ''}",
        )
        for number, state, came_back, title, count, seen, issue, outside in ask(_SELECT + where + _ORDER, names)
    ]
