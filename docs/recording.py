"""Record the whole loop in a real terminal, as a picture that moves: `make recording`.

It runs `workbench demo --rehearse` in a home of its own, presses the keys that a person would press, and writes
docs/images/loop.svg (what the terminal showed, long waits cut short) and build/loop.cast (the same in the format of
asciinema, version 2).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))

import pyte  # noqa: E402
from terminal import Terminal, displayable  # noqa: E402

COLUMNS, ROWS = 110, 30
LONGEST_WAIT = 1.5  # seconds; what a person waits for is not what a reader wants to wait for
CELL, LINE = 8.4, 18  # of a character, in pixels
PALETTE = {"default": "#e0e0e0", "brown": "#d7a65f", "black": "#1e1e1e"}


@dataclass(frozen=True)
class Frame:
    """What the terminal showed from `at` on, in seconds: one string of SVG a row."""

    at: float
    rows: tuple[str, ...]


def play(terminal: Terminal) -> None:
    """Live the loop: look at a bug, have it fixed, look at the evidence, sign it off."""
    terminal.wait_for(r"KeyError: 'rabbit'", timeout=120)
    terminal.read(2)
    terminal.press("/", *"KeyError", "enter")
    terminal.wait_for(r"filter: KeyError")
    terminal.read(1)
    terminal.press("enter")
    terminal.wait_for(r"Why these events are one bug")
    terminal.read(2)
    terminal.press("escape")
    terminal.read(0.5)
    terminal.press("f")
    terminal.wait_for(r"rehearsal")
    terminal.read(1.5)
    terminal.press("enter")
    terminal.wait_for(r"REHEARSAL[\s\S]*demonstrated", timeout=240)
    terminal.read(2)
    terminal.press("v")
    terminal.wait_for(r"Sign off B-\d+ at")
    terminal.read(3)
    terminal.press("y")
    terminal.wait_for(r"B-\d+ is closed")
    terminal.read(2)
    terminal.press("escape", "escape")
    terminal.read(1)
    terminal.press("q")
    terminal.wait_for_exit()


def shortened(chunks: list[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Yield what was written, with times from 0 and no wait longer than `LONGEST_WAIT`."""
    at, before = 0.0, chunks[0][0]
    for moment, data in chunks:
        at += min(moment - before, LONGEST_WAIT)
        before = moment
        yield at, data


def cast(chunks: list[tuple[float, bytes]]) -> str:
    """Return a recording in the format of asciinema, version 2."""
    head = {
        "version": 2,
        "width": COLUMNS,
        "height": ROWS,
        "title": "Bug workbench: from the error to the signed-off fix",
    }
    lines = [json.dumps(head)]
    lines += [json.dumps([round(at, 3), "o", data.decode("utf-8", "replace")]) for at, data in chunks]
    return "\n".join(lines) + "\n"


def frames(chunks: list[tuple[float, bytes]]) -> Iterator[Frame]:
    """Yield what the terminal showed, five times a second at most and only when it changed."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    last: tuple[str, ...] = ()
    for place, (at, data) in enumerate(chunks):
        stream.feed(displayable(data))
        if place + 1 < len(chunks) and chunks[place + 1][0] - at < 0.2:
            continue
        rows = tuple(_row(screen, number) for number in range(ROWS))
        if rows != last:
            yield Frame(at, rows)
        last = rows


def _row(screen: pyte.Screen, number: int) -> str:
    """Return a row of the screen as SVG: a rectangle for each background, a text for each run of one colour."""
    cells = [screen.buffer[number][column] for column in range(COLUMNS)]
    runs: list[tuple[int, str, str, str, bool]] = []
    for column, cell in enumerate(cells):
        ink, paper = (cell.bg, cell.fg) if cell.reverse else (cell.fg, cell.bg)
        look = (
            _colour(ink, "default"),
            _colour(paper, "black") if paper != "default" or cell.reverse else "",
            cell.bold,
        )
        if runs and runs[-1][2:] == look:
            runs[-1] = (runs[-1][0], runs[-1][1] + cell.data, *look)
        else:
            runs.append((column, cell.data, *look))
    out = []
    for column, text, ink, paper, bold in runs:
        x = round(column * CELL, 1)
        if paper:
            out.append(f'<rect x="{x}" width="{round(len(text) * CELL + 0.4, 1)}" height="{LINE}" fill="{paper}"/>')
        if words := text.strip():  # blanks at an end are left out by some that draw this
            weight = ' font-weight="bold"' if bold else ""
            begin = round((column + len(text) - len(text.lstrip())) * CELL, 1)
            width = round(len(words) * CELL, 1)
            out.append(f'<text x="{begin}" y="13.5" fill="{ink}" textLength="{width}"{weight}>{escape(words)}</text>')
    return "".join(out)


def _colour(name: str, default: str) -> str:
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return f"#{name}"
    return PALETTE.get(name, name if name != "default" else PALETTE[default])


def picture(shown: list[Frame]) -> str:
    """Return a moving picture. Rows that are the same in many frames are in it once."""
    known: dict[str, str] = {}
    for frame in shown:
        for row in frame.rows:
            if row:
                known.setdefault(row, f"r{len(known)}")
    length = shown[-1].at + 3
    width, height = round(COLUMNS * CELL), ROWS * LINE
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        'font-family="monospace" font-size="14">',
        f"<style>text{{white-space:pre}}.f{{visibility:hidden;animation:{length:.1f}s step-end infinite}}</style>",
        f'<rect width="{width}" height="{height}" fill="{PALETTE["black"]}"/><defs>',
        *(f'<g id="{name}">{row}</g>' for row, name in known.items()),
        "</defs>",
    ]
    for number, frame in enumerate(shown):
        until = shown[number + 1].at if number + 1 < len(shown) else length
        begin, end = 100 * frame.at / length, 100 * until / length
        out.append(
            f"<style>@keyframes k{number}{{0%{{visibility:hidden}}{begin:.2f}%{{visibility:visible}}"
            f"{end:.2f}%{{visibility:hidden}}}}</style>"
            f'<g class="f" style="animation-name:k{number}">'
        )
        out += [f'<use href="#{known[row]}" y="{place * LINE}"/>' for place, row in enumerate(frame.rows) if row]
        out.append("</g>")
    return "\n".join([*out, "</svg>\n"])


def _elsewhere(data: bytes, path: str, shown: str) -> bytes:
    """Show another path of the same length, so that nothing moves on the screen."""
    return data.replace(path.encode(), (shown + "-" * len(path))[: len(path)].encode())


def main() -> None:
    """Record, and write both files."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        environment = kept | {"HOME": folder, "WORKBENCH_STATE_DIR": f"{folder}/state"}
        argv = [sys.executable, "-m", "workbench", "demo", "--rehearse"]
        with Terminal(argv, env=environment, cwd=Path(folder), columns=COLUMNS, rows=ROWS) as terminal:
            play(terminal)
            written = terminal.chunks
    hidden = ((at, _elsewhere(data, folder, "/home/ada/demo")) for at, data in written)
    chunks = list(shortened([(at, _elsewhere(data, str(DOCS.parent), "/opt/bench")) for at, data in hidden]))
    built = DOCS.parent / "build"
    built.mkdir(exist_ok=True)
    (built / "loop.cast").write_text(cast(chunks), encoding="utf-8")
    (DOCS / "images" / "loop.svg").write_text(picture(list(frames(chunks))), encoding="utf-8")


if __name__ == "__main__":
    main()
