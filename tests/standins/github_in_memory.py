"""A second stand-in for GitHub, for measuring: in memory, on threads of this process, with no limits and no faults.

It answers what the worker asks of issues, labels and comments as GitHub does: numbers in order, `since` inclusive and
in whole seconds, lists filtered and paged with links, 404 for what is not there. It checks no token and knows one
user. What it does not know is answered with 501, so that nothing is measured that was not answered.
"""

from __future__ import annotations

import re
import socketserver
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

_USER = {"login": "bot", "id": 1, "type": "User"}
_REASONS = {200: "OK", 201: "Created", 204: "No Content", 404: "Not Found", 501: "Not Implemented"}


class GitHubInMemory:
    """One repository, bot/bench. `asked` counts the requests, by method and path without numbers."""

    full_name = "bot/bench"

    def __init__(self) -> None:
        self.url = ""
        self.issues: dict[int, dict[str, Any]] = {}
        self.comments: dict[int, dict[str, Any]] = {}
        self.labels: dict[str, dict[str, Any]] = {}
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any, str]:
        """Return the status, the data and the link to the next page that answer a request."""
        address = urlsplit(target)
        where = {name: values[-1] for name, values in parse_qs(address.query).items()}
        path = address.path.removeprefix(f"/repos/{self.full_name}")
        with self._lock:
            self.asked[f"{method} {re.sub('[0-9]+', 'N', path) or '/'}"] += 1
            for wanted, pattern, act in _ROUTES:
                found = re.fullmatch(pattern, path) if wanted == method else None
                if found is not None:
                    try:
                        status, data = act(self, [int(text) for text in found.groups()], where, body)
                    except KeyError:
                        return 404, {"message": "Not Found"}, ""
                    return (status, *self._page(address.path, where, data)) if method == "GET" else (status, data, "")
        return 501, {"message": f"{method} {path} is not known here"}, ""

    def _page(self, path: str, where: Mapping[str, str], data: Any) -> tuple[Any, str]:
        if not isinstance(data, list):
            return data, ""
        size, page = int(where.get("per_page", 30)), int(where.get("page", 1))
        query = "&".join(f"{name}={value}" for name, value in where.items() if name != "page")
        more = len(data) > size * page
        link = f'<{self.url}{path}?{query}&page={page + 1}>; rel="next"' if more else ""
        return data[size * (page - 1) : size * page], link

    def _repository(self, *_given: Any) -> tuple[int, Any]:
        return 200, {"id": 1, "full_name": self.full_name, "url": f"{self.url}/repos/{self.full_name}"}

    def _label(self, _ids: Any, _where: Any, _body: Any) -> tuple[int, Any]:
        return 200, self.labels["bug"]

    def _add_label(self, _ids: Any, _where: Any, body: Any) -> tuple[int, Any]:
        self.labels[body["name"]] = {"name": body["name"], "color": body["color"]}
        return 201, self.labels[body["name"]]

    def _list(self, _ids: Any, where: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        label, state = where.get("labels"), where.get("state", "open")
        found = _since(self.issues.values(), where)
        found = [one for one in found if label is None or label in [its["name"] for its in one["labels"]]]
        return 200, [one for one in found if state in ("all", one["state"])]

    def _open(self, _ids: Any, _where: Any, body: Any) -> tuple[int, Any]:
        number = len(self.issues) + 1
        self.issues[number] = {
            **_written(body.get("body") or "", number),
            "number": number,
            "url": f"{self.url}/repos/{self.full_name}/issues/{number}",
            "html_url": f"https://github.example/{self.full_name}/issues/{number}",
            "title": body["title"],
            "state": "open",
            "labels": [{"name": name} for name in body.get("labels", ())],
            "comments": 0,
            "locked": False,
        }
        return 201, self.issues[number]

    def _issue(self, ids: list[int], _where: Any, _body: Any) -> tuple[int, Any]:
        return 200, self.issues[ids[0]]

    def _edit(self, ids: list[int], _where: Any, body: Any) -> tuple[int, Any]:
        self.issues[ids[0]] |= {**body, "updated_at": _now()}
        return 200, self.issues[ids[0]]

    def _said(self, ids: list[int], where: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        said = _since(self.comments.values(), where)
        return 200, [one for one in said if not ids or one["issue_url"] == self.issues[ids[0]]["url"]]

    def _say(self, ids: list[int], _where: Any, body: Any) -> tuple[int, Any]:
        issue, number = self.issues[ids[0]], len(self.comments) + 1
        self.comments[number] = {**_written(body["body"], number), "issue_url": issue["url"]}
        issue["comments"] += 1
        issue["updated_at"] = _now()
        return 201, self.comments[number]


def _written(body: str, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "body": body,
        "user": _USER,
        "author_association": "OWNER",
        "created_at": _now(),
        "updated_at": _now(),
    }


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _since(all_of_them: Any, where: Mapping[str, str]) -> list[dict[str, Any]]:
    return [one for one in all_of_them if one["updated_at"] >= where.get("since", "")]


_Act = Callable[[GitHubInMemory, list[int], Mapping[str, str], Any], tuple[int, Any]]
_ROUTES: tuple[tuple[str, str, _Act], ...] = (
    ("GET", "", GitHubInMemory._repository),
    ("GET", "/labels/bug", GitHubInMemory._label),
    ("POST", "/labels", GitHubInMemory._add_label),
    ("GET", "/issues", GitHubInMemory._list),
    ("POST", "/issues", GitHubInMemory._open),
    ("GET", "/issues/comments", GitHubInMemory._said),
    ("GET", "/issues/([0-9]+)", GitHubInMemory._issue),
    ("PATCH", "/issues/([0-9]+)", GitHubInMemory._edit),
    ("GET", "/issues/([0-9]+)/comments", GitHubInMemory._said),
    ("POST", "/issues/([0-9]+)/comments", GitHubInMemory._say),
)


class _Handler(socketserver.StreamRequestHandler):
    """One connection, kept open. Read by hand: the parser of http.server takes longer than all the rest."""

    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        with suppress(ssl.SSLError, ConnectionError):
            self._answer_all()

    def _answer_all(self) -> None:
        while line := self.rfile.readline():
            method, target, _version = line.decode().split()
            length = 0
            while (header := self.rfile.readline()) not in (b"\r\n", b""):
                name, _colon, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = self.rfile.read(length)
            status, data, link = self.server.github.answer(method, target, msgspec.json.decode(body) if body else None)
            text = msgspec.json.encode(data)
            head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(text)}\r\n" + (f"Link: {link}\r\n" if link else "")
            self.wfile.write(head.encode() + b"\r\n" + text)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    github: GitHubInMemory


@contextmanager
def github_in_memory(tls: ssl.SSLContext | None = None) -> Iterator[GitHubInMemory]:
    """Serve a fresh one on loopback."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.github = GitHubInMemory()
        server.github.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        if tls is not None:  # the handshake is the handler's: a client that breaks it off must not hold up the others
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.github
        finally:
            server.shutdown()
            thread.join(5)
