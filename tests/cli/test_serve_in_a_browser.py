"""`workbench serve` in a real browser: the screen is painted, and a key of the browser is a key of the screen."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import needed
import pytest
from cli.chromium import Page, browser

from workbench.errors import Exit

# The page keeps its terminal to itself; this holds on to whatever gets one.
HOLD = """
Object.defineProperty(Object.prototype, "terminal", {
  configurable: true,
  set(made) {
    Object.defineProperty(this, "terminal", {value: made, writable: true, configurable: true});
    window.held = made;
  },
});
"""
# All lines of the terminal, once they have the words, or after some time without them.
SHOWS = """
new Promise(done => {
  const until = Date.now() + 40000;
  (function look() {
    const buffer = window.held?.buffer?.active;
    const lines = Array.from({length: buffer?.length ?? 0}, (_, y) => buffer.getLine(y).translateToString(true));
    const text = lines.join("\\n");
    if (text.includes(%r) || Date.now() > until) done(text); else setTimeout(look, 30);
  })();
})
"""
# Which part of a picture of the page is not of its commonest colour.
INK = """
new Promise((done, fail) => {
  const picture = new Image();
  picture.onerror = fail;
  picture.onload = () => {
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    const dots = new Uint32Array(context.getImageData(0, 0, picture.width, picture.height).data.buffer);
    const counts = new Map();
    dots.forEach(dot => counts.set(dot, (counts.get(dot) || 0) + 1));
    done(1 - Math.max(...counts.values()) / dots.length);
  };
  picture.src = "data:image/png;base64,%s";
})
"""


@pytest.fixture
def address(bug: str, repo: Path) -> Iterator[str]:
    """The address of a workbench that is served, with one bug."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "workbench", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not _answers(port):
            assert process.poll() is None
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert process.returncode in (Exit.DONE, Exit.INTERRUPTED)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def painted(page: Page) -> float:
    picture = await page.call("Page.captureScreenshot", format="png")
    ink: float = await page.evaluate(INK % picture["data"])
    return ink


@pytest.mark.browser
def test_the_list_is_painted_and_a_key_opens_a_bug(address: str, tmp_path: Path) -> None:
    program = needed.chromium()
    assert program is not None

    async def visit() -> tuple[str, float, str, list[str]]:
        async with browser(program, tmp_path / "profile") as page:
            for area in ("Page", "Runtime", "Network"):
                await page.call(f"{area}.enable")
            await page.call(
                "Emulation.setDeviceMetricsOverride", width=1200, height=700, deviceScaleFactor=1, mobile=False
            )
            await page.call("Page.addScriptToEvaluateOnNewDocument", source=HOLD)
            await page.call("Page.navigate", url=address)
            listed = await page.evaluate(SHOWS % "B-001")
            ink = await painted(page)
            await page.click(20, 8)  # on the title: whoever reads a page clicks into it before typing
            await page.press("Enter", "\r")
            shown = await page.evaluate(SHOWS % "Why these events are one bug")
            return listed, ink, shown, list(page.asked_for.values())

    listed, ink, shown, asked_for = asyncio.run(visit())
    assert "B-001" in listed
    assert "KeyError" in listed
    assert 0.01 < ink < 0.9, "letters on a ground"
    assert "Why these events are one bug" in shown
    others = {url for url in asked_for if not url.startswith((f"{address}/", "data:"))}
    assert others == set(), "nobody else hears of a visit"
