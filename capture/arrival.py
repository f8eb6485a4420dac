"""Acting once somebody has imported a module, without importing it: a framework that no site uses costs nothing."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

Act = Callable[[Any], object]


class _Watch:
    """Stands first in `sys.meta_path`, finds nothing itself, and acts on the modules that the others found and ran."""

    def __init__(self) -> None:
        self.acts: dict[str, Act] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        act = self.acts.pop(name, None)  # taken out first: the search below comes by here again
        if act is None:
            return None
        spec = None
        try:
            spec = importlib.util.find_spec(name)
        finally:
            if spec is None or not _act_after(spec, act, lambda: self.acts.setdefault(name, act)):
                self.acts[name] = act
        return spec


_watch = _Watch()


def when_imported(name: str, act: Act) -> None:
    """Call `act` with the module `name`: now, where it is imported already, else as soon as somebody imports it.

    `act` must not raise.
    """
    module = sys.modules.get(name)
    if module is not None:
        act(module)
        return
    _watch.acts[name] = act
    if _watch not in sys.meta_path:
        sys.meta_path.insert(0, _watch)


def forget(name: str) -> None:
    """Wait for the module `name` no longer."""
    _watch.acts.pop(name, None)
    if not _watch.acts and _watch in sys.meta_path:
        sys.meta_path.remove(_watch)


def _act_after(spec: ModuleSpec, act: Act, failed: Callable[[], object]) -> bool:
    """Have the loader of this one module act after running it; return whether it can be asked to."""
    loader: Any = spec.loader
    run = getattr(loader, "exec_module", None)
    if run is None or not hasattr(loader, "__dict__"):
        return False

    def exec_module(module: Any) -> None:
        del loader.exec_module
        try:
            run(module)
        except BaseException:
            failed()  # an import that breaks off may be tried again
            raise
        act(module)

    loader.exec_module = exec_module
    return True
