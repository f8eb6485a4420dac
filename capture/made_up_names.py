"""Names of modules, functions and types without what a program made up for them: it makes others in the next run."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_NAME = 200

# What a program makes up when it makes code: names of temporary files, addresses, hashes, counters. A name such as
# `tmp_uploads` is a person's: of a thousand temporary ones three look like it. So is a number that reads as a month or
# a day (`reports_202401`): counters do as rarely, and a program that names its modules by the day makes one a day.
_GENERATED = re.compile(
    r"(?<![a-z0-9])tmp(?!(?:_|l_)[a-z_]{6,7}(?![a-z0-9_]))[a-z0-9_]{8}(?![a-z0-9_])"
    r"|0x[0-9a-f]+"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![a-z0-9])"
    r"|(?<![a-z0-9])[0-9a-f]{8}(?:[_-]?[0-9a-f]{4}){3}[_-]?[0-9a-f]{12}(?![a-z0-9])"
    r"|[0-9a-f]{32,64}(?![a-z0-9])"
    r"|(?<![a-z0-9])(?=[a-f]{0,64}\d)(?=\d{0,64}[a-f])[0-9a-f]{8,64}(?![a-z0-9])"
    r"|(?<!\d)(?!(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?(?!\d))\d{6,}",
    re.IGNORECASE,
)
# Every hexadecimal digit of a text in lower case as the same one.
_HEXADECIMAL = bytes(0x30 if byte in b"0123456789abcdef" else byte for byte in range(256))


@lru_cache(maxsize=4096)
def without_made_up(name: str) -> str:
    """Return the name of a module, function or type without what was made up for it."""
    return _GENERATED.sub("<id>", name[:MAX_NAME]) if _may_be_generated(name) else name[:MAX_NAME]


def _may_be_generated(name: str) -> bool:
    """Return whether a part of a name could be made up, which is found out in a tenth of the time of the pattern."""
    if not name.isascii():  # there are other digits
        return True
    lowered = name.lower()
    return "tmp" in lowered or "0x" in lowered or b"000000" in lowered.encode().translate(_HEXADECIMAL)
