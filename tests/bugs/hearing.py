"""Waiting until a watcher hears of a change."""

from __future__ import annotations

import time

from workbench.bugs.watch import Watcher


def heard(watcher: Watcher) -> bool:
    """Whether the watcher notices within a moment: PostgreSQL sends word a little after the commit."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if watcher.changed():
            return True
        time.sleep(0.01)
    return False
