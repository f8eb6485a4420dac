"""Which code is the site's own: told by where its file lies, and, where the site says so, by the name of its module."""

from __future__ import annotations

import fnmatch
import re
import site
import sysconfig
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

MAX_NAME = 300


def _library_roots() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    roots = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    roots.update(site.getsitepackages() if hasattr(site, "getsitepackages") else ())
    roots.add(site.getusersitepackages())
    return tuple(str(Path(root)) + "/" for root in roots)


_LIBRARIES = (*_library_roots(), str(Path(__file__).parent) + "/")


_named: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
_own: re.Pattern[str] | None = None
_others: re.Pattern[str] | None = None


def choose(own: Sequence[str] = (), others: Sequence[str] = ()) -> bool:
    """Take modules of these names for the site's own, or for a library's; return whether that was otherwise before.

    A name stands for all that is inside of it as well, and may be a glob.
    """
    global _named, _own, _others
    if (tuple(own), tuple(others)) == _named:
        return False
    _named = (tuple(own), tuple(others))
    _own, _others = _pattern(own), _pattern(others)
    is_in_app.cache_clear()
    return True


@lru_cache(maxsize=4_096)
def is_in_app(filename: str, module: str = "") -> bool:
    """Return whether code is the site's own: not a library, not the standard library, not this package.

    What was put into a library's folder is the site's own where its module was chosen.
    """
    if filename.startswith("<"):
        return False
    if _others is not None and _others.match(module[:MAX_NAME]):
        return False
    if _own is not None and _own.match(module[:MAX_NAME]):
        return True
    if "/site-packages/" in filename or "/dist-packages/" in filename:
        return False
    return not filename.startswith(_LIBRARIES)


def _pattern(names: Sequence[str]) -> re.Pattern[str] | None:
    globs = [glob for name in names for glob in (name, f"{name}.*")]
    return re.compile("|".join(map(fnmatch.translate, globs))) if globs else None
