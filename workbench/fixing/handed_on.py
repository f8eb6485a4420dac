"""The environment of who queued a session, for whoever begins it: its plain variables, and of secret ones the names.

A key of the model is in no database. Of one that the session was queued with, a salted digest says whether whoever
begins it has the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.sessions import environment

_DIGEST = 12  # characters


@dataclass(frozen=True)
class HandedOn:
    """The environment that a queued session begins in, and what of it is not as it was: `missing`, `other`."""

    environ: Mapping[str, str]
    missing: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


def keep(environ: Mapping[str, str], session_id: str, *, rehearsal: bool) -> dict[str, Any]:
    """Return what is written down of an environment: nothing secret, and nothing that a runner would not get."""
    allowed = environment.handed_to_runners(environ, rehearsal=rehearsal)
    plain = {name: value for name, value in allowed.items() if name not in environment.SENSITIVE}
    secret = {name: _digest(value, session_id) for name, value in allowed.items() if name in environment.SENSITIVE}
    return {"plain": plain, "secret": secret}


def restore(kept: Mapping[str, Any] | None, environ: Mapping[str, str], session_id: str) -> HandedOn:
    """Return the environment that `keep` has written down, its secret variables from `environ`.

    A session that was queued before this was written down begins in `environ`.
    """
    if not kept:
        return HandedOn(environ)
    ours = {name: value for name, value in environ.items() if name in environment.SENSITIVE}
    secret = kept["secret"]
    missing = tuple(sorted(name for name in secret if name not in ours))
    other = tuple(sorted(name for name in secret.keys() & ours if _digest(ours[name], session_id) != secret[name]))
    taken = {name: environ[name] for name in (*secret, *environment.MEASURING) if name in environ}
    return HandedOn({**kept["plain"], **taken}, missing, other)


def _digest(value: str, session_id: str) -> str:
    return hashlib.sha256(f"{session_id} {value}".encode()).hexdigest()[:_DIGEST]
