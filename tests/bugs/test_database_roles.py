"""PostgreSQL's roles: what a site, a reader and a person can do under theirs, and what is refused."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from bugs.hearing import heard
from sqlalchemy.engine import Engine

from capture.errors import StoreReadOnly
from capture.store import folding, migrate
from capture.store.engine import open_engine
from capture.store.intake import Batch, Counted, take_in
from capture.store.retention import Pruner
from capture.store.tables import Bug, Transition
from capture.testing import NOW, make_event
from workbench.bugs import acts, database_roles, listing, needs, queries, stats
from workbench.bugs.order import LATEST_FIRST
from workbench.bugs.store import database_errors
from workbench.bugs.watch import Watcher
from workbench.errors import ConfigurationError, DatabaseError, UsageError

pytestmark = pytest.mark.postgres
HOUR = timedelta(hours=1)


@pytest.fixture
def acting_as(postgres_engine: Engine) -> Iterator[Callable[[str], Engine]]:
    """A function that opens the store as one of the three roles, which are this test's own."""
    prefix, opened = f"test_{secrets.token_hex(6)}", []
    database_roles.apply(postgres_engine, prefix)

    def acting_as(role: str) -> Engine:
        url = postgres_engine.url.update_query_dict({"options": f"-c role={prefix}_{role}"})
        opened.append(open_engine(url.render_as_string(hide_password=False)))
        return opened[-1]

    yield acting_as
    for engine in opened:
        engine.dispose()
    with postgres_engine.begin() as connection:
        for role in ("site", "reader", "person"):
            connection.execute(sa.text(f"DROP OWNED BY {prefix}_{role}; DROP ROLE {prefix}_{role}"))


def changed(engine: Engine, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(Bug).where(Bug.number == 1).values(values))


def test_a_site_takes_in_all_kinds_of_events(
    acting_as: Callable[[str], Engine], postgres_engine: Engine, carry_into: Callable[..., Any]
) -> None:
    site = acting_as("site")
    migrate.check(site)
    assert carry_into(site, make_event(), make_event(key="bb")).new_bugs == (1, 2)
    count = Counted("clinic", make_event().fingerprint.key, NOW, 7)
    assert take_in(site, Batch("counts", 0, 1, 7, [count]), now=NOW).counted == 7
    duplicate = make_event()
    carry_into(site, duplicate)
    assert carry_into(site, duplicate, make_event(release="v2", level="fatal", environment="staging")).duplicates == 1
    changed(postgres_engine, state="muted", mute_events=2)
    carry_into(site, make_event())
    carry_into(site, make_event())
    assert queries.bug_page(postgres_engine, 1, now=NOW).row.state == "open"
    changed(postgres_engine, state="closed", closed_as="fixed", fix_commit="c0ffee")
    with postgres_engine.begin() as connection:
        step = {"bug_id": 1, "at": NOW, "actor_kind": "person", "actor": "Ada", "to_state": "closed", "reason": ""}
        connection.execute(sa.insert(Transition).values(step))
    assert carry_into(site, make_event(at=NOW + HOUR, release="v3"), now=NOW + HOUR).reopened == (1,)
    changed(postgres_engine, state="closed", closed_as="duplicate", duplicate_of=2, is_recurrence=False)
    assert carry_into(site, make_event(at=NOW + 2 * HOUR, release="v4"), now=NOW + 2 * HOUR).reopened == ()
    changed(postgres_engine, duplicate_of=None, merged_into=2)
    assert carry_into(site, make_event(at=NOW + 3 * HOUR, release="v5"), now=NOW + 3 * HOUR).reopened == (1,)


def test_a_site_keeps_its_database_small(
    acting_as: Callable[[str], Engine], carry_into: Callable[..., Any], tmp_path: Any
) -> None:
    site = acting_as("site")
    carry_into(site, *(make_event() for _ in range(40)))
    assert Pruner(site, keep=2, now=lambda: NOW).round(seconds=30).occurrences > 30
    assert folding.fold(site, folder=tmp_path, place="elsewhere", now=NOW + timedelta(days=400)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT payload FROM occurrence", "SELECT user_id FROM occurrence", "SELECT * FROM note", "SELECT * FROM issue",
        "UPDATE bug SET title = 'x'", "UPDATE bug SET assignee = 'x'", "UPDATE bug SET fix_commit = 'x'",
        "DELETE FROM bug", "DELETE FROM tally", "DELETE FROM transition", "UPDATE transition SET actor = 'Ada'",
        "UPDATE outbox SET state = 'done'", "SELECT body FROM outbox", "INSERT INTO sign_off DEFAULT VALUES",
        "UPDATE alembic_version SET version_num = '1'", "CREATE TABLE mine (id integer)", "TRUNCATE occurrence",
    ],
)  # fmt: skip
def test_a_site_can_do_nothing_else(acting_as: Callable[[str], Engine], statement: str) -> None:
    with acting_as("site").begin() as connection, pytest.raises(sa.exc.ProgrammingError, match=r"denied|must be owner"):
        connection.execute(sa.text(statement))


def test_a_reader_sees_everything_and_changes_nothing(
    acting_as: Callable[[str], Engine], postgres_engine: Engine, carry_into: Callable[..., Any]
) -> None:
    carry_into(postgres_engine, make_event())
    reader = acting_as("reader")
    migrate.check(reader)
    assert [row.number for row in queries.list_bugs(reader, now=NOW)] == [1]
    page = queries.bug_page(reader, 1, now=NOW)
    assert page.row.count == 1
    question = listing.Question("state:open", LATEST_FIRST, "")
    assert listing.listed(reader, question, start=0, size=10, now=NOW)[1].total == 1
    assert listing.known(reader)
    assert stats.stats(reader, now=NOW)
    assert queries.ledger(reader).balanced
    assert needs.needs(reader)
    watcher = Watcher(reader)
    carry_into(postgres_engine, make_event())
    assert heard(watcher)
    watcher.close()
    refused = pytest.raises(DatabaseError, match="does not let this role do that: permission denied")
    with refused as caught, database_errors():
        acts.assign(reader, [1], "Ada", by="Ada", now=NOW)
    assert "workbench db roles" in caught.value.cure


def test_a_person_works_and_leaves_the_schema_alone(
    acting_as: Callable[[str], Engine], postgres_engine: Engine, carry_into: Callable[..., Any]
) -> None:
    carry_into(postgres_engine, make_event(), make_event(key="bb"), make_event(key="cc"))
    person = acting_as("person")
    acts.assign(person, [1], "Ada", by="Ada", now=NOW)
    acts.delete(person, 3, typed="B-003", by="Ada", now=NOW)
    acts.merge(person, [1, 2], into=1, by="Ada", now=NOW)
    with person.begin() as connection, pytest.raises(sa.exc.ProgrammingError, match="must be owner"):
        connection.execute(sa.text("ALTER TABLE bug ADD COLUMN x integer"))


def test_a_site_without_rights_keeps_its_events(
    acting_as: Callable[[str], Engine], carry_into: Callable[..., Any]
) -> None:
    """It is an error of the store, so that the carrier waits and takes no event for a spoiled one."""
    with pytest.raises(StoreReadOnly):
        carry_into(acting_as("reader"), make_event())


def test_roles_of_earlier_rights_are_brought_up_to_date(postgres_engine: Engine, acting_as: Any) -> None:
    site = acting_as("site")
    prefix = str(site.url.query["options"]).removeprefix("-c role=").removesuffix("_site")
    with postgres_engine.begin() as connection:
        connection.execute(sa.text(f"GRANT ALL ON note TO {prefix}_site"))
    database_roles.apply(postgres_engine, prefix)
    with site.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match="denied"):
        connection.execute(sa.text("SELECT * FROM note"))


@pytest.mark.parametrize("prefix", ["", "Ada", "x; DROP TABLE bug", "x" * 60, "1a", 'a"b'])
def test_a_name_that_is_none_is_refused(prefix: str) -> None:
    with pytest.raises(UsageError):
        database_roles.statements(prefix)


def test_a_file_has_no_roles(engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match="no roles"):
        database_roles.apply(engine)
