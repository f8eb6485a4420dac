"""Which parts of a repository a session changed, as the verdict asks for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Changed:
    """Which parts the agent changed: its new or changed test files, its test files that are gone, its harness.

    `beside` is all that is laid over the base with the new tests; `source` says whether anything else was changed;
    `packages` are the changed files that say which packages are installed.
    """

    anything: bool
    test_files: tuple[str, ...] = ()
    gone_tests: tuple[str, ...] = ()
    harness: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    source: bool = True
    packages: tuple[str, ...] = ()
