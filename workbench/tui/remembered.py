"""What is remembered between runs, by repository: the list's columns, views, orders and filters, and the colours.

It is a small file of JSON in our state directory. Each change reads it, changes it and puts it back under a lock, so
that two workbenches at once lose nothing of each other's. It can be deleted at any time.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.bugs.order import Order
from workbench.tui.columns import Chosen
from workbench.tui.left import FOLDER
from workbench.tui.views import NAME_LIMIT, View, order_of, order_text

if TYPE_CHECKING:
    from workbench.config import Config

LARGEST = 200_000  # bytes of a file that can be ours
HISTORY = 50
LOCK_SECONDS = 0.3  # others hold it for a millisecond


class NotRemembered(Exception):
    """The file could not be read or written; the message is for the status line."""


class Remembered(NamedTuple):
    """What was found. `wrong` says what is not as it was written; it is only told, and the rest is good."""

    chosen: Chosen = Chosen()
    view: str = ""  # the last one
    orders: Mapping[str, Order] = {}  # by the name of the view
    saved: tuple[View, ...] = ()
    history: tuple[str, ...] = ()  # filters, the last first
    theme: str = ""
    wrong: str = ""


class Memory:
    """The file of one repository."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, config: Config) -> Memory:
        """Return that of the repository at hand."""
        mark = hashlib.sha256(str(config.repo).encode("utf-8", "surrogateescape")).hexdigest()[:12]
        return cls(config.state_dir / FOLDER / f"{mark}.json")

    def read(self) -> Remembered:
        """Return what was remembered; whatever is wrong with the file costs only what it says."""
        try:
            data = self._data()
        except NotRemembered as error:
            return Remembered(wrong=str(error))
        wrong: list[str] = []

        def part(read: Callable[[], Any], otherwise: Any) -> Any:
            try:
                return read()
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                wrong.append(str(error))
                return otherwise

        found = Remembered(
            chosen=part(lambda: Chosen.of_data(data.get("columns", {})), Chosen()),
            view=part(lambda: _text(data.get("view", "")), ""),
            orders=part(lambda: {_text(name): _order(text) for name, text in data.get("orders", {}).items()}, {}),
            saved=part(lambda: tuple(_saved(name, each) for name, each in data.get("views", {}).items()), ()),
            theme=part(lambda: _text(data.get("theme", "")), ""),
            history=part(lambda: tuple(_text(each) for each in data.get("history", []))[:HISTORY], ()),
        )
        if wrong:
            return found._replace(wrong=f"{self.path} is not as it was written: it is made anew.")
        return found

    # --- changes -----------------------------------------------------------------------------------------------

    def keep_columns(self, chosen: Chosen) -> None:
        """Remember the columns."""
        self._change(lambda data: data.update(columns=chosen.as_data()))

    def keep_view(self, name: str) -> None:
        """Remember which view was the last."""
        self._change(lambda data: data.update(view=name))

    def keep_order(self, view: str, order: Order) -> None:
        """Remember how a view was sorted."""
        self._change(lambda data: _table(data, "orders").update({view: order_text(order)}))

    def keep_theme(self, name: str) -> None:
        """Remember the colours."""
        self._change(lambda data: data.update(theme=name))

    def save_view(self, view: View) -> None:
        """Remember a view."""
        made = {"filter": view.filter, "sort": order_text(view.order)}

        def save(data: dict[str, Any]) -> None:
            _forget(_table(data, "views"), view.name)
            _forget(_table(data, "orders"), view.name)
            data["views"][view.name] = made

        self._change(save)

    def drop_view(self, name: str) -> None:
        """Forget a view."""
        self._change(lambda data: _forget(_table(data, "views"), name))

    def keep_filter(self, text: str) -> None:
        """Remember a filter that was typed, before all others."""

        def keep(data: dict[str, Any]) -> None:
            before = data.get("history")
            others = [each for each in before if each != text] if isinstance(before, list) else []
            data["history"] = [text, *others][:HISTORY]

        self._change(keep)

    # --- the file ----------------------------------------------------------------------------------------------

    def _data(self) -> dict[str, Any]:
        try:
            with self.path.open("rb") as file:
                raw = file.read(LARGEST + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise NotRemembered(f"{self.path} cannot be read: {error.strerror}") from error
        try:
            data = json.loads(raw) if len(raw) <= LARGEST else None
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise NotRemembered(f"{self.path} is not as it was written: it is made anew.")
        return data

    def _change(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Read, change and put back. Raises `NotRemembered`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._locked():
                try:
                    data = self._data()
                except NotRemembered:
                    data = {}
                change(data)
                self._put(json.dumps(data, indent=1))
        except OSError as error:
            raise NotRemembered(f"{self.path} cannot be written: {error.strerror or error}") from error

    def _put(self, text: str) -> None:
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self.path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.path.with_suffix(".lock").open("w") as file:
            until = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.005)
            yield


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(data.get(key), dict):
        data[key] = {}
    table: dict[str, Any] = data[key]
    return table


def _forget(table: dict[str, Any], name: str) -> None:
    for other in [each for each in table if each.casefold() == name.casefold()]:
        del table[other]


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 2_000:
        raise ValueError("not a text")
    return value


def _order(value: Any) -> Order:
    return order_of(_text(value))


def _saved(name: str, value: Any) -> View:
    return View(_text(name)[:NAME_LIMIT], _text(value["filter"]), _order(value["sort"]), is_saved=True)
