"""A headless Chromium of a test's own, driven over its DevTools protocol with the websocket that aiohttp has."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

SECONDS = 60.0  # for an answer of the browser; all that is asked of it takes some milliseconds when nothing else runs
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-extensions", "--mute-audio"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing outside of this machine is looked for
    "--remote-debugging-port=0",
)


class Page:
    """A page of the browser. `asked_for` holds by request the addresses that it asks for, but for what is kept back."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.asked_for: dict[str, str] = {}

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        wanted = next(self._ids)
        await self._socket.send_json({"id": wanted, "method": method, "params": parameters})
        while True:
            told = json.loads(await self._socket.receive_str(timeout=SECONDS))
            about = told.get("params", {})
            if told.get("method") == "Network.requestWillBeSent":
                self.asked_for[about["requestId"]] = about["request"]["url"]
            elif told.get("method") == "Network.loadingFailed" and about.get("blockedReason") == "csp":
                self.asked_for.pop(about["requestId"], None)
            if told.get("id") == wanted:
                assert "error" not in told, f"{method}: {told['error']}"
                result: dict[str, Any] = told["result"]
                return result

    async def evaluate(self, script: str) -> Any:
        """Return what a script of the page evaluates to, once that has come about."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def click(self, x: int, y: int) -> None:
        """Click on a dot of the page."""
        for what in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=what, x=x, y=y, button="left", clickCount=1)

    async def press(self, key: str, text: str = "") -> None:
        """Press a key, and let go of it."""
        code = {"Enter": 13, "Escape": 27}.get(key, ord(key[0].upper()))
        pressed = {"key": key, "windowsVirtualKeyCode": code}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=text or key, **pressed)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **pressed)


@asynccontextmanager
async def browser(program: str, profile: Path) -> AsyncIterator[Page]:
    """Start the browser with a profile of its own, and end it, and nothing else, afterwards."""
    process = await asyncio.create_subprocess_exec(
        program, *_FLAGS, f"--user-data-dir={profile}", "about:blank",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with ClientSession() as client, asyncio.timeout(SECONDS):
            address = await _address(process)
            async with client.get(f"http://{address}/json/list") as answer:
                pages = [each for each in await answer.json() if each["type"] == "page"]
            async with client.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    told = b""
    while line := await process.stderr.readline():
        told += line
        if line.startswith(b"DevTools listening on ws://"):
            return line.decode().split("/")[2]
    raise AssertionError(f"the browser did not start: {told.decode(errors='replace')[-2000:]}")
