"""Reading what changed in a repository on GitHub, list by list, and single issues.

PyGithub's own lists cannot be asked with an ETag, so these requests are made on its connection and read as JSON.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from requests.utils import parse_header_links

from workbench.tracker import listed
from workbench.tracker.failures import Temporary
from workbench.tracker.port import Feed, Page, Remote, Said
from workbench.tracker.refusals import Answer, refusal, without

_PER_PAGE, _PAGES = 100, 10
_Item = TypeVar("_Item")
_LISTS: Mapping[Feed, tuple[str, dict[str, str], Callable[[Mapping[str, Any]], Any]]] = {
    "issues": ("/issues", {"state": "all", "sort": "updated", "direction": "asc"}, listed.remote),
    "comments": ("/issues/comments", {"sort": "updated", "direction": "asc"}, listed.said),
    "commits": ("/commits", {}, listed.commit),
}


class Requester(Protocol):
    """What of PyGithub's requester is used."""

    def requestJson(  # noqa: N802 (PyGithub's name)
        self,
        verb: str,
        url: str,
        parameters: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        input: Any | None = None,  # noqa: A002 (PyGithub's name)
    ) -> tuple[int, dict[str, Any], str]:
        """Return status, headers and body."""
        ...


class Reading(ABC):
    """One repository, read. `full_name` is owner/name, as it is now."""

    def __init__(self, requester: Requester, url: str, full_name: str, *, token: str) -> None:
        self._requester = requester
        self._url = url
        self.full_name = full_name
        self._token = token

    @abstractmethod
    def _told(self, doing: str, *, writes: bool = False) -> AbstractContextManager[None]:
        """Turn whatever goes wrong inside into a `Failure` that says what was being done."""

    def changes(self, feed: Feed, *, since: datetime | None, etag: str) -> Page:
        """Return what of a list has changed since then, the earliest change first; `since` itself is included.

        Asked page by page from the time of the last item, not by page number: what changes in between would move
        the others to an earlier page. GitHub is asked with `etag`; that nothing changed costs nothing of its limit.
        """
        path, where, read = _LISTS[feed]
        if since is not None:
            where = {**where, "since": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        doing, items = f"list {feed}", []
        address, asked = path, {**where, "per_page": str(_PER_PAGE)}
        for page in range(_PAGES):
            with self._told(doing):
                status, headers, data = self._ask("GET", address, doing, asked, etag="" if page else etag)
                if status == 304:
                    return Page((), etag, is_new=False)
                if not isinstance(data, list):
                    raise ValueError("no list in the answer")
                batch = [self._named(read(item)) for item in data]
                self._refuse_moved(batch, since, doing)
            items += batch
            address, asked = _next_page(headers), {}
            if not address:
                return Page(items, "" if page else str(headers.get("etag", ""))[:200])
            if feed != "commits" and batch and (since is None or items[-1].at > since):
                return Page(items, is_cut=True)
        return Page(items, is_cut=feed != "commits")

    def open_issues(self, label: str) -> list[Remote]:
        """Return the open issues with a label, the latest change first: one page of them, without pull requests."""
        doing = "list open issues"
        where = {"state": "open", "labels": label, "sort": "updated", "direction": "desc", "per_page": str(_PER_PAGE)}
        with self._told(doing):
            data = self._ask("GET", "/issues", doing, where)[2]
            if not isinstance(data, list):
                raise ValueError("no list in the answer")
            return [self._named(issue) for issue in map(listed.remote, data) if not issue.is_pull]

    def look(self, number: int) -> Remote:
        """Return one issue or pull request, wherever it was transferred to. Raises `Gone` where it is no more."""
        doing = f"read issue #{number}"
        with self._told(doing):
            return self._named(listed.remote(self._ask("GET", f"/issues/{number}", doing)[2]))

    def said(self, number: int) -> list[Said]:
        """Return the latest comments of an issue, oldest first."""
        doing = f"list the comments of issue #{number}"
        with self._told(doing):
            comments: list[Said] = []
            address, asked = f"/issues/{number}/comments", {"per_page": str(_PER_PAGE)}
            for _page in range(_PAGES):
                _status, headers, batch = self._ask("GET", address, doing, asked)
                comments = [*comments, *(listed.said(one) for one in batch)][-_PER_PAGE:]
                address, asked = _next_page(headers), {}
                if not address:
                    break
            return comments

    def _whole(self, path: str, where: Mapping[str, str], doing: str) -> Iterator[Mapping[str, Any]]:
        """Yield all items of a list, page after page as GitHub links them."""
        address, asked = path, {**where, "per_page": str(_PER_PAGE)}
        while address:
            _status, headers, data = self._ask("GET", address, doing, asked)
            if not isinstance(data, list):
                raise ValueError("no list in the answer")
            yield from data
            address, asked = _next_page(headers), {}

    def _place(self, url: str) -> tuple[str, int]:
        """Return the repository and number of an issue, by its address: it may have been transferred.

        The repository is called what it calls itself: an address may write its name in another case.
        """
        repository, number = listed.place(url)
        return self.full_name if repository.lower() == self.full_name.lower() else repository, number

    def _named(self, item: _Item) -> _Item:
        if not isinstance(item, Remote) or item.found.repository.lower() != self.full_name.lower():
            return item
        return replace(item, found=replace(item.found, repository=self.full_name))

    def _refuse_moved(self, batch: list[Any], since: datetime | None, doing: str) -> None:
        """A list that was redirected after a rename has lost its query: it is asked again at its new address."""
        repositories = {item.found.repository.lower() for item in batch if isinstance(item, Remote)}
        early = since is not None and any(item.at < since.replace(microsecond=0) for item in batch)
        if early or repositories - {self.full_name.lower()}:
            raise Temporary(f"GitHub answered the request to {doing} with another list.", cure="It is asked again.")

    def _ask(
        self,
        verb: str,
        path: str,
        doing: str,
        where: dict[str, str] | None = None,
        *,
        etag: str = "",
        body: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any], Any]:
        """Return status, headers and data of a request below this repository. Raises `Failure` for a refusal.

        `path` may be a whole address that GitHub gave; the requester refuses those of other hosts.
        """
        address = f"{self._url}{path}" if path.startswith("/") else path
        status, headers, text = self._requester.requestJson(
            verb, address, where, {"If-None-Match": etag} if etag else None, body
        )
        if status == 304:
            return status, headers, None
        if status == 409 and path == "/commits":
            return 200, {}, []  # the repository is empty
        data = json.loads(text)
        if status >= 400:
            said = str(data.get("message") or "") if isinstance(data, dict) else ""
            answer = Answer(status, without(self._token, said), {name: str(value) for name, value in headers.items()})
            raise refusal(answer, f"{doing} in {self.full_name}", writes=verb != "GET")
        return status, headers, data


def _next_page(headers: Mapping[str, Any]) -> str:
    """Return the address of the next page, or nothing: how many a page holds is the server's to say, and not ours."""
    links = parse_header_links(str(headers.get("link", "")))
    return str(next((link["url"] for link in links if link.get("rel") == "next"), ""))
