"""The door to GitHub: issues and comments of repositories, through PyGithub.

Nothing here is retried: whether to look, wait or try again is decided by those who know what the action is for.
PyGithub's own retry would send a POST up to eleven times, and a lost answer would leave as many issues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import github
import requests
from github.GithubRetry import GithubRetry
from github.Repository import Repository

from workbench.tracker.failures import Failure, Permanent, Temporary, Uncertain
from workbench.tracker.marked import LABEL, Marked
from workbench.tracker.port import Found
from workbench.tracker.refusals import Answer, refusal, without
from workbench.tracker.settings import GitHubSettings

TIMEOUT_SECONDS = 15
_LABEL_COLOR = "d73a4a"  # the colour that GitHub itself gives to this label


class _OnlyConnect(GithubRetry):
    """Try again only where nothing was sent yet. Every answer goes to the caller, who knows what it means."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: FBT001, FBT002 (urllib3's signature)
        return False

    @classmethod
    def build(cls) -> _OnlyConnect:
        return cls(total=2, connect=2, read=0, redirect=0, status=0, other=0, backoff_factor=0.2)


class GitHub:
    """GitHub, for one thread and one token. Repositories are opened when they are first asked for."""

    def __init__(self, settings: GitHubSettings, *, timeout: int = TIMEOUT_SECONDS) -> None:
        # GitHub asks for a second between writes, which PyGithub keeps.
        pauses = {} if settings.is_paced else {"seconds_between_requests": None, "seconds_between_writes": None}
        self._token = settings.token
        options: dict[str, Any] = {
            "base_url": settings.base_url,
            "timeout": timeout,
            "retry": _OnlyConnect.build(),
            "per_page": 100,
            "user_agent": "bug-workbench",
            # True leaves room for REQUESTS_CA_BUNDLE, and a path does not.
            "verify": settings.ca_file or True,
            **pauses,
        }
        self._app: github.GithubIntegration | None = None
        self._installed: dict[str, github.Github] = {}  # by owner
        if settings.app is not None:
            self._app = github.GithubIntegration(auth=github.Auth.AppAuth(settings.app.id, settings.app.key), **options)
        else:
            # Without a token, what is public can be read.
            auth = github.Auth.Token(settings.token) if settings.token else None
            self._api = github.Github(auth=auth, **options)
        self._open: dict[str, Issues] = {}
        self._login: str | None = None
        self.writes = 0  # sent so far; GitHub allows so many an hour

    def _count(self) -> None:
        self.writes += 1

    def issues(self, repository: str) -> Issues:
        """Return the issues of the repository owner/name. Raises `Failure` where it cannot be opened."""
        if repository not in self._open:
            with told(f"open {repository}", token=self._token):
                # Not lazy: the answer holds the address after a rename. With the old one a write would be answered
                # by a redirect, which PyGithub takes for success.
                opened = self._api_of(repository).get_repo(repository)
                int(opened.id)  # PyGithub takes any answer for a repository; without an id this raises
                found = Issues(opened, login=self.login, token=self._token, count=self._count)
            self._open[repository] = found
        return self._open[repository]

    def login(self) -> str:
        """Return the name that the token acts as, or "" where it may not ask: GitHub itself marks Apps as bots."""
        if self._app is not None:
            return ""
        if self._login is None:
            try:
                with told("ask for the token's owner", token=self._token):
                    self._login = str(self._api.get_user().login)
            except Permanent:
                self._login = ""
        return self._login

    def close(self) -> None:
        """Close the connections."""
        for api in (*self._installed.values(), self._app or self._api):
            api.close()

    def _api_of(self, repository: str) -> github.Github:
        """Return the way to a repository: an App is installed by each owner, and its token is good for an hour.

        PyGithub asks for a new token shortly before the old one ends.
        """
        if self._app is None:
            return self._api
        owner, _slash, name = repository.partition("/")
        if owner not in self._installed:
            installation = self._app.get_repo_installation(owner, name)
            self._installed[owner] = self._app.get_github_for_installation(int(installation.id))
        return self._installed[owner]


class Issues(Marked):
    """The issues of one repository, found by marker and written without ever being written twice by us."""

    def __init__(
        self, repository: Repository, *, login: Callable[[], str], token: str, count: Callable[[], None]
    ) -> None:
        super().__init__(repository, login=login, token=token)
        self._count = count
        self._label_exists = False

    def create(self, title: str, body: str) -> Found:
        """Open an issue with our label. Raises `Uncertain` when it may have been opened all the same."""
        self._ensure_label()
        with self._told("open an issue", writes=True):
            issue = self._repository.create_issue(title=title, body=body, labels=[LABEL])
            return self._seen(issue, body)

    def set_state(self, number: int, state: str, reason: str) -> tuple[Found, bool]:
        """Close or reopen an issue; return it, and whether that changed anything. `reason` is the state_reason."""
        doing = f"{'close' if state == 'closed' else 'reopen'} issue #{number}"
        with self._told(doing):
            issue = self._repository.get_issue(number)
            found = self._seen(issue)
        if found.state == state:
            return found, False
        with self._told(doing, writes=True):
            issue.edit(state=state, state_reason=reason)
            found = self._seen(issue)
        if found.state != state:
            raise Uncertain(f"GitHub took the request to {doing}, but the issue is still {found.state}.")
        return found, True

    def comment(self, number: int, body: str) -> None:
        """Write a comment. Raises `Uncertain` when it may have been written all the same."""
        doing = f"comment on issue #{number}"
        # Not looked up first: where the issue has moved, nothing is written, and the next try finds it.
        address = self._last_address(number)
        with self._told(doing, writes=True):
            _status, _headers, written = self._ask("POST", f"{address}/comments", doing, body={"body": body})
            if not isinstance(written.get("id"), int):
                raise ValueError("no comment in the answer")

    def delete_comment(self, number: int, comment_id: int) -> None:
        """Delete a comment of ours."""
        self._count()
        for ids in self._said.values():
            ids.discard(comment_id)
        with self._told(f"delete a comment of issue #{number}"):
            self._repository.get_issue(number).get_comment(comment_id).delete()

    def _ensure_label(self) -> None:
        """Create our label where it is missing; without the right to, issues go without it."""
        if self._label_exists:
            return
        try:
            with self._told(f"read the label {LABEL}"):
                self._repository.get_label(LABEL)
        except Permanent:
            try:
                self._count()
                with self._told(f"create the label {LABEL}"):
                    self._repository.create_label(LABEL, _LABEL_COLOR, "Something isn't working")
            except Permanent:
                pass  # somebody else created it meanwhile (422), or the token may not (403, 404)
        self._label_exists = True

    def _told(self, doing: str, *, writes: bool = False) -> Any:
        if writes:
            self._count()
        return told(f"{doing} in {self._repository.full_name}", token=self._token, writes=writes)


@contextmanager
def told(doing: str, *, token: str, writes: bool = False) -> Iterator[None]:
    """Turn whatever PyGithub lets out into a `Failure` that says what was being done."""
    try:
        yield
    except Failure:
        raise
    except github.GithubException as error:
        message = error.data.get("message") if isinstance(error.data, dict) else None
        headers = {name.lower(): str(value) for name, value in (error.headers or {}).items()}
        said = without(token, str(message or ""))
        raise refusal(Answer(error.status, said, headers), doing, writes=writes) from None
    except (requests.RequestException, OSError) as error:
        # Without the error's own text: it may quote the request.
        kind = Uncertain if writes else Temporary
        raise kind(
            f"GitHub did not answer the request to {doing} ({type(error).__name__}).",
            cure="It is tried again; check the network and github.base_url if this stays.",
        ) from None
    except (AssertionError, AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        kind = Uncertain if writes else Temporary
        raise kind(
            f"The answer to the request to {doing} was not GitHub's ({type(error).__name__}).",
            cure="It is tried again; check github.base_url, and for a proxy in between, if this stays.",
        ) from None
