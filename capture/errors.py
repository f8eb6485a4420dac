"""What can go wrong in `capture`, as it is told to people: what happened, where, and what to do next."""

from __future__ import annotations


class CaptureError(Exception):
    """Something went wrong in capture. `cure` says what to do next."""

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


class ConfigurationError(CaptureError):
    """A setting has a value that cannot work."""


class StoreError(CaptureError):
    """The shared database cannot be used."""


class StoreUnreachable(StoreError):
    """The shared database cannot be opened or does not answer."""


class StoreBusy(StoreError):
    """The shared database stayed locked by somebody else for longer than we wait."""


class StoreReadOnly(StoreError):
    """The shared database is open to read only, or its role may do no more."""


class SchemaMissing(StoreError):
    """The database has none of our tables yet."""


class SchemaTooOld(StoreError):
    """The database was made by an earlier version and has to be upgraded first."""


class SchemaTooNew(StoreError):
    """The database was made by a later version than this one."""


class SchemaForeign(StoreError):
    """The database holds the tables of something else."""


class EventUnreadable(StoreError):
    """A stored event has a form that this version does not know, or is damaged."""
