"""Which runs evidence is made of: from which commit each starts, and what of which other commit is laid over it.

The harness is always the base's. Nothing here runs or reads anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from workbench.evidence.hunks import Hunk
from workbench.evidence.report import (
    BASE,
    BASE_AGAIN,
    BROKEN_AGAIN,
    BROKEN_ON_BASE,
    NEW_ON_BASE,
    NEW_ON_BASE_AGAIN,
    NEW_ON_FIX,
    NEW_ON_FIX_AGAIN,
    OLD_ON_FIX,
    REPLAY_ON_BASE,
    REPLAY_ON_FIX,
    SUITE_ON_FIX,
    Replay,
)
from workbench.evidence.split import Split


@dataclass(frozen=True)
class Plan:
    """One run: the commit `start`, with `paths` as they are in the commit `overlay`, and there `only` these files.

    `words` say it to a person. `hunk` is a piece of the fix that is taken out again.
    """

    name: str
    start: str
    overlay: str = ""
    paths: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    words: str = ""
    hunk: Hunk | None = None


Step = tuple[Plan, ...]


def plans(base: str, result: str, split: Split, replay: Replay | None = None) -> list[Step]:
    """Return the runs in the order in which they answer; those of one step may be made beside each other."""
    files = f"the {len(split.test_files)} new or changed test files"
    if len(split.test_files) == 1:
        files = f"the new tests of {split.test_files[0]}"
    on_base = Plan(NEW_ON_BASE, base, result, split.tests, split.test_files, f"{files} on the base {base[:7]}")
    on_fix = Plan(NEW_ON_FIX, result, base, split.harness, split.test_files, f"{files} on the fix {result[:7]}")
    again = (
        replace(on_base, name=NEW_ON_BASE_AGAIN, words=f"{on_base.words}, again"),
        replace(on_fix, name=NEW_ON_FIX_AGAIN, words=f"{on_fix.words}, again"),
    )
    new: list[Step] = [(on_base, on_fix)] if split.test_files else []
    suite = Plan(BASE, base, words=_suite_on(base))
    suite_on_fix = Plan(SUITE_ON_FIX, result, base, split.harness, words=f"the whole suite on the fix {result[:7]}")
    old = Plan(OLD_ON_FIX, base, result, split.source, words=f"the base's own tests on the fixed source {result[:7]}")
    # Short runs fit beside the base's suite, which the others wait for.
    short = (*(again if new else ()), suite, *_replays(base, result, split, replay))
    return [*new, short, (suite_on_fix, old)]


def base_again(base: str) -> Plan:
    """Return the run that tells a test that comes out by chance from one that the fix broke."""
    return Plan(BASE_AGAIN, base, words=f"{_suite_on(base)}, again")


def broken_again(base: str, result: str, split: Split, broken: Iterable[str], rounds: int) -> list[Step]:
    """Return the runs that tell tests that the fix broke from tests that fail now and then."""
    files = tuple(sorted({id_.partition("::")[0] for id_ in broken}))
    words = f"once more what broke: {', '.join(files[:3])}"
    on_fix = Plan(BROKEN_AGAIN, base, result, split.source, files, words)
    on_base = Plan(BROKEN_ON_BASE, base, only=files, words=f"{words} on the base")
    return [
        tuple(replace(plan, name=plan.name if number == 1 else f"{plan.name} {number}") for plan in (on_fix, on_base))
        for number in range(1, rounds + 1)
    ]


def without(hunk: Hunk, base: str, result: str, split: Split) -> Plan:
    """Return the run of the new tests on the fix without one piece of it."""
    words = f"the new tests {hunk.name}"
    return Plan(hunk.name, result, base, split.harness, split.test_files, words, hunk)


def modules(source: Iterable[str]) -> tuple[str, ...]:
    """Return the names under which changed modules may be imported."""
    names: set[str] = set()
    for path in source:
        place = PurePosixPath(path)
        if place.suffix != ".py":
            continue
        parts = [*place.parts[:-1], *([] if place.stem == "__init__" else [place.stem])]
        # At least two parts: a lone `models` may be anybody's.
        names.update(".".join(parts[start:]) for start in range(max(1, len(parts) - 1)))
    return tuple(sorted(names - {""}))


def _replays(base: str, result: str, split: Split, replay: Replay | None) -> Step:
    if replay is None or not replay.commit:
        return ()
    words, only = f"the recorded {replay.kind} again", (replay.path,)
    # The commit is the base with one file more, so the base's harness comes from it as well.
    return (
        Plan(REPLAY_ON_BASE, base, replay.commit, only, only, f"{words} on the base {base[:7]}"),
        Plan(REPLAY_ON_FIX, result, replay.commit, (*split.harness, *only), only, f"{words} on the fix {result[:7]}"),
    )


def _suite_on(base: str) -> str:
    return f"the whole suite on the base {base[:7]}"
