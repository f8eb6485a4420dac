"""What happened, as plain data: the one record that crosses from the site to everything else.

An `Event` is built once inside the monitored site, scrubbed, fingerprinted, encoded and appended to the
journal. The same bytes are stored with the occurrence and decoded again by the terminal, so that there is
one description of an event and not two.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

# None of these can be a part of a circle (`gc=False`): an event is made of them by the hundred, and the collector would
# look at each again and again, in the request and in the recorder.
Kind = Literal["exception", "status", "message"]
Link = Literal["cause", "context"]
Level = Literal["debug", "info", "warning", "error", "fatal"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error", "fatal")


class Frame(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """One call of a traceback.

    `function` is qualified by its class and the functions around it (`Login.post`, `plain_name` is `post`).
    `filename` is the absolute path on the server; `lineno` is the line being executed (1-based);
    `pre_context` and `post_context` are the source lines around `context_line`, without line ends. `statement` holds
    the lines of a statement or expression that begins on that line and goes on below; else it is empty.
    `locals` maps names to short descriptions and is None where they were not read.
    """

    module: str
    function: str
    filename: str
    lineno: int
    context_line: str = ""
    statement: str = ""
    pre_context: tuple[str, ...] = ()
    post_context: tuple[str, ...] = ()
    in_app: bool = True
    locals: dict[str, str] | None = None

    @property
    def plain_name(self) -> str:
        """The name of the function alone, as its code object has it."""
        function = self.function
        # Cython names a function with its whole module, which is all the name that its code has.
        if "." not in function or (self.module and function.startswith(f"{self.module}.")):
            return function
        found = _QUALIFIED.fullmatch(function)
        return found[1] if found else function


# Names that Python makes have no other characters; those that a program makes up are left whole (`block 'a.b'`).
_QUALIFIED = re.compile(r"(?:(?:\w+|<\w+>)\.)+(\w+|<\w+>)")


class ExceptionInfo(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """One exception of a chain. `frames` run from outermost to innermost.

    `link` says how this exception leads to the next one of the chain: it is its explicit `cause`, or the
    `context` in which the next one was raised. It is None for the last one, the one that surfaced. `refuses` says that
    it is one of the exceptions by which a site says no. `members` are those of an exception group, each a chain of its
    own, and `members_in_all` counts those that were left out as well.
    """

    type: str
    module: str
    message: str = ""
    notes: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    link: Link | None = None
    refuses: bool = False
    owner: str = ""
    members: tuple[tuple[ExceptionInfo, ...], ...] = ()
    members_in_all: int = 0

    def every_member(self, place: str = "") -> Iterator[tuple[str, ExceptionInfo]]:
        """Yield the exceptions of the members, and of their members, each with its member's place: "1", "1.2"."""
        for number, chain in enumerate(self.members, 1):
            here = f"{place}.{number}" if place else str(number)
            for exception in chain:
                yield here, exception
                yield from exception.every_member(here)


class TemplateFrame(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """The place in a template at which rendering failed."""

    name: str
    lineno: int
    context_line: str = ""
    pre_context: tuple[str, ...] = ()
    post_context: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """The HTTP request that failed, scrubbed.

    `route` is the matched URL pattern with a leading slash (`/api/pets/<int:pk>/`), or None where no
    pattern matched. `query` is the raw query string after scrubbing; `body` is text, or None where it
    was not read; `body_note` says why it is missing or cut.
    """

    method: str
    path: str
    route: str | None = None
    scheme: str = "http"
    host: str = ""
    query: str = ""
    headers: dict[str, str] = {}
    content_type: str = ""
    body: str | None = None
    body_note: str = ""
    referer: str = ""
    view: str = ""

    @property
    def own_referer(self) -> str:
        """The referer where it is a page of the same site, else nothing."""
        return self.referer if self.host and self.referer.partition("://")[2].split("/", 1)[0] == self.host else ""


class Job(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What ran where there was no request: a `task`, a management `command` or a `thread`, by its name."""

    kind: Literal["task", "command", "thread"]
    name: str


class Breadcrumb(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """Something that happened on the way to the failure: a log record, or a database query, scrubbed.

    `before` is how many seconds before the event it was; `logger` is the alias of the database for a query, and
    `duration_ms` how long that took.
    """

    kind: Literal["log", "query"] = "log"
    before: float
    level: str
    logger: str
    message: str
    duration_ms: float | None = None


class Part(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """One part of a fingerprint: its `name`, the `value` that was hashed, and in words why it is in."""

    name: str
    value: str
    why: str = ""


class Fingerprint(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """The key that says two events are the same fault, and the parts that made it.

    `key` is a lower-case hexadecimal digest; `version` names the rules, so that rules can change side by
    side with stored bugs. `earlier` is the key under the rules before, or only their version where that key can be
    worked out from the event (`capture.fingerprint_v1.key_of_event`): a bug that is known by it stays that bug.
    """

    key: str
    version: str
    parts: tuple[Part, ...] = ()
    earlier: str = ""


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """One failure: a final 4xx or 5xx response, an exception reported by hand, or a message.

    `id` is unique and time-ordered (see `new_event_id`); `at` is aware UTC; `status` is the HTTP status of the
    response, or None outside a request, where `job` may say what ran instead. `exceptions` run from the first that
    was raised to the one that surfaced (last). `title` is one line for people. `contexts` are named groups of
    fields; `breadcrumbs` run from the oldest to the latest. `level` says how bad it is: a refusal is a warning, a
    message is information, and a rule of the site may say otherwise.
    """

    id: str
    at: datetime
    kind: Kind
    title: str
    fingerprint: Fingerprint
    project: str = ""
    environment: str = ""
    release: str | None = None
    server: str = ""
    status: int | None = None
    level: Level = "error"
    reason: str = ""
    message: str = ""
    exceptions: tuple[ExceptionInfo, ...] = ()
    template: TemplateFrame | None = None
    request: Request | None = None
    user_id: str | None = None
    tags: dict[str, str] = {}
    contexts: dict[str, dict[str, str]] = {}
    job: Job | None = None
    breadcrumbs: tuple[Breadcrumb, ...] = ()
    process: int = 0
    thread: str = ""
    task: str = ""
    python: str = ""
    django: str = ""

    @property
    def surfaced(self) -> ExceptionInfo | None:
        """The exception that reached the top, or None for an event without one."""
        return self.exceptions[-1] if self.exceptions else None


class _Key(msgspec.Struct, frozen=True, gc=False):
    key: str


class _Path(msgspec.Struct, frozen=True, gc=False):
    path: str = ""


class EncodedEvent(msgspec.Struct, kw_only=True, gc=False):
    """An event as its bytes, and of its fields those few that its row and the figures of its bug are made of.

    To read these takes half the time of all (4 µs of 5 KB), and what carries events over reads nothing else of one
    whose bug is known. Made by `peek`.
    """

    id: str
    at: datetime
    fingerprint: _Key
    project: str = ""
    environment: str = ""
    release: str | None = None
    status: int | None = None
    level: Level = "error"
    request: _Path | None = None
    user_id: str | None = None
    encoded: bytes = b""

    def decoded(self) -> Event:
        """Return the whole event. Raises `msgspec.ValidationError` where some other field of it is wrong."""
        return decode(self.encoded)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)
_peeker = msgspec.json.Decoder(EncodedEvent)


def encode(event: Event) -> bytes:
    """Return the event as one line of JSON (UTF-8, no line break inside)."""
    return _encoder.encode(event)


def decode(line: bytes | str) -> Event:
    """Return the event that `encode` wrote.

    Raises `msgspec.ValidationError` or `msgspec.DecodeError` when `line` is not such an event.
    """
    return _decoder.decode(line)


def peek(line: bytes) -> EncodedEvent:
    """Return what `encode` wrote, as it is and with its main fields. Raises as `decode` does."""
    found = _peeker.decode(line)
    found.encoded = line
    return found


# Seeded by the system, and again in each child. Asking the system for each event is one more call that is never warm.
_random = random.Random()  # noqa: S311  (ids keep nothing secret)
os.register_at_fork(after_in_child=_random.seed)


def new_event_id() -> str:
    """Return a fresh id of 32 hexadecimal digits: 48 bits of milliseconds, then 80 random bits.

    The layout is that of UUID version 7 (RFC 9562, section 5.7) without its version bits: ids sort by time,
    so that inserts land at the end of the primary key's index.
    """
    # The process is in it, since a fork that runs no hooks has its child count on from the parent's state.
    return f"{time.time_ns() // 1_000_000:012x}{_random.getrandbits(80) ^ os.getpid() << 48:020x}"
