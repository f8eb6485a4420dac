"""SKILL.md: its text, and how we know again what we once wrote.

The last line holds a version and a checksum of all above it. So a later version of ours takes an earlier one's
place, and what a person has written, or changed in ours, is never overwritten.
"""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from typing import Literal

VERSION = 2

State = Literal["missing", "current", "older", "newer", "changed", "foreign"]

_MARK = "<!-- bug-workbench skill, version {version}, checksum {checksum} -->"
_MARKED = re.compile(r"<!-- bug-workbench skill, version (\d{1,9}), checksum ([0-9a-f]{16}) -->\s*\Z")


def text() -> str:
    """Return the SKILL.md of this version, with its mark."""
    body = resources.files("workbench.skill").joinpath("SKILL.md").read_text(encoding="utf-8")
    return f"{body}\n{_MARK.format(version=VERSION, checksum=_checksum(body))}\n"


def state(found: str | None) -> State:
    """Say what a SKILL.md is: ours of this, an earlier or a later version, ours but changed by hand, or not ours."""
    if found is None:
        return "missing"
    found = found.replace("\r\n", "\n")  # git may have turned the line ends
    if found == text():
        return "current"
    mark = _MARKED.search(found)
    if mark is None:
        return "foreign"
    if _checksum(found[: mark.start()].removesuffix("\n")) != mark[2]:
        return "changed"
    return "newer" if int(mark[1]) > VERSION else "older"


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8")).hexdigest()[:16]
