"""Memory that nobody can reach any more: let go of soon, and not when the collector comes to it by itself.

Screens and their widgets hold each other, so that only the collector finds them, and by itself it looks at what has
lived for a while once in tens of thousands of objects: four pages and four palettes left 4 MiB. What the start left
is frozen and would never be looked at: 1.5 MiB.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from typing import Any

from textual.app import App

AFTER_START_SECONDS = 1.0  # a look at all that was loaded takes 30 ms
AFTER_SCREEN_SECONDS = 0.1  # one at what came since takes 5 to 15 ms, and what comes to the front is drawn first


def keep_tidy(app: App[Any]) -> None:
    """Tidy up once soon, and from now on after each screen that comes or goes. What is loaded by now stays."""
    gc.freeze()  # not looked at again
    gc.enable()
    app.set_timer(AFTER_START_SECONDS, _tidy_all)
    app.screen_change_signal.subscribe(app, lambda _screen: app.set_timer(AFTER_SCREEN_SECONDS, tidy))


def tidy() -> None:
    """Let go of what came up since the start and can't be reached any more."""
    _forget_drawn_lines()
    gc.collect()


def _forget_drawn_lines() -> None:
    """Let go of the drawn lines of widgets that are gone, of which Textual keeps a thousand (its issue 6665)."""
    with suppress(ImportError, AttributeError):  # where a later version has it otherwise
        from textual._styles_cache import StylesCache

        StylesCache.get_inner_outer.cache_clear()


def _tidy_all() -> None:
    gc.unfreeze()
    gc.collect()
    gc.freeze()
