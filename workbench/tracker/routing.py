"""Which repository gets the issue of a bug: the first rule that fits it, or else the one that is set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from workbench.bugs.rows import BugFacts
from workbench.config import Value
from workbench.errors import ConfigurationError

FULL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")
CONDITIONS = ("path", "route", "project")
_MOST = 100
_EXAMPLE = '[[tool.workbench.github.rules]] path = "billing/*" repository = "acme/billing"'


@dataclass(frozen=True)
class Rule:
    """What a bug has to be for its issue to go to `repository`: patterns with * and ?, all that are given.

    `path` is matched with the file that it was raised in, `route` with its route, `project` with its project.
    """

    repository: str
    path: str = ""
    route: str = ""
    project: str = ""

    def fits(self, page: BugFacts) -> bool:
        """Say whether the bug's issue goes to the repository of this rule."""
        if self.path and not _in(_file(page), self.path):
            return False
        if self.route and not fnmatchcase(page.row.route or "", self.route):
            return False
        return not self.project or fnmatchcase(page.row.project, self.project)


def is_full_name(text: str) -> bool:
    """Say whether a text can be the owner/name of a repository."""
    return FULL_NAME.fullmatch(text) is not None and not text.endswith(("/.", "/.."))


def read_rules(written: Sequence[Value]) -> tuple[Rule, ...]:
    """Return the rules as they are configured. Raises `ConfigurationError` for the first that cannot work."""
    if len(written) > _MOST:
        raise ConfigurationError(f"{len(written)} github.rules are too many.", cure=f"Give at most {_MOST}.")
    return tuple(_rule(number, value) for number, value in enumerate(written, 1))


def repository_of(page: BugFacts, rules: Sequence[Rule], otherwise: str) -> str:
    """Return owner/name of the repository for the issue of a bug."""
    return next((rule.repository for rule in rules if rule.fits(page)), otherwise)


def _rule(number: int, value: Value) -> Rule:
    raw: Any = value.value
    where = f"{value.source}: rule {number} of github.rules"
    if not isinstance(raw, Mapping) or not all(isinstance(text, str) and text.strip() for text in raw.values()):
        raise ConfigurationError(f"{where} is not a table of texts.", cure=f"Write it as {_EXAMPLE}")
    unknown = sorted(set(raw) - {"repository", *CONDITIONS})
    if unknown:
        raise ConfigurationError(
            f"{where} has an unknown key {unknown[0]!r}.", cure=f"Its keys are repository, {', '.join(CONDITIONS)}."
        )
    given = {name: text.strip() for name, text in raw.items()}
    repository = given.get("repository", "")
    if not is_full_name(repository):
        raise ConfigurationError(
            f"{where} has {repository!r} as its repository.", cure="Set it to owner/name, as in octocat/hello-world."
        )
    if len(given) == 1:
        raise ConfigurationError(f"{where} fits every bug.", cure=f"Give it one of {', '.join(CONDITIONS)}.")
    return Rule(**given)


def _file(page: BugFacts) -> str:
    """Return the file of the innermost frame of the application, or of the innermost frame where it has none."""
    surfaced = page.event.surfaced if page.event else None
    frames = surfaced.frames if surfaced else ()
    ours = [frame for frame in frames if frame.in_app] or list(frames)
    return ours[-1].filename if ours else ""


def _in(file: str, pattern: str) -> bool:
    """Match from the root of the repository, of which a recorded path may begin somewhere above."""
    return fnmatchcase(file, pattern) or fnmatchcase(file, f"*/{pattern.lstrip('/')}")
