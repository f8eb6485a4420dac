"""A fingerprint that is remembered is the one that would be worked out, and nobody can fill the memory."""

from __future__ import annotations

import linecache
import tokenize
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import Http404
from django.test import RequestFactory

from capture import builder, known_faults
from capture.builder import Draft, Failure


@pytest.fixture(autouse=True)
def nothing_known(django_site: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_faults, "_known", {})


def request(route: str = "pets/<int:pk>/", method: str = "GET") -> Any:
    made = RequestFactory().generic(method, "/pets/1/")
    made.resolver_match = SimpleNamespace(route=route, kwargs={}, _func_path="clinic.pet")
    return made


def here(name: str) -> None:
    {}[name]


def there(name: str) -> None:
    {}[name]


def refuses(name: str) -> None:
    raise Http404(name)


def through(name: str) -> None:
    try:
        here(name)
    except KeyError as error:
        raise ValueError(name) from error


def raised(function: Any, name: str = "rabbit") -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011  (of any kind: it is the material)
        function(name)
    return caught.value


def failures() -> list[Failure]:
    """Return failures that are all of different faults."""
    found = [Failure(error=raised(function), request=request(), status=500) for function in (here, there, through)]
    found += [Failure(request=request(), status=status) for status in (404, 410, 500)]
    found += [Failure(request=request(), status=403, reason=reason) for reason in ("", "no cookie", "bad token")]
    found += [Failure(request=request(route), status=404) for route in ("a/", "b/")]
    found += [Failure(request=request(method=method), status=404) for method in ("POST", "PUT")]
    return [*found, Failure(error=raised(refuses), request=request("c/"), status=404)]


@pytest.mark.parametrize("transition", [True, False])
def test_what_is_remembered_is_what_would_be_worked_out(capture_settings, monkeypatch, transition):
    settings = replace(capture_settings, transition=transition)
    first = [Draft(failure, settings).fingerprint for failure in failures()]
    again = [Draft(failure, settings).fingerprint for failure in failures()]
    assert [one is other for one, other in zip(first, again, strict=True)] == [True] * len(first)
    monkeypatch.setattr(builder, "known_or", lambda work_out, *_: known_faults.just(work_out()))
    assert [Draft(failure, settings).fingerprint for failure in failures()] == again
    assert len({found.key for found in again}) == len(again)


def test_what_a_fault_says_is_no_part_of_it_and_is_not_asked_for(capture_settings, monkeypatch):
    known = Draft(Failure(error=raised(here), request=request(), status=500), capture_settings).fingerprint
    monkeypatch.setattr("capture.chains.message_of", None)
    error = raised(here, "hamster")
    assert Draft(Failure(error=error, request=request(), status=500), capture_settings).fingerprint is known


def test_a_fault_that_is_known_by_its_message_is_looked_at_each_time(capture_settings):
    keys = {
        Draft(Failure(error=ValueError(message), request=request(), status=500), capture_settings).fingerprint.key
        for message in ("no rabbit", "no hamster")
    }
    assert len(keys) == 2
    assert known_faults._known == {}


def test_the_memory_is_bounded(capture_settings, monkeypatch):
    monkeypatch.setattr(known_faults, "MAX_KNOWN", 5)
    for number in range(12):
        Draft(Failure(request=request(), status=403, reason=f"made up {number}"), capture_settings)
        assert len(known_faults._known) <= 5


def test_a_line_that_could_not_be_read_is_read_the_next_time(capture_settings, monkeypatch):
    """A process that is out of descriptors fails in many places; it must not know them without their lines for ever."""
    monkeypatch.setattr("capture.frames._places", {})
    linecache.clearcache()
    with monkeypatch.context() as patch:
        patch.setattr(tokenize, "open", lambda _name: open("/no/such/file"))  # noqa: PTH123, SIM115
        blind = Draft(Failure(error=raised(here), request=request(), status=500), capture_settings).fingerprint
    seeing = Draft(Failure(error=raised(here), request=request(), status=500), capture_settings).fingerprint
    assert "{}[name]" not in str(blind.parts)
    assert "{}[name]" in str(seeing.parts)


def test_code_that_is_made_anew_under_the_same_names_is_never_taken_for_the_old(capture_settings, monkeypatch):
    """Its objects may lie where those of the old lay: what is remembered keeps the old alive, or is forgotten."""
    monkeypatch.setattr("capture.frames.MAX_PLACES", 30)
    monkeypatch.setattr("capture.chains.MAX_KINDS", 5)
    monkeypatch.setattr(known_faults, "MAX_KNOWN", 20)
    for number in range(150):
        kind, says = ("First", "Second")[number % 2], ("{}[name]", "raise Odd(name)", "raise Odd from OSError(name)")
        text = f"class Odd(Exception): pass\nOdd.__name__ = '{kind}'\ndef fails(name):\n    {says[number % 3]}\n"
        file, made = f"/srv/made{number % 5}.py", {"__name__": "made"}
        monkeypatch.setitem(linecache.cache, file, (len(text), None, text.splitlines(keepends=True), file))
        exec(compile(text, file, "exec"), made)  # noqa: S102
        error = raised(made["fails"])
        known = Draft(Failure(error=error, request=request(), status=500), capture_settings).fingerprint
        with monkeypatch.context() as patch:
            patch.setattr(builder, "known_or", lambda work_out, *_: known_faults.just(work_out()))
            assert Draft(Failure(error=error, request=request(), status=500), capture_settings).fingerprint == known
        assert says[number % 3] in str(known.parts)
