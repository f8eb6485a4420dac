"""What a runner loads only once it is at work, loaded while it waits for its order: its agent starts the sooner."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from sqlalchemy.orm import configure_mappers

# What the SDK loads as it starts its first client, where it is installed.
_LATE = ("anyio._backends._asyncio", "anyio.streams.stapled", "opentelemetry.propagate", "encodings.idna")


def warm_up() -> None:
    """Load what will be needed. That nothing of it is there is nobody's trouble but of who needs it."""
    configure_mappers()
    for name in _LATE:
        with suppress(Exception):
            import_module(name)
