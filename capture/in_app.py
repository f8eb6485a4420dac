"""Which code is the site's own."""

from __future__ import annotations

import site
import sysconfig
from functools import lru_cache
from pathlib import Path


def _library_roots() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    roots = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    roots.update(site.getsitepackages() if hasattr(site, "getsitepackages") else ())
    roots.add(site.getusersitepackages())
    return tuple(str(Path(root)) + "/" for root in roots)


_LIBRARIES = (*_library_roots(), str(Path(__file__).parent) + "/")


@lru_cache(maxsize=4_096)
def is_in_app(filename: str) -> bool:
    """Return whether a file is the site's own: not a library, not the standard library, not this package."""
    if filename.startswith("<") or "/site-packages/" in filename or "/dist-packages/" in filename:
        return False
    return not filename.startswith(_LIBRARIES)
