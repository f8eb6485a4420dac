"""The `CAPTURE` setting: typed, every default in one place, and every bad value named at start-up."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from capture.errors import ConfigurationError
from capture.release import head_at_start
from capture.rules import Rules, problems_of_rules

DEFAULT_DATABASE_URL = "sqlite:///workbench.db"
# Set in the environment of test runs, whose failures are nobody's bugs: an agent's, and those that make evidence.
DISABLED_VARIABLE = "CAPTURE_DISABLED"


@dataclass(frozen=True)
class CaptureSettings:
    """What the `CAPTURE` setting says, with every default filled in.

    `payloads_per_hour` full events are kept of one fingerprint, hour and process; the rest is counted.
    `journal_max_bytes` bounds the journal folder; past it events are only counted. `background` says whether
    this process may carry journals into the database itself. `keep_events` full events of a fault stay in the
    database for good, evenly in time, beside its first and its last.

    `breadcrumbs` is how many log records (and, with `queries`, database queries) of a request go with its event;
    `logs` makes every logged error an event. `tasks`, `commands` and `threads` say whether failed tasks (of Celery
    and of Django), management commands and threads are captured. `transition` has a fault without a bug looked for
    under its fingerprint of the rules before as well, so that a bug that is known by it stays that bug; `rules` are
    the site's own. Modules that are called as in `in_app` are the site's own wherever they lie, and those of
    `not_in_app` are a library's.
    """

    database_url: str
    journal_dir: Path
    release: str | None
    environment: str
    project: str
    server: str = ""
    enabled: bool = True
    background: bool = True
    payloads_per_hour: int = 60
    keep_events: int = 100
    journal_max_bytes: int = 256 * 1024 * 1024
    event_max_bytes: int = 256 * 1024
    body_max_bytes: int = 10_000
    breadcrumbs: int = 30
    queries: bool = False
    logs: bool = False
    tasks: bool = True
    commands: bool = True
    threads: bool = True
    transition: bool = True
    in_app: tuple[str, ...] = ()
    not_in_app: tuple[str, ...] = ()
    rules: Rules = field(default_factory=Rules, compare=False)


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the setting: the id of its check, what is wrong, and what to do."""

    id: str
    message: str
    hint: str


_TEXT = ("DATABASE_URL", "ENVIRONMENT", "PROJECT", "SERVER", "RELEASE")
_SWITCHES = ("ENABLED", "BACKGROUND", "QUERIES", "LOGS", "TASKS", "COMMANDS", "THREADS", "TRANSITION")
# A module, with what stands for other characters in a glob; neither a file nor a folder.
_NAME = re.compile(r"[\w.*?\[\]!-]+")
_MODULES = ("IN_APP", "NOT_IN_APP")
_BOUNDS = {
    "PAYLOADS_PER_HOUR": (1, 1_000_000),
    "KEEP_EVENTS": (0, 100_000),
    "JOURNAL_MAX_BYTES": (64 * 1024, 1 << 40),
    "EVENT_MAX_BYTES": (4 * 1024, 16 * 1024 * 1024),
    "BODY_MAX_BYTES": (0, 1024 * 1024),
    "BREADCRUMBS": (0, 200),
}
# What each key is for, in the order of how often it is needed; docs/reference/site-settings.md is made from it.
PURPOSES = {
    "DATABASE_URL": "The shared database: sqlite:///… or postgresql://….",
    "ENVIRONMENT": "Where this site runs; a fault is told apart by it in lists, not in grouping.",
    "RELEASE": "The deployed version, best the commit id: recurrence is judged by it. Empty: none.",
    "PROJECT": "Which of several sites in one database this is. Equal faults of two projects are two bugs.",
    "SERVER": "The name of this host in events.",
    "ENABLED": "Whether anything is captured.",
    "JOURNAL_DIR": "Where events lie until they are in the database: a folder on a local disk, private to the site.",
    "JOURNAL_MAX_BYTES": "How much the journals of this host may hold; past it events are only counted.",
    "BACKGROUND": "Whether a thread of this process may carry journals over; else `capture_drain` or Celery has to.",
    "PAYLOADS_PER_HOUR": "So many full events of one fault are kept an hour and process; all others are counted.",
    "KEEP_EVENTS": "So many full events of a fault stay in the database, evenly in time, beside the first and last.",
    "EVENT_MAX_BYTES": "The size of one encoded event; a larger one goes without locals, source and body.",
    "BODY_MAX_BYTES": "How much of a request's body is kept, where it was read already. 0: none.",
    "BREADCRUMBS": "So many log records on the way to the failure go with an event. 0: none.",
    "QUERIES": "Whether database queries are breadcrumbs too; a wrapper on every query costs.",
    "LOGS": "Whether a logged error is an event of its own, where no failed response follows.",
    "TASKS": "Whether failed tasks of Celery and of Django are captured.",
    "COMMANDS": "Whether failed management commands are captured.",
    "THREADS": "Whether exceptions that end a thread are captured.",
    "IN_APP": "Modules that are the site's own although they are installed like a library: names, or globs.",
    "NOT_IN_APP": "Modules that are not the site's own although they lie in its folder; they win over `IN_APP`.",
    "RULES": "Rules of the site's own: another fingerprint, a level, or to ignore; see the page on grouping.",
    "FINGERPRINT": "A function, or its dotted path, that may give an event another fingerprint.",
    "TRANSITION": "Whether a new fault is looked for under the rules before as well, so that known bugs stay the same.",
}
KEYS = tuple(PURPOSES)


def problems(setting: Any) -> list[Problem]:
    """Return all that is wrong with a `CAPTURE` setting, judged by its keys and values alone."""
    if not isinstance(setting, Mapping):
        return [Problem("capture.E001", "CAPTURE is not a dictionary.", "Write it as CAPTURE = {…}.")]
    found = [_unknown(key) for key in setting if key not in KEYS]
    for key, value in setting.items():
        if key == "RULES" and value is not None:
            found += [
                Problem("capture.E010", f"CAPTURE['RULES']: {wrong}."[:300], hint)
                for wrong, hint in problems_of_rules(value)
            ]
        elif key in KEYS and (wrong := _wrong_value(key, value)):
            found.append(Problem("capture.E003", f"CAPTURE[{key!r}] {wrong}, not {value!r}."[:300], _example(key)))
    return found


def load(source: Mapping[str, Any] | None = None) -> CaptureSettings:
    """Return the site's settings for capture; `source` stands in for `settings.CAPTURE`.

    The variable CAPTURE_DISABLED, set to anything, switches capturing off whatever the setting says. Raises
    `ConfigurationError` for the first thing that is wrong.
    """
    from django.conf import settings

    setting = getattr(settings, "CAPTURE", {}) if source is None else source
    wrong = problems(setting)
    if wrong:
        raise ConfigurationError(wrong[0].message, cure=wrong[0].hint)
    base = site_folder()
    module = getattr(settings, "SETTINGS_MODULE", None)
    release = setting.get("RELEASE")
    switches = {key.lower(): setting[key] for key in (*_SWITCHES, *_BOUNDS) if key in setting}
    if os.environ.get(DISABLED_VARIABLE):
        switches["enabled"] = False
    return CaptureSettings(
        database_url=_absolute_url(setting.get("DATABASE_URL") or DEFAULT_DATABASE_URL, base),
        journal_dir=base / (setting.get("JOURNAL_DIR") or ".capture"),
        release=head_at_start(base) if release is None else release or None,
        environment=setting.get("ENVIRONMENT") or ("development" if settings.DEBUG else "production"),
        project=setting.get("PROJECT") or (module.split(".")[0] if isinstance(module, str) and module else base.name),
        server=setting.get("SERVER") or socket.gethostname(),
        rules=Rules(setting.get("RULES") or (), setting.get("FINGERPRINT")),
        in_app=tuple(setting.get("IN_APP") or ()),
        not_in_app=tuple(setting.get("NOT_IN_APP") or ()),
        **switches,
    )


def site_folder() -> Path:
    """Return the site's own folder, on which relative paths are based."""
    from django.conf import settings

    return Path(getattr(settings, "BASE_DIR", None) or Path.cwd()).absolute()


def _unknown(key: Any) -> Problem:
    import difflib  # slow to import, and needed by nobody whose setting is right

    close = difflib.get_close_matches(str(key).upper(), KEYS, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"The keys are {', '.join(KEYS)}."
    return Problem("capture.E002", f"CAPTURE has an unknown key {key!r}.", hint)


def _wrong_value(key: str, value: Any) -> str:
    """Return what a value should have been, or nothing when it is right. None stands for the default of a text."""
    if key in _SWITCHES:
        return "" if isinstance(value, bool) else "must be True or False"
    if key in _BOUNDS:
        low, high = _BOUNDS[key]
        right = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return "" if right else f"must be a whole number from {low} to {high}"
    if key in _MODULES:
        return "" if value is None or _are_names(value) else "must be a list of names of modules"
    if key == "FINGERPRINT":
        return "" if value is None or isinstance(value, str) or callable(value) else "must be a function or its path"
    if key == "JOURNAL_DIR":
        return "" if value is None or (isinstance(value, str | Path) and str(value)) else "must be a path"
    return "" if value is None or isinstance(value, str) else "must be text"


def _are_names(value: Any) -> bool:
    """Return whether these are names of modules, or globs for them: no text alone, whose letters would be names."""
    return isinstance(value, list | tuple) and all(isinstance(name, str) and _NAME.fullmatch(name) for name in value)


def _example(key: str) -> str:
    examples = {
        "DATABASE_URL": "For example 'sqlite:///workbench.db' or 'postgresql://user@host/name'.",
        "JOURNAL_DIR": "For example BASE_DIR / '.capture'.",
        "IN_APP": "For example ['shop', 'company_*']: a name stands for all that is inside of it as well.",
        "NOT_IN_APP": "For example ['shop.vendored']: a name stands for all that is inside of it as well.",
        "RELEASE": "For example the commit id of the deployed version, or leave it out to have it read from .git.",
    }
    return examples.get(key, "Leave it out for the default.")


def _absolute_url(url: str, base: Path) -> str:
    """Return the URL with the relative path of a SQLite file resolved against the site's own folder."""
    path = url.removeprefix("sqlite:///")
    if path == url or not path or path.startswith(("/", ":memory:", "file:")):
        return url
    return f"sqlite:///{base / path}"
