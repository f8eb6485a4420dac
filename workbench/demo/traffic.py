"""The requests that the demo's site gets: a morning at the clinic, with everything that goes wrong in it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Visitor:
    """One request of the morning: what is asked for, the status it should get, and what it shows."""

    method: str
    path: str
    expected: int
    shows: str
    body: str = ""
    content_type: str = ""


@dataclass(frozen=True)
class Answered:
    """A request and the status that it got."""

    visitor: Visitor
    status: int

    @property
    def as_expected(self) -> bool:
        """True when the site did what the demo counts on."""
        return self.status == self.visitor.expected


_BOOKING = json.dumps({"pet": 101, "on": "2025-11-21", "treatment": "checkup", "notes": "Limps a little"})
_NONSENSE = json.dumps({"pet": 102, "on": "yesterday", "treatment": "massage"})

MORNING: tuple[Visitor, ...] = (
    Visitor("GET", "/", 200, "the front page"),
    Visitor("GET", "/owners/", 200, "the owners"),
    Visitor("GET", "/pets/101/", 200, "the card of a dog"),
    Visitor("GET", "/api/pets/", 200, "the list for the app"),
    Visitor("GET", "/api/pets/101/checkup/", 200, "when a dog is due"),
    Visitor("GET", "/api/visits/501/invoice/", 200, "the invoice of a dog"),
    Visitor("POST", "/api/visits/", 201, "a booking", _BOOKING, "application/json"),
    Visitor("GET", "/api/pets/1/", 404, "a pet that is not there"),
    Visitor("GET", "/api/pets/999/", 404, "another one: the same bug"),
    Visitor(
        "POST", "/owners/new/", 403, "a form without its CSRF token", "name=Eve", "application/x-www-form-urlencoded"
    ),
    Visitor("GET", "/api/visits/", 405, "a method that is not allowed"),
    Visitor("POST", "/api/visits/", 422, "a booking that makes no sense", _NONSENSE, "application/json"),
    Visitor("GET", "/api/visits/504/invoice/", 500, "the invoice of a rabbit"),
    Visitor("GET", "/api/pets/105/checkup/", 500, "when a patient without visits is due"),
    Visitor("GET", "/pets/106/", 500, "the card of a cat without weight"),
    Visitor("GET", "/api/visits/504/invoice/", 500, "the invoice of the rabbit, again"),
)


def send(url: str) -> Iterator[Answered]:
    """Send the morning's requests to the site at `url`, one after the other, and tell how each was answered."""
    host = urlsplit(url).netloc
    for visitor in MORNING:
        connection = http.client.HTTPConnection(host, timeout=TIMEOUT_SECONDS)
        headers = {"User-Agent": "bug-workbench demo"}
        if visitor.content_type:
            headers["Content-Type"] = visitor.content_type
        try:
            connection.request(visitor.method, visitor.path, body=visitor.body or None, headers=headers)
            response = connection.getresponse()
            response.read()
        finally:
            connection.close()
        yield Answered(visitor, response.status)


def failures() -> int:
    """Return how many of the morning's requests fail, as the site's ledger should count them."""
    return sum(visitor.expected >= 400 for visitor in MORNING)
