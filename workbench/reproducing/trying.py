"""Tries a written test on the code as it was, and says honestly whether it shows the recorded fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from capture.event import Event
from workbench import evidence
from workbench.bugs.source_files import candidates
from workbench.config import Config
from workbench.evidence import EvidenceRequest, RecordedFault, Reproduction
from workbench.evidence.split import is_test_file
from workbench.git import Repository
from workbench.reproducing.writing import CannotWrite, Written, failed_in, from_call, from_request

_MOST_SOURCE = 2_000_000


@dataclass(frozen=True)
class Attempt:
    """A written test, where in the repository it belongs, and what it showed on the commit `base`."""

    written: Written
    path: str
    base: str
    commit: str
    outcome: Reproduction


def attempt(
    config: Config, number: int, event: Event, *, base: str, progress: Callable[[str], None] = lambda _: None
) -> list[Attempt]:
    """Write tests from an event and run each on the commit `base`, until one shows the fault; return all that ran.

    The recorded request is tried first, then the call that failed. Raises `CannotWrite`, with the reasons, where no
    test could be written, and a `WorkbenchError` where git cannot do its part.
    """
    repository = Repository.open(config.repo)
    base = repository.resolve(base)
    paths = repository.all_files(base)
    tried: list[Attempt] = []
    refused: list[str] = []
    ways: tuple[Callable[[], Written], ...] = (
        lambda: from_request(number, event),
        lambda: from_call(number, event, source(repository, base, paths, event)),
    )
    for write in ways:
        try:
            written = write()
        except CannotWrite as reason:
            refused.append(str(reason))
            continue
        tried.append(_try(config, repository, number, event, written, base, paths, progress))
        if tried[-1].outcome.answer == "reproduced":
            break
    if not tried:
        raise CannotWrite("; ".join(refused))
    return tried


def nearest(paths: Sequence[str], event: Event) -> str:
    """Return the file of the repository that most likely failed, or an empty string."""
    return next(iter(_candidates(paths, event)), "")


def place(paths: Sequence[str], number: int, kind: str, near: str = "") -> str:
    """Return where a new test belongs: beside the tests that lie nearest to the file `near`."""
    name = f"test_b{number:03d}_{kind}.py"
    folders = Counter(str(PurePosixPath(path).parent) for path in paths if is_test_file(path))
    if not folders:
        return name
    best = max(folders, key=lambda folder: (_shared(folder, near), folders[folder], folder))
    # Beside `tests.py` of an app the name would be taken for a module of the app; it is collected all the same.
    return name if best == "." else f"{best}/{name}"


def _shared(folder: str, near: str) -> int:
    ours, theirs = PurePosixPath(folder).parts, PurePosixPath(near).parts
    return next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))


def _try(
    config: Config,
    repository: Repository,
    number: int,
    event: Event,
    written: Written,
    base: str,
    paths: Sequence[str],
    progress: Callable[[str], None],
) -> Attempt:
    path = place(paths, number, written.kind, nearest(paths, event))
    commit = repository.commit_files(
        base,
        {path: written.text.encode()},
        ref=f"refs/workbench/repro/{number}-{written.kind}",
        message=f"A test for B-{number:03d}, written from what was recorded",
    )
    request = EvidenceRequest(
        repository=repository.root,
        base=base,
        result=commit,
        fault=RecordedFault.of(event),
        command=config["tests.command"],
        timeout=config["tests.timeout"],
        network=config["tests.network"],
        workdir=config.state_dir / "evidence" / f"repro-{number}",
    )
    return Attempt(written, path, base, commit, evidence.reproduce(request, progress=progress))


def _candidates(paths: Sequence[str], event: Event) -> list[str]:
    """Return the files of the repository that the failed frame may be in."""
    try:
        return candidates(failed_in(event).filename, paths)
    except CannotWrite:
        return []


def source(repository: Repository, base: str, paths: Sequence[str], event: Event) -> str:
    """Return the module of the function that failed, as on `base`. Raises `CannotWrite` where it may be another."""
    frame = failed_in(event)
    found = _candidates(paths, event)
    if not found:
        raise CannotWrite(f"{frame.module} is not in the repository")
    if len(found) > 1:
        raise CannotWrite(f"{frame.module} may be one of {len(found)} files")
    return repository.read(base, found[0])[:_MOST_SOURCE].decode("utf-8", "replace")
