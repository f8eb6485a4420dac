"""What the columns of the tables hold that SQLAlchemy has no type for: times in UTC, and text of any origin."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect


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
