"""The key under the rules before is worked out from an event, long after its request: as the request would have."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from capture import builder, fingerprint_v1, known_faults
from capture import pipeline as pipelines
from capture.builder import Failure
from capture.event import ExceptionInfo, Frame
from capture.store.transition import worked_out

OWN, FOREIGN = "http://testserver/somewhere/", "http://elsewhere.example/"
REQUESTS = {
    "a fault": ("GET", "/fault/", {}),
    "a fault with its cause": ("GET", "/chained/", {}),
    "a fault of a template": ("GET", "/template/", {}),
    "a refusal on a route": ("GET", "/pets/7/", {}),
    "a refusal in a secret place": ("GET", "/reset/h4rm1ess/", {}),
    "a status without an exception": ("GET", "/returns/503/", {}),
    "a broken link": ("GET", "/not/here/7/", {"HTTP_REFERER": OWN}),
    "a broken link from a page with a query": ("GET", "/not/here/7/", {"HTTP_REFERER": f"{OWN}?token=h1dden&next=%2F"}),
    "a link from elsewhere": ("GET", "/not/here/7/", {"HTTP_REFERER": FOREIGN}),
    "a scanner": ("GET", "/wp-login.php", {"HTTP_REFERER": OWN}),
    "a method of a client's own": ("BREW", "/returns/422/", {}),
    "a host without a name": ("GET", "/not/here/", {"HTTP_HOST": "", "HTTP_REFERER": "http:///somewhere/"}),
}


@pytest.fixture
def looked_at(monkeypatch):
    """What was looked at for the fingerprint of each event, while its request was there."""
    facts = []
    original = builder.fingerprint

    def noting(**given):
        facts.append(given)
        return original(**given)

    monkeypatch.setattr(builder, "fingerprint", noting)
    monkeypatch.setattr(known_faults, "_known", {})
    return facts


def as_the_request_would(facts):
    return fingerprint_v1.key_of(
        **{name: value for name, value in facts.items() if name not in ("referer_route", "with_earlier")}
    )


@pytest.mark.parametrize("what", REQUESTS)
def test_an_event_says_what_its_request_would_have_said(captured, looked_at, what):
    from django.test import Client

    method, path, headers = REQUESTS[what]
    Client(raise_request_exception=False).generic(method, path, **headers)
    ((event,), (facts,)) = captured(), looked_at
    assert worked_out(event).fingerprint.earlier == as_the_request_would(facts)


def test_a_logged_message_is_known_by_its_format_string(captured, looked_at):
    pipelines.capture(Failure(message="3 of hay are left", pattern="%s of %s are left", logger="clinic.stock"))
    ((event,), (facts,)) = captured(), looked_at
    assert facts["message"] == "%s of %s are left"
    assert worked_out(event).fingerprint.earlier == as_the_request_would(facts)


def test_an_exception_without_a_request(captured, looked_at):
    import capture

    try:
        raise KeyError("rabbit")
    except KeyError as error:
        capture.capture_exception(error)
    ((event,), (facts,)) = captured(), looked_at
    assert worked_out(event).fingerprint.earlier == as_the_request_would(facts)


def test_a_method_is_known_by_its_plain_name():
    frame = Frame(module="clinic.views", function="Login.post", filename="/a.py", lineno=1, context_line="x = y[z]")
    error = ExceptionInfo(type="KeyError", module="builtins", frames=(frame,))
    plain = replace(error, frames=(replace(frame, function="post"),))
    assert fingerprint_v1.key_of(exceptions=(error,)) == fingerprint_v1.key_of(exceptions=(plain,))
    assert fingerprint_v1.key_of(exceptions=(plain,)) == "f9d5b57c1221ac33"
