"""The base of all rows, and what their fields are made of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from capture.store import schema
from capture.store.column_types import StoredText, UtcDateTime


class Row(SQLModel, registry=registry(metadata=schema.metadata)):
    """The base of all tables of the store."""

    # A row of a table is never validated, and what would do it takes a third of the time to import them.
    model_config = {"defer_build": True}

    @classmethod
    def __table_cls__(cls, name: str, metadata: sa.MetaData, *described: Any, **options: Any) -> sa.Table:
        """Return the table that `capture.store.schema` has: one statement may name it and the row's class."""
        known = metadata.tables.get(name)
        return sa.Table(name, metadata, *described, **options) if known is None else known


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
    return schema.metadata.tables[str(model.__tablename__)]
