"""What the columns of all tables are made of, and the metadata that they belong to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

# Metadata of our own: a site that uses SQLModel itself must not find our tables among its own, nor we its.
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC datetimes on every database; SQLite itself would drop the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return `value` in UTC; a naive datetime is a programming error and raises ValueError."""
        if value is None:
            return None
        value = in_utc(value)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored time as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def in_utc(at: datetime) -> datetime:
    """Return a time in UTC; one without a zone is a programming error and raises ValueError."""
    if at.tzinfo is UTC:
        return at
    if at.tzinfo is None:
        raise ValueError(f"naive datetime {at!r}: times in the store are aware UTC")
    return at.astimezone(UTC)


def utc(at: datetime) -> datetime:
    """Return a time in UTC; one without a zone is taken as that."""
    if at.tzinfo is UTC:
        return at
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def storable(text: str) -> str:
    """Return `text` with NUL and halves of surrogate pairs as U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class StoredText(sa.types.TypeDecorator[str]):
    """Text as every database can hold it: the one door from captured text into a text column.

    PostgreSQL refuses NUL, and neither driver can send half of a surrogate pair; both become U+FFFD, so that an
    error that carries them is stored and not lost.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return `value` with what cannot be stored replaced."""
        return None if value is None else storable(value)


class Row(SQLModel, registry=registry(metadata=metadata)):
    """The base of all tables of the store."""

    # A row of a table is never validated, and what would do it takes a third of the time to import them.
    model_config = {"defer_build": True}


def json(**options: Any) -> Any:
    """Return a column of JSON."""
    return Field(sa_type=sa.JSON, **options)


def time(**options: Any) -> Any:
    """Return a column of times in UTC."""
    return Field(sa_type=UtcDateTime, **options)


def text(**options: Any) -> Any:
    """Return a column of text as every database can hold it."""
    return Field(sa_type=StoredText, **options)


def count(**options: Any) -> Any:
    """Return a column of large whole numbers, 0 at first."""
    return Field(default=0, sa_type=sa.BigInteger, **options)


def where(condition: str) -> dict[str, Any]:
    """Return what says of an index that it is limited to some rows, for people: the migrations make it so.

    As options for each database they would load SQLAlchemy's part for PostgreSQL in every process, 2 MiB of it.
    """
    return {"info": {"where": condition}}


def table_of(model: type[Row]) -> sa.Table:
    """Return the table behind a model, for Core statements."""
    return metadata.tables[str(model.__tablename__)]
