"""The recorded request or call as a replay: what evidence runs on the base and on the fix beside everything else."""

from __future__ import annotations

from capture.event import Event
from workbench.evidence import Replay
from workbench.git import Repository
from workbench.reproducing.trying import nearest, place, source
from workbench.reproducing.writing import CannotWrite, Written, from_call, from_request

# What a site answers by itself where there are no rows and nobody is logged in, whatever was wrong with it.
_WITHOUT_A_LOGIN = frozenset({401, 403})
_WITHOUT_ROWS = frozenset({404, 410})


def replay(repository: Repository, number: int, event: Event | None, *, base: str, result: str) -> Replay:
    """Return what can be replayed of an event: its request, or the call that failed; or why nothing can be.

    The test is kept as a commit under a ref of ours, on top of `base`, at a path that neither base nor result has.
    Raises a `WorkbenchError` where git cannot do its part.
    """
    if event is None:
        return Replay(why_not="nothing was recorded of it")
    base = repository.resolve(base)
    paths = repository.all_files(base)
    try:
        written = _written(repository, number, event, base, paths)
    except CannotWrite as reason:
        return Replay(why_not=str(reason))
    taken = {*paths, *repository.all_files(repository.resolve(result))}
    path = next(
        found
        for count in range(len(taken) + 1)
        if (found := place(paths, number, f"replay{count or ''}", nearest(paths, event))) not in taken
    )
    commit = repository.commit_files(
        base,
        {path: written.text.encode()},
        ref=f"refs/workbench/repro/{number}-replay",
        message=f"What was recorded of B-{number:03d}, to be replayed",
    )
    return Replay(written.kind, path, commit, differences=written.notes, caveat=_caveat(event))


def _written(repository: Repository, number: int, event: Event, base: str, paths: list[str]) -> Written:
    try:
        return from_request(number, event)
    except CannotWrite as no_request:
        try:
            return from_call(number, event, source(repository, base, paths, event))
        except CannotWrite as no_call:
            raise CannotWrite(f"{no_request}, and {no_call}") from None


def _caveat(event: Event) -> str:
    if event.surfaced is not None or event.request is None:
        return ""
    if event.status in _WITHOUT_ROWS and "<" in (event.request.route or ""):
        return f"where no row is, {event.status} is the right answer as well"
    sent = {name.lower() for name in event.request.headers}
    is_known = event.user_id is not None or not sent.isdisjoint({"cookie", "authorization"})
    if event.status in _WITHOUT_A_LOGIN and is_known:
        return f"where nobody is logged in, {event.status} is the right answer as well"
    return ""
