"""Why an event is grouped as it is: what made its key, what did not and why not, and what would have changed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from capture.event import Event, ExceptionInfo, Fingerprint, Part
from capture.fingerprint import is_refusal
from capture.own_lines import loops, own_lines

SHOWN = 120


@dataclass(frozen=True)
class Explanation:
    """The parts of a fingerprint, what was left out of it, and in words what would split or merge its events."""

    parts: tuple[Part, ...]
    left_out: tuple[Part, ...]
    splits: str
    merges: str


def explain(event: Event) -> Explanation:
    """Return why an event is grouped as it is."""
    request = event.request
    return explained(
        event.fingerprint,
        exceptions=event.exceptions,
        status=event.status,
        message=event.message,
        path=request.path if request else "",
        route=request.route if request else None,
        referer=request.referer if request else "",
    )


def explained(
    found: Fingerprint,
    *,
    exceptions: Sequence[ExceptionInfo] = (),
    status: int | None = None,
    message: str = "",
    path: str = "",
    route: str | None = None,
    referer: str = "",
) -> Explanation:
    """Return why something is grouped as it is, from the facts that `capture.fingerprint.fingerprint` looked at."""
    names = {part.name for part in found.parts}
    if names & {"rule", "function"}:
        splits = "A change of the site's own rules in CAPTURE."
        return Explanation(found.parts, (), splits, "Every event for which the rule says the same.")
    if exceptions and not is_refusal(status, exceptions):
        left_out = [*_of_fault(exceptions, message, names), *_of_request(status, path, route, names)]
        splits = _what_splits_faults(names)
        merges = "The same way through the code in any release, with any data, message and status."
    elif status is not None:
        left_out = _of_refusal(message, path, referer, names)
        splits = "Another status, another method or reason, another route or class of path."
        merges = "The same refusal of any path of this route or class, whoever asked."
    else:
        left_out = []
        splits = "Other words in the message, or another logger."
        merges = "The same words with other numbers, ids, dates, addresses or values."
    return Explanation(found.parts, tuple(left_out), splits, merges)


def _what_splits_faults(names: set[str]) -> str:
    if "interrupted" in names:
        return "Another type, another route, task or command."
    if names & {"raised at", "frame", "template"}:
        return "Another type, another line of the application that raised or led there, another explicit cause."
    return "Another type, another place in the library, another route."


def _of_fault(exceptions: Sequence[ExceptionInfo], message: str, names: set[str]) -> list[Part]:
    surfaced = exceptions[-1]
    found = []
    if "interrupted" in names:
        found.append(Part(name="lines", value=str(len(surfaced.frames)), why="it strikes at another one each time"))
    elif surfaced.frames:
        found.append(Part(name="line numbers", value="", why="they move with every edit above them"))
    if message and "message" not in names:
        found.append(
            Part(name="message", value=message[:SHOWN], why="it changes with the data, and a client may write it")
        )
    if "interrupted" not in names:
        found += _of_lines(surfaced)
    if "cause" not in names:
        found += [
            Part(name="context", value=earlier.type, why="it was only being handled when the other was raised")
            for earlier in exceptions[:-1]
        ]
    return found


def _of_lines(surfaced: ExceptionInfo) -> list[Part]:
    own = [frame for frame in surfaced.frames if frame.in_app]
    found = []
    others = len(surfaced.frames) - len(own)
    if others and own:
        found.append(Part(name="library frames", value=str(others), why="they change with every update of a library"))
    lines = own_lines(own)
    passages = dict.fromkeys(line.text for line in lines[:-1] if line.is_passage)
    found += [Part(name="frame", value=text, why="it only hands on, or starts the process") for text in passages]
    if loops(lines):
        why = "how deep and in which order functions call each other again says nothing about the fault"
        found.append(Part(name="repetitions", value="", why=why))
    return found


def _of_request(status: int | None, path: str, route: str | None, names: set[str]) -> list[Part]:
    found = []
    if status is not None:
        found.append(Part(name="status", value=str(status), why="it follows from the fault"))
    if route is not None and not names & {"route", "interrupted"}:
        found.append(Part(name="route", value=route, why="one fault can be met on several routes"))
    elif path and route is None:
        found.append(Part(name="path", value=path[:SHOWN], why="a client makes it up"))
    return found


def _of_refusal(message: str, path: str, referer: str, names: set[str]) -> list[Part]:
    found = []
    if path:
        why = "ids in it are not another fault" if "route" in names else "of paths there are as many as clients make up"
        found.append(Part(name="path", value=path[:SHOWN], why=why))
    if message:
        found.append(Part(name="message", value=message[:SHOWN], why="the route and the reason say what was refused"))
    if referer:
        found.append(
            Part(name="referer", value=referer[:SHOWN], why="a client writes it; only the route of a page counts")
        )
    return found
