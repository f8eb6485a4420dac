"""Pull requests of one repository, found by their branches and opened once."""

from __future__ import annotations

from typing import Any

from workbench.tracker.port import Found
from workbench.tracker.reading import Reading


class Pulls(Reading):
    """The pull requests of one repository, which PyGithub has opened. See `workbench.tracker.port.Issues`."""

    def __init__(self, repository: Any, *, token: str) -> None:
        super().__init__(repository.requester, repository.url, repository.full_name, token=token)
        self._repository = repository

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

    def _pulled(self, pull: Any) -> Found:
        if pull.state not in ("open", "closed"):  # None as well: PyGithub makes a pull request of any answer
            raise ValueError("no pull request in the answer")
        return Found(self.full_name, pull.number, str(pull.html_url), pull.state)
