"""`workbench serve`: on this machine only unless there is a token, and for its own page only."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from typing import ClassVar

import pytest
from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer
from yarl import URL

from workbench.cli.given import Given
from workbench.cli.serve import TOKEN, command_of, server
from workbench.cli.serve_access import SHORTEST, access_to
from workbench.errors import Exit, UsageError

SECRET = "a-token-that-nobody-would-guess"
ANYWHERE = "0.0.0.0"  # noqa: S104  (never bound to)
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

    monkeypatch.setattr("textual_serve.server.Server.handle_websocket", screen)
    access = access_to("127.0.0.1", PORT, public_url="", token="")
    ((answered, _),) = knock(access, ("/ws", {} if origin is None else {"Origin": origin}))
    assert answered == status


def test_the_page_asks_nobody_else_for_anything_and_stands_in_no_frame():
    access = access_to("127.0.0.1", PORT, public_url="", token="")
    ((status, headers),) = knock(access, ("/", {}))
    rules = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert (status, rules["default-src"], rules["frame-ancestors"]) == (200, "'self'", "'none'")
    assert not [where for rule in rules.values() for where in rule.split() if "//" in where or where == "*"]


def knock(access, *requests):
    """Return status and headers of the answers to requests (a path, headers); cookies are kept as by a browser."""

    async def ask():
        jar = CookieJar(unsafe=True)
        answers = []
        async with (
            TestServer(await server("true", access)._make_app()) as running,
            ClientSession(cookie_jar=jar) as client,
        ):
            for path, headers in requests:
                url = running.make_url("/").join(URL(path))
                async with client.get(url, headers=headers, allow_redirects=False) as answer:
                    answers.append((answer.status, dict(answer.headers)))
        return answers

    return asyncio.run(ask())


class TestWithAToken:
    """An address other than loopback, and what it asks of a request."""

    AT: ClassVar[dict[str, str]] = {"Host": "bugs.example:8123"}
    PAGE: ClassVar[dict[str, str]] = AT | {"Origin": "http://bugs.example:8123"}

    @pytest.fixture
    def access(self, monkeypatch):
        async def screen(self, request):
            return web.Response()

        monkeypatch.setattr("textual_serve.server.Server.handle_websocket", screen)
        return access_to(ANYWHERE, PORT, public_url="http://bugs.example:8123", token=SECRET)

    def test_nothing_is_answered_without_it(self, access):
        paths = [
            "/",
            "/ws",
            "/static/js/textual.js",
            "/download/x",
            "/nothing",
            "/?token=",
            "/?token=wrong",
            "/ws?token=" + SECRET,
        ]
        assert {status for status, _ in knock(access, *((path, self.PAGE) for path in paths))} == {401}

    def test_its_link_admits_once_and_leaves_a_cookie_that_goes_on(self, access):
        (first, headers), (page, _), (screen, _) = knock(
            access, (f"/?token={SECRET}", self.AT), ("/", self.AT), ("/ws", self.PAGE)
        )
        assert (first, headers["Location"]) == (303, "/")
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert SECRET not in cookie
        assert (page, screen) == (200, 200)

    def test_a_page_of_another_origin_gets_no_screen_with_the_cookie_either(self, access):
        admitted = (f"/?token={SECRET}", self.AT)
        for origin in ({}, {"Origin": "http://evil.example"}, {"Origin": "http://127.0.0.1:8123"}):
            assert knock(access, admitted, ("/ws", self.AT | origin))[1][0] == 403

    def test_another_name_that_leads_here_is_not_answered(self, access):
        assert knock(access, (f"/?token={SECRET}", {"Host": "evil.example:8123"}))[0][0] == 421

    def test_a_cookie_of_an_earlier_start_or_in_strange_letters_is_none(self, access):
        for value in ("old", "\u00e9", SECRET):
            assert knock(access, ("/", self.AT | {"Cookie": f"workbench_serve={value}"}))[0][0] == 401

    def test_it_is_in_no_log(self, access, caplog):
        with caplog.at_level(logging.DEBUG):
            knock(access, (f"/?token={SECRET}", self.AT), ("/", self.AT), (f"/ws?token={SECRET}", self.PAGE))
        assert SECRET not in caplog.text
        assert SECRET not in repr(access)

    def test_over_tls_the_cookie_is_never_sent_without(self):
        access = access_to("127.0.0.1", PORT, public_url="https://bugs.example", token=SECRET)
        ((_, headers),) = knock(access, (f"/?token={SECRET}", {"Host": "bugs.example"}))
        assert "Secure" in headers["Set-Cookie"]


@pytest.mark.parametrize("host", [ANYWHERE, "192.168.1.7", "::", "example.com", ""])
def test_another_address_than_loopback_needs_a_token(workbench, store, host):
    ran = workbench("serve", "--host", host)
    assert ran.code == Exit.USAGE
    assert "needs a token" in ran.err
    assert "ssh -L" in ran.err


@pytest.mark.parametrize(
    ("host", "public_url", "token"),
    [
        (ANYWHERE, "", SECRET),
        ("10.0.0.1", "", "short"),
        ("10.0.0.1", "ftp://x", SECRET),
        ("10.0.0.1", "http://a@b", SECRET),
    ],
)
def test_what_could_not_work_is_wrong_usage(host, public_url, token):
    with pytest.raises(UsageError) as refused:
        access_to(host, PORT, public_url=public_url, token=token)
    assert refused.value.cure
    assert token not in str(refused.value)


def test_a_token_is_made_and_shown_once_and_no_screen_inherits_the_own_one(workbench, store, monkeypatch):
    seen = []
    monkeypatch.setattr("textual_serve.server.Server.serve", lambda self: seen.append(os.environ.get(TOKEN)))
    monkeypatch.setenv(TOKEN, SECRET)
    ran = workbench("serve", "--port", "8125")
    assert ran.code == Exit.DONE
    assert SECRET not in ran.out + ran.err
    ran = workbench("serve", "--port", "8125", "--new-token")
    made = re.search(r"\?token=(\S+)", ran.err)
    assert made
    assert len(made[1]) >= SHORTEST
    assert seen == [None, None]


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
    far = {"database_url": "postgresql://h/w", "database.ssh": "deploy@web 1", "database.read_only": "on"}
    assert shlex.split(command_of(Given(far)))[5:] == ["--ssh", "deploy@web 1", "--read-only"]


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
