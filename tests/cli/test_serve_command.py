"""`workbench serve`: on this machine only, and for its own page only."""

from __future__ import annotations

import asyncio
import shlex
import signal
import socket
import subprocess
import sys
import time

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from workbench.cli.given import Given
from workbench.cli.serve import command_of, server
from workbench.errors import Exit

PORT = 8123  # of the page's address; nothing listens there


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (f"http://127.0.0.1:{PORT}", 200),
        (f"http://localhost:{PORT}", 200),
        (None, 403),
        ("null", 403),
        ("http://evil.example", 403),
        ("http://127.0.0.1:9", 403),
    ],
)
def test_only_its_own_page_gets_a_screen(origin, status, monkeypatch):
    async def screen(self, request):
        return web.Response()

    async def knock():
        headers = {} if origin is None else {"Origin": origin}
        async with (
            TestServer(await server("true", PORT)._make_app()) as running,
            ClientSession() as client,
            client.get(running.make_url("/ws"), headers=headers) as answer,
        ):
            return answer.status

    monkeypatch.setattr("textual_serve.server.Server.handle_websocket", screen)
    assert asyncio.run(knock()) == status


def test_a_port_in_use_is_said(workbench, store):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = workbench("serve", "--port", str(port))
    assert ran.code == Exit.OUTSIDE
    assert f"Port {port} is in use" in ran.err
    assert "--port" in ran.err


def test_every_visit_gets_the_screen_that_was_asked_for():
    words = shlex.split(command_of(Given({"database_url": "sqlite:///a b.db", "repository": None})))
    assert words == [sys.executable, "-m", "workbench", "--db", "sqlite:///a b.db"]


def test_it_listens_on_loopback(workbench, store, monkeypatch):
    served = []
    monkeypatch.setattr("textual_serve.server.Server.serve", lambda self: served.append((self.host, self.port)))
    ran = workbench("--db", "sqlite:///workbench.db", "serve", "--host", "localhost", "--port", "8124")
    assert ran.code == Exit.DONE
    assert served == [("127.0.0.1", 8124)]
    assert "http://127.0.0.1:8124" in ran.err


def test_a_visit_gets_the_real_screen(bug, repo):
    """What a browser would do: open the page's websocket, and read what the screen draws."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def visit():
        url, drawn = f"http://127.0.0.1:{port}", b""
        async with ClientSession() as client, client.ws_connect(f"{url}/ws", headers={"Origin": url}) as screen:
            while b"B-001" not in drawn:
                message = await screen.receive(timeout=30)
                drawn += message.data if isinstance(message.data, bytes) else b""
        return drawn

    command = [sys.executable, "-m", "workbench", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert f"http://127.0.0.1:{port}" in process.stderr.readline()
        while "Press Ctrl+C" not in process.stdout.readline():
            assert process.poll() is None
        while not _answers(port):
            time.sleep(0.05)
        assert b"KeyError" in asyncio.run(visit())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert process.returncode in (Exit.DONE, Exit.INTERRUPTED)


def _answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
