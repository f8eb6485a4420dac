"""What the pages of the docs tell a reader to type and to write, done in order in an empty folder.

A `console` block holds commands after `$ ` and what they print; `…` stands for anything, alone on a line for any
lines. A comment before a block says what else to do with it: `<!-- write PATH -->`, `<!-- append PATH -->`, or
`<!-- not run: REASON -->`. All other blocks are only looked at: tests/docs/shown.py.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 90.0  # for a page
TIME_IS_UP = 124  # the exit code of what took longer, as in timeout(1)
_BLOCK = re.compile(
    r"(?:^<!-- (?P<do>write|append|not run:) ?(?P<what>[^\n]*?) -->\n)?^```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = "@@@"
# A person takes longer to type the next command than a server takes to start.
_UNTIL_IT_LISTENS = "for _ in {1..200}; do (: < /dev/tcp/127.0.0.1/8000) 2> /dev/null && break; sleep 0.1; done"


@dataclass(frozen=True)
class Block:
    """A block of a page: its kind (console, python, …), its text, and what a comment says to `do` with `what`."""

    kind: str
    text: str
    do: str = ""
    what: str = ""
    line: int = 0


@dataclass(frozen=True)
class Step:
    """A command and what it should print."""

    command: str
    expected: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        yield Block(found["kind"], found["text"], found["do"] or "", found["what"] or "", line)


def steps(block: Block) -> Iterator[Step]:
    """Yield the commands of a `console` block. A line that ends with a backslash goes on in the next."""
    for found in re.finditer(r"^\$ ((?:[^\n]*\\\n)*[^\n]*)\n((?:(?!\$ )[^\n]*\n)*)", block.text, re.MULTILINE):
        yield Step(found[1], found[2], block.line + block.text.count("\n", 0, found.start()))


def script_of(page: Path) -> tuple[str, list[Step]]:
    """Return a page as one shell script that says after each command how it ended, and its steps."""
    lines, taken = ["set +e"], []
    for block in blocks(page):
        if block.do in ("write", "append"):
            arrow = ">" if block.do == "write" else ">>"
            lines += [
                f'mkdir -p "$(dirname {block.what})"',
                f"cat {arrow} {block.what} <<'{_MARK}EOF'",
                f"{block.text}{_MARK}EOF",
            ]
        elif block.kind == "console" and not block.do:
            for step in steps(block):
                taken.append(step)
                lines += [step.command, "_code=$?"]
                lines += [_UNTIL_IT_LISTENS] if step.command.endswith("&") else []
                lines += [f'printf "\\n{_MARK}%s\\n" $_code']
    # What a page left running goes with it.
    return "\n".join([*lines, "kill $(jobs -p) 2>/dev/null", "wait", ""]), taken


def walk(page: Path, folder: Path, environment: Mapping[str, str], *, port: int) -> Iterator[tuple[Step, str, int]]:
    """Do what a page says in `folder`; yield each step with what it printed and its exit code.

    Where the page says port 8000 it is `port`, since somebody else may be using that one.
    """
    script, taken = script_of(page)
    written = folder.parent / f"{page.stem}.sh"
    written.write_text(re.sub(r"\b8000\b", str(port), script), encoding="utf-8")
    shell = subprocess.Popen(
        ["bash", str(written)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        printed = shell.communicate(timeout=SECONDS)[0]
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        printed = shell.communicate()[0] + f"\n{_MARK}{TIME_IS_UP}\n"
    pieces = re.split(rf"\n?{_MARK}(\d+)\n", printed)
    for place, step in enumerate(taken[: len(pieces) // 2]):
        yield step, pieces[place * 2], int(pieces[place * 2 + 1])


def fits(expected: str, printed: str) -> bool:
    """Return whether what was printed is what was expected."""
    pattern = "\n".join(
        r"(?:[^\n]*\n)*?[^\n]*" if line.strip() == "…" else ".*".join(map(re.escape, line.split("…")))
        for line in expected.rstrip().splitlines()
    )
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.rstrip().splitlines())) is not None
