"""Why events are grouped as they are: what made the key, what did not, and what would have changed it."""

from __future__ import annotations

from msgspec.structs import replace

from capture.event import ExceptionInfo, Frame, Part
from capture.explain import explain
from capture.fault_parts import raise_site
from capture.fingerprint import fingerprint
from capture.testing import make_event

VIEW = Frame(module="clinic.views", function="show", filename="/a.py", lineno=3, context_line="price_of(visit)")
HANDS_ON = Frame(
    module="clinic.decorators",
    function="inner",
    filename="/d.py",
    lineno=3,
    context_line="return view(*args, **kwargs)",
)


def left_out(event):
    return {part.name: part.value for part in explain(event).left_out}


def grouped(event):
    request = event.request
    return replace(
        event,
        fingerprint=fingerprint(
            exceptions=event.exceptions, status=event.status, path=request.path, route=request.route, method="GET"
        ),
    )


def test_a_fault_is_explained():
    found = explain(grouped(make_event()))
    assert [(part.name, part.value) for part in found.parts] == [
        ("exception", "KeyError"),
        ("raised at", "clinic.pricing:price_of: return PRICES[visit.species]"),
    ]
    assert {part.name: part.value for part in found.left_out} == {
        "line numbers": "",
        "message": "'rabbit'",
        "library frames": "1",
        "status": "500",
        "route": "/api/visits/<int:pk>/price/",
    }
    assert all(part.why for part in (*found.parts, *found.left_out))
    assert "cause" in found.splits
    assert "release" in found.merges


def test_frames_that_only_hand_on_and_repetitions_and_contexts_are_named():
    error = make_event().exceptions[0]
    surfaced = replace(error, frames=(HANDS_ON, VIEW, VIEW, *error.frames))
    handled = ExceptionInfo(type="OSError", module="builtins", link="context")
    found = left_out(grouped(make_event(exceptions=(handled, surfaced))))
    assert found["frame"] == "clinic.decorators:inner: return view(*args, **kwargs)"
    assert found["context"] == "OSError"
    assert "repetitions" in found


def test_a_refusal_and_a_message_are_explained():
    refused = grouped(make_event(exceptions=(), status=404, message=""))
    assert left_out(refused) == {"path": "/api/visits/7/price/"}
    assert "status" in explain(refused).splits
    said = make_event(exceptions=(), status=None, request=None, fingerprint=fingerprint(message="stock: 3"))
    assert explain(said).left_out == ()
    assert "numbers" in explain(said).merges


def test_a_rule_of_the_site_explains_itself():
    ruled = replace(make_event().fingerprint, parts=(Part(name="rule", value="pets"),))
    assert explain(make_event(fingerprint=ruled)).left_out == ()
    assert "CAPTURE" in explain(make_event(fingerprint=ruled)).splits


def test_the_raise_site_is_the_same_on_every_way():
    error = make_event().exceptions[0]
    one = fingerprint(exceptions=(error,), status=500)
    other = fingerprint(exceptions=(replace(error, frames=(VIEW, *error.frames)),), status=500)
    assert one.key != other.key
    assert raise_site(one.parts) == raise_site(other.parts) == "clinic.pricing:price_of: return PRICES[visit.species]"
    assert raise_site(fingerprint(status=404, route="/a/").parts) is None
    wrapped = ExceptionInfo(type="ServiceError", module="clinic", frames=(VIEW,))
    chained = fingerprint(exceptions=(replace(error, link="cause"), wrapped), status=500)
    assert raise_site(chained.parts) == raise_site(one.parts)
