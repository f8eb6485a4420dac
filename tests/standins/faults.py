"""A reverse proxy that answers wrongly on request: before the server behind it has acted, or after."""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HTML = b"<!doctype html><title>Unicorn!</title><p>This page is taking too long to load."


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as it is sent to the client."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    @classmethod
    def said(cls, status: int, message: str, **headers: str) -> Answer:
        """An error as GitHub words it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps({"message": message, "documentation_url": "https://docs.github.com/rest"}).encode()
        return cls(status, body, {"Content-Type": "application/json; charset=utf-8", **named})


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    The server behind the proxy performs the request `performed` times (0: the fault comes before it). Then the
    client gets `answer`, or the server's own answer if that is None, by `way`: whole, truncated, reset or hang.
    """

    performed: int = 0
    answer: Answer | None = None
    way: str = "whole"


BAD_GATEWAY = Answer(502, HTML, {"Content-Type": "text/html"})

REFUSED_BEFORE = Fault(answer=BAD_GATEWAY)
LOST_AFTER = Fault(performed=1, answer=BAD_GATEWAY)
RESET_BEFORE = Fault(way="reset")
RESET_AFTER = Fault(performed=1, way="reset")
HANG_BEFORE = Fault(way="hang")
HANG_AFTER = Fault(performed=1, way="hang")
TRUNCATED_AFTER = Fault(performed=1, way="truncated")
TWICE = Fault(performed=2)


@dataclass(frozen=True)
class Request:
    """A request as the proxy saw it."""

    method: str
    path: str
    body: Any


@dataclass
class _Rule:
    method: str
    path: re.Pattern[str]
    fault: Fault
    times: int


class FaultProxy:
    """The proxy, on a port of its own on loopback. `target` may be set after it has been started."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.target = ""
        self._rules: list[_Rule] = []
        self._moved: dict[str, str] = {}
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def break_next(self, method: str, path: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next `times` requests whose method and whole path (a regular expression) match go wrong."""
        with self._lock:
            self._rules.append(_Rule(method, re.compile(path), fault, times))

    def move(self, old: str, new: str) -> None:
        """Answer requests below the path `old` with redirects to `new`, as GitHub does after a rename."""
        with self._lock:
            self._moved[old] = new

    def stop(self) -> None:
        """Let go of hanging requests and close the port."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def fault_for(self, request: Request) -> Fault | None:
        """Return what goes wrong with `request`, and note that it was made."""
        path = urlsplit(request.path).path
        with self._lock:
            self.requests.append(request)
            for rule in self._rules:
                if rule.times and rule.method == request.method and rule.path.fullmatch(path):
                    rule.times -= 1
                    return rule.fault
            for old, new in self._moved.items():
                if path == old or path.startswith(f"{old}/"):
                    location = self.url + request.path.replace(old, new, 1)
                    status = 301 if request.method == "GET" else 307
                    moved = {"message": "Moved Permanently", "url": location}
                    headers = {"Location": location, "Content-Type": "application/json"}
                    return Fault(answer=Answer(status, json.dumps(moved).encode(), headers))
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: FaultProxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are sent one after the other
    server: _Server

    def log_message(self, *_arguments: Any) -> None:
        pass

    def _relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, json.loads(body) if body else None)
        fault = self.server.proxy.fault_for(request) or Fault(performed=1)
        answer = None
        for _time in range(fault.performed):
            answer = self._performed(body)
        answer = fault.answer or answer
        if fault.way == "hang":
            self.server.proxy.stopping.wait(20)
            self.close_connection = True
        elif fault.way == "reset" or answer is None:
            self._reset()
        else:
            self._send(answer, cut=fault.way == "truncated")

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _relay  # noqa: N815 (the names that the base class calls)

    def _performed(self, body: bytes) -> Answer:
        target = urlsplit(self.server.proxy.target)
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=20)
        try:
            # The host is passed on, because the links to further pages are made from it.
            headers = dict(self.headers.items()) | {"Connection": "close"}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            kept = {
                name: value
                for name, value in response.getheaders()
                if name.lower() not in ("connection", "content-length", "keep-alive", "transfer-encoding")
            }
            return Answer(response.status, response.read(), kept)
        finally:
            connection.close()

    def _send(self, answer: Answer, *, cut: bool) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        self.close_connection = self.close_connection or cut

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())
