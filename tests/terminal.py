"""A real terminal for tests: a program on a pty, its screen read by a terminal emulator."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pexpect
import pyte

# Queries and modes that pyte does not know and would print: kitty keys, synchronised output, in-band resize.
_UNKNOWN = re.compile(
    rb"\x1b\[[<>=?][0-9;]*[\$]?[upqc]|\x1b\[[<>][0-9;]*[a-zA-Z]|\x1b_.*?\x1b\\|\x1bP.*?\x1b\\", re.DOTALL
)


def displayable(data: bytes) -> bytes:
    """Return what a program wrote without what the emulator does not know."""
    return _UNKNOWN.sub(b"", data)


class Terminal:
    """A program in a terminal of `columns` × `rows`; leaving the `with` block ends it."""

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, columns: int = 120, rows: int = 36
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.chunks: list[tuple[float, bytes]] = []  # everything that the program ever wrote, and when it came
        self._stream = pyte.ByteStream(self.screen)
        self._child = pexpect.spawn(
            argv[0],
            list(argv[1:]),
            env={**env, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            cwd=str(cwd),
            dimensions=(rows, columns),
            timeout=5,
        )
        self._child.delaybeforesend = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The program's process id."""
        return int(self._child.pid)

    @property
    def is_alive(self) -> bool:
        """True while the program runs."""
        return bool(self._child.isalive())

    @property
    def written(self) -> bytes:
        """Everything that the program ever wrote, as it came."""
        return b"".join(data for _at, data in self.chunks)

    @property
    def text(self) -> str:
        """The screen as it stands, one line a row."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def press(self, *keys: str) -> None:
        """Send keys as a terminal would: characters, or "enter", "escape", "tab", "up", "down", "ctrl+x"."""
        named = {"enter": "\r", "escape": "\x1b", "tab": "\t", "up": "\x1b[A", "down": "\x1b[B", "backspace": "\x7f"}
        for key in keys:
            if key.startswith("ctrl+"):
                self._child.send(chr(ord(key[-1]) & 0x1F))
            else:
                self._child.send(named.get(key, key))
            # A key that follows an escape at once would be read as one with Alt.
            self.read(0.3 if key == "escape" else 0.05)

    def read(self, seconds: float) -> None:
        """Let the program write to the screen for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                data = self._child.read_nonblocking(65536, timeout=0.05)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                return
            self.chunks.append((time.monotonic(), data))
            self._stream.feed(displayable(data))

    def wait_for(self, what: str | Callable[[str], bool], *, timeout: float = 30) -> str:
        """Read until the screen shows `what` (a pattern, or a function of the text); return the screen's text.

        Raises AssertionError with the screen when it does not come to show it in time.
        """
        shows = what if callable(what) else lambda text: re.search(what, text) is not None
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            self.read(0.1)
            if shows(self.text):
                return self.text
            if not self._child.isalive():
                self.read(0.2)
                break
        if shows(self.text):
            return self.text
        raise AssertionError(f"the screen never showed {what!r} within {timeout} s:\n{self.text}")

    def wait_for_exit(self, *, timeout: float = 15) -> int:
        """Wait for the program to end by itself; return its exit code."""
        until = time.monotonic() + timeout
        while self._child.isalive():
            if time.monotonic() > until:
                raise AssertionError(f"the program did not end within {timeout} s:\n{self.text}")
            self.read(0.1)
        self._child.close()
        return self._child.exitstatus if self._child.exitstatus is not None else -int(self._child.signalstatus or 0)

    def kill(self) -> None:
        """Close the terminal the hard way, as a person who closes the window does."""
        if self._child.isalive():
            os.kill(self._child.pid, signal.SIGKILL)
        self._child.close(force=True)
