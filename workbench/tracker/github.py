"""The door to GitHub: issues and comments of repositories, through PyGithub.

Nothing here is retried: whether to look, wait or try again is decided by those who know what the action is for.
PyGithub's own retry would send a POST up to eleven times, and a lost answer would leave as many issues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import github
import requests
from github.GithubRetry import GithubRetry
from github.Issue import Issue
from github.NamedUser import NamedUser
from github.PullRequest import PullRequest
from github.Repository import Repository

from workbench.tracker.failures import Failure, Permanent, Temporary, Uncertain
from workbench.tracker.markers import markers_in
from workbench.tracker.port import Found
from workbench.tracker.refusals import Answer, refusal
from workbench.tracker.settings import GitHubSettings

TIMEOUT_SECONDS = 15
LABEL = "bug"
_LABEL_COLOR = "d73a4a"  # the colour that GitHub itself gives to this label

# Our clock and GitHub's may differ, so what was written since a time of ours is looked for from a day before it.
_CLOCKS_DIFFER = timedelta(days=1)
# Between two times of GitHub's own clock a few minutes cover what was being written while we read.
_OVERLAP = timedelta(minutes=5)

# Whose issue may be taken for ours by its marker: a stranger must not be able to lay one out for us to adopt.
_STRANGERS = frozenset({"NONE", "CONTRIBUTOR", "FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR", "MANNEQUIN"})


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
        # GitHub asks for a second between writes; a stand-in on this machine does not.
        pauses = {"seconds_between_requests": None, "seconds_between_writes": None} if settings.is_local else {}
        self._token = settings.token
        self._api = github.Github(
            auth=github.Auth.Token(settings.token),
            base_url=settings.base_url,
            timeout=timeout,
            retry=_OnlyConnect.build(),
            per_page=100,
            user_agent="bug-workbench",
            **pauses,  # type: ignore[arg-type]
        )
        self._open: dict[str, Issues] = {}
        self._login: str | None = None

    def issues(self, repository: str) -> Issues:
        """Return the issues of the repository owner/name. Raises `Failure` where it cannot be opened."""
        if repository not in self._open:
            with told(f"open {repository}", token=self._token):
                # Not lazy: the answer holds the address after a rename. With the old one a write would be answered
                # by a redirect, which PyGithub takes for success.
                opened = self._api.get_repo(repository)
                int(opened.id)  # PyGithub takes any answer for a repository; without an id this raises
            self._open[repository] = Issues(opened, login=self.login, token=self._token)
        return self._open[repository]

    def login(self) -> str:
        """Return the name that the token acts as, or "" where it may not ask."""
        if self._login is None:
            try:
                with told("ask for the token's owner", token=self._token):
                    self._login = str(self._api.get_user().login)
            except Permanent:
                self._login = ""
        return self._login

    def close(self) -> None:
        """Close the connections."""
        self._api.close()


class Issues:
    """The issues of one repository, found by marker and written without ever being written twice by us."""

    def __init__(self, repository: Repository, *, login: Callable[[], str], token: str) -> None:
        self._repository = repository
        self._ask_login = login
        self._token = token
        self._marked: dict[str, dict[int, Found]] = {}
        self._read_from: datetime | None = None
        self._newest: datetime | None = None
        self._label_exists = False

    @property
    def full_name(self) -> str:
        """owner/name, as it is now."""
        return self._repository.full_name

    def find(self, markers: set[str], *, since: datetime) -> list[Found]:
        """Return the issues that hold one of `markers`, lowest number first.

        All issues with our label are known, and all without it that were touched since `since` (they may have lost
        the label, or never got it for want of rights). Search is not asked: it lags behind by minutes.
        """
        with self._told("list issues"):
            self._read(since - _CLOCKS_DIFFER)
        found = {number: issue for marker in markers for number, issue in self._marked.get(marker, {}).items()}
        return [found[number] for number in sorted(found)]

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

    def comments(self, number: int, marker: str, *, since: datetime) -> list[int]:
        """Return the ids of the comments of an issue that hold `marker`, oldest first."""
        with self._told(f"list the comments of issue #{number}"):
            comments = self._repository.get_issue(number).get_comments(since=(since - _CLOCKS_DIFFER).astimezone(UTC))
            return sorted(comment.id for comment in comments if marker in markers_in(comment.body or ""))

    def comment(self, number: int, body: str) -> None:
        """Write a comment. Raises `Uncertain` when it may have been written all the same."""
        with self._told(f"find issue #{number}"):
            issue = self._repository.get_issue(number)
        with self._told(f"comment on issue #{number}", writes=True):
            written = issue.create_comment(body)
            if not isinstance(written.id, int):
                raise ValueError("no comment in the answer")

    def delete_comment(self, number: int, comment_id: int) -> None:
        """Delete a comment of ours."""
        with self._told(f"delete a comment of issue #{number}"):
            self._repository.get_issue(number).get_comment(comment_id).delete()

    def pull(self, head: str, base: str) -> Found | None:
        """Return the open pull request of the branch `head` into `base`; one that was a draft is ready now."""
        with self._told(f"list the pull requests of {head}"):
            owner = self.full_name.partition("/")[0]
            pulls = self._repository.get_pulls(state="open", head=f"{owner}:{head}", base=base)
            # Asked for by name, and looked at all the same: a name that GitHub cannot read is left out of the query.
            pull = next((pull for pull in pulls if (pull.head.ref, pull.base.ref) == (head, base)), None)
        if pull is None:
            return None
        if pull.draft:
            with self._told(f"mark pull request #{pull.number} as ready", writes=True):
                pull.mark_ready_for_review()
        return self._pulled(pull)

    def open_pull(self, head: str, base: str, title: str, body: str) -> Found:
        """Open a pull request. Raises `Uncertain` when it may have been opened all the same."""
        with self._told(f"open a pull request for {head}", writes=True):
            return self._pulled(self._repository.create_pull(base, head, title=title, body=body))

    def _pulled(self, pull: PullRequest) -> Found:
        if pull.state not in ("open", "closed"):  # None as well: PyGithub makes a pull request of any answer
            raise ValueError("no pull request in the answer")
        return Found(self.full_name, pull.number, str(pull.html_url), pull.state)

    def _ensure_label(self) -> None:
        """Create our label where it is missing; without the right to, issues go without it."""
        if self._label_exists:
            return
        try:
            with self._told(f"read the label {LABEL}"):
                self._repository.get_label(LABEL)
        except Permanent:
            try:
                with self._told(f"create the label {LABEL}"):
                    self._repository.create_label(LABEL, _LABEL_COLOR, "Something isn't working")
            except Permanent:
                pass  # somebody else created it meanwhile (422), or the token may not (403, 404)
        self._label_exists = True

    def _read(self, start: datetime) -> None:
        if self._read_from is None:
            self._take_in(labels=[LABEL])
        if self._read_from is None or start < self._read_from or self._newest is None:
            self._take_in(since=start.astimezone(UTC))
            self._read_from = start
        else:
            self._take_in(since=self._newest - _OVERLAP)

    def _take_in(self, **where: Any) -> None:
        for issue in self._repository.get_issues(state="all", sort="updated", direction="asc", **where):
            updated = issue.updated_at.astimezone(UTC)
            if self._newest is None or updated > self._newest:
                self._newest = updated
            markers = markers_in(issue.body or "")
            if markers and "/pull/" not in issue.html_url and self._is_ours(issue):
                self._seen(issue)

    def _is_ours(self, issue: Issue) -> bool:
        if issue.author_association not in _STRANGERS:
            return True
        author: NamedUser | None = issue.user  # None once the account was deleted
        return author is not None and (author.type == "Bot" or author.login == self._ask_login())

    def _seen(self, issue: Issue, body: str | None = None) -> Found:
        if issue.state not in ("open", "closed"):  # also None: PyGithub makes an issue of any answer below 400
            raise ValueError("no issue in the answer")
        found = Found(self.full_name, issue.number, str(issue.html_url), issue.state)
        for marker in markers_in(body or issue.body or ""):
            self._marked.setdefault(marker, {})[found.number] = found
        return found

    def _told(self, doing: str, *, writes: bool = False) -> Any:
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
        said = str(message or "").replace(token, "…")
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
