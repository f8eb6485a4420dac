"""The numbers of bugs as people write them."""

from __future__ import annotations

import re

from workbench.errors import UsageError

_WRITTEN = re.compile(r"(?:[Bb]-?)?0*([1-9][0-9]{0,8})", re.ASCII)


def parse_number(text: str) -> int:
    """Return the number of "B-012", "b12" or "12". Raises `UsageError` for anything else."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is not the number of a bug.", cure="Write it as B-012 or 12.")
    return int(found[1])
