"""How editors are told to open a file at a line. No Textual in here, and never a shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

_PLUS = frozenset({"vi", "vim", "nvim", "gvim", "nano", "pico", "emacs", "emacsclient", "micro", "kak", "joe", "ne"})
_GOTO = frozenset({"code", "code-insiders", "codium", "vscodium", "cursor", "windsurf"})
_COLON = frozenset({"subl", "sublime_text", "hx", "helix", "zed", "zeditor"})


_WINDOWS = _GOTO | {"gvim", "subl", "sublime_text", "zed", "zeditor", "gedit", "kate", "mousepad", "pycharm", "charm",
                    "idea", "open", "xdg-open"}  # fmt: skip


def has_window(words: list[str]) -> bool:
    """Return whether an editor opens a window of its own, and so needs no terminal."""
    return _name(words) in _WINDOWS


def command(environ: Mapping[str, str]) -> list[str]:
    """Return the words of $VISUAL, or of $EDITOR; none where neither says anything usable."""
    for name in ("VISUAL", "EDITOR"):
        try:
            words = shlex.split(environ.get(name, ""))
        except ValueError:  # an open quote
            continue
        if words:
            return words
    return []


def argv(words: list[str], path: Path, line: int) -> list[str]:
    """Return the command line that opens `path`, at `line` where the editor is one that we know."""
    name = _name(words)
    if name in _PLUS:
        return [*words, f"+{line}", str(path)]
    if name in _GOTO:
        return [*words, "-g", f"{path}:{line}"]
    return [*words, f"{path}:{line}" if name in _COLON else str(path)]


def _name(words: list[str]) -> str:
    return Path(words[0]).name.lower().removesuffix(".exe")
