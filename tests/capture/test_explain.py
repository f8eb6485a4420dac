"""Why events are grouped as they are: what made the key, what did not, and what would have changed it."""

from __future__ import annotations

from msgspec.structs import replace

from capture.event import ExceptionInfo, Frame, Part, TemplateFrame
from capture.explain import explain
from capture.fault_parts import MAX_SITE, raise_site
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


RENDERED = Frame(
    module="django.template.base", function="Node.render_annotated", filename="/d.py", lineno=1, in_app=False
)


def rendered(*frames, line="<p>{{ pet.weight }}</p>"):
    error = ExceptionInfo(type="TypeError", module="builtins", frames=frames)
    return fingerprint(exceptions=(error,), template=TemplateFrame(name="pet.html", lineno=3, context_line=line))


def test_a_template_that_fails_by_itself_is_the_raise_site_through_any_view():
    show, edit = rendered(VIEW, RENDERED), rendered(replace(VIEW, function="edit"), RENDERED)
    assert show.key != edit.key
    assert raise_site(show.parts) == raise_site(edit.parts) == "pet.html: <p>{{ pet.weight }}</p>"
    assert raise_site(show.parts) != raise_site(rendered(VIEW, RENDERED, line="{{ pet.age }}").parts)
    assert [part.name for part in show.parts] == ["exception", "frame", "template"]


def test_code_that_a_template_called_is_the_raise_site():
    model = replace(VIEW, module="clinic.models", function="Pet.weight")
    one, other = rendered(VIEW, RENDERED, model), rendered(VIEW, RENDERED, model, line="<b>{{ pet.weight }}</b>")
    assert raise_site(one.parts) == raise_site(other.parts) == "clinic.models:Pet.weight: price_of(visit)"


def in_library(*functions, route, kind="OperationalError"):
    frames = [Frame(module="db", function=name, filename="/l.py", lineno=1, in_app=False) for name in functions]
    error = ExceptionInfo(type=kind, module="django.db.utils", frames=tuple(frames))
    return fingerprint(exceptions=(error,), route=route, status=500)


def test_the_place_in_a_library_is_the_raise_site_on_any_route():
    one, other = (in_library("session", "ensure", "connect", route=route) for route in ("/a/", "/b/"))
    assert one.key != other.key
    assert raise_site(one.parts) == raise_site(other.parts) == "OperationalError in db:session > db:ensure > db:connect"
    elsewhere = in_library("admin", "ensure", "connect", route="/a/")
    another = in_library("session", "ensure", "connect", route="/a/", kind="InterfaceError")
    assert len({raise_site(found.parts) for found in (one, elsewhere, another)}) == 3


def test_an_object_of_each_model_is_missing_at_another_place():
    get = Frame(module="django.db.models.query", function="get", filename="/l.py", lineno=1, in_app=False)
    pet, owner = (
        ExceptionInfo(type="DoesNotExist", module="clinic.models", owner=model, frames=(get,))
        for model in ("Pet", "Owner")
    )
    sites = [raise_site(fingerprint(exceptions=(error,), route="/a/").parts) for error in (pet, owner)]
    assert sites[0] == "clinic.models.Pet.DoesNotExist in django.db.models.query:get"
    assert sites[1] != sites[0]


def test_a_raise_site_is_bounded():
    assert len(raise_site(in_library("é" * 900, "è" * 900, "ê" * 900, route="/a/").parts)) == MAX_SITE


def test_what_strikes_from_outside_has_no_raise_site():
    limit = Frame(module="billiard.pool", function="soft_timeout_sighandler", filename="/b.py", lineno=1, in_app=False)
    error = ExceptionInfo(type="SoftTimeLimitExceeded", module="billiard.exceptions", frames=(VIEW, limit))
    assert raise_site(fingerprint(exceptions=(error,), route="task clinic.report").parts) is None
