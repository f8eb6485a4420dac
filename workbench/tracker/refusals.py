"""What an answer of GitHub that is an error means: wait, look again, or have a person change something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import mktime_tz, parsedate_tz

from workbench.tracker.failures import Failure, Gone, NotSeen, Permanent, Temporary, Uncertain

# GitHub's own advice for a secondary limit that names no time.
_UNNAMED_WAIT = timedelta(seconds=60)
_LONGEST_WAIT = timedelta(hours=2)
_LONGEST_WORDS = 200


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: `said` is GitHub's own message, `headers` have lower-case names."""

    status: int
    said: str
    headers: Mapping[str, str]


def refusal(answer: Answer, doing: str, *, writes: bool) -> Failure:
    """Return the failure that `answer` to the request to `doing` means."""
    told = f"GitHub answered {answer.status} to the request to {doing}{_quoted(answer.said)}."
    if answer.status == 429 or (answer.status == 403 and _is_limit(answer)):
        return Temporary(f"GitHub's rate limit is used up: {told}", after=_wait(answer))
    if answer.status in (0, 408) or answer.status >= 500 or answer.status < 400:
        kind = Uncertain if writes else Temporary
        return kind(told, cure="It is tried again.", after=_named_wait(answer))
    final = {404: NotSeen, 410: Gone}.get(answer.status, Permanent)
    return final(told, cure=_cure(answer.status))


def without(token: str, said: str) -> str:
    """Return what GitHub said without the token, if it quotes that."""
    return said.replace(token, "…") if token else said


def _is_limit(answer: Answer) -> bool:
    said = answer.said.lower()
    return (
        "retry-after" in answer.headers
        or answer.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in said
        or "abuse detection" in said
    )


def _wait(answer: Answer) -> timedelta:
    named = _named_wait(answer)
    if named is not None:
        return named
    reset = answer.headers.get("x-ratelimit-reset", "")
    now = parsedate_tz(answer.headers.get("date", ""))  # GitHub's own clock: ours may be wrong
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal() and now is not None:
        return _bounded(int(reset) - mktime_tz(now) + 1)
    return _UNNAMED_WAIT


def _named_wait(answer: Answer) -> timedelta | None:
    named = answer.headers.get("retry-after", "")
    return _bounded(int(named)) if named.isdecimal() else None


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 0), _LONGEST_WAIT.total_seconds()))


def _cure(status: int) -> str:
    return {
        401: "The token, or the key of the App, is not valid (any more): put a new one into GITHUB_TOKEN, then retry.",
        403: "The token may not do this: give it write access to issues, or unlock the issue, then retry.",
        404: "Check github.repository, and that the token may see it; if it was the issue that was deleted, let go of "
        "it (workbench bugs unlink). Then retry.",
        410: "If issues are switched off there, switch them on; if this one was deleted, let go of it "
        "(workbench bugs unlink). Then retry.",
        413: "What was sent is too large for GitHub.",
        422: "GitHub does not accept what was sent; after a change, retry.",
        451: "GitHub has taken the repository down.",
    }.get(status, "After a change, retry.")


def _quoted(said: str) -> str:
    words = " ".join("".join(char if char.isprintable() else " " for char in said).split())
    if not words:
        return ""
    return f": {words[:_LONGEST_WORDS].rstrip('.')}"
