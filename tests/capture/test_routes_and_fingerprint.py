"""One fault, one bug: what makes two events the same, and what does not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.event import ExceptionInfo, Frame, TemplateFrame
from capture.fingerprint import fingerprint
from capture.parameterise import parameterised
from capture.routes import from_match, path_class, shape


def frame(function="price_of", line="return PRICES[species]", module="clinic.pricing", **changes):
    return Frame(
        **{"module": module, "function": function, "filename": "/srv/a.py", "lineno": 3, "context_line": line} | changes
    )


def error(*frames, kind="KeyError", message="'rabbit'", link=None):
    return ExceptionInfo(type=kind, module="builtins", message=message, frames=frames, link=link)


def key(*exceptions, **changes):
    return fingerprint(exceptions=exceptions, **changes).key


@pytest.mark.parametrize(
    ("route", "shown"),
    [
        ("api/pets/<int:pk>/", "/api/pets/<int:pk>/"),
        ("", "/"),
        ("/api/", "/api/"),
        (r"^pets/(?P<pk>[0-9]+)/$", "/pets/<pk>/"),
        (r"api/^owners/(?P<slug>[\w-]{1,20})/(?:list/)?$", "/api/owners/<slug>/"),
        (r"^a/(\d+)/(?P<b>(x|y)\))/\Z", "/a/<value>/<b>/"),
    ],
)
def test_routes_are_readable(route, shown):
    assert from_match(SimpleNamespace(route=route)) == shown


def test_without_a_match_there_is_no_route():
    assert from_match(None) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/pets/17/", "/api/pets/<int>/"),
        ("/u/123e4567-e89b-12d3-a456-426614174000", "/u/<uuid>"),
        ("/c/4f2d1c0aa/", "/c/<hex>/"),
        ("/s/a1b2c3d4e5f6g7h8i9/", "/s/<id>/"),
        ("/about/", "/about/"),
    ],
)
def test_shapes(path, expected):
    assert shape(path) == expected


@pytest.mark.parametrize(
    "path", ["/wp-login.php", "/.env", "/.git/config", "/phpmyadmin/", "/a/../etc/passwd", "/x.sql"]
)
def test_probes_are_one_class(path):
    assert path_class(path)[0] == "probe"


def test_other_classes():
    assert path_class("/favicon.ico")[0] == "browser file favicon.ico"
    assert path_class("/.well-known/x")[0] == "browser file .well-known"
    assert path_class("/static/app.js")[0] == "asset"
    assert path_class("/old/1/")[0] == "unknown path"
    assert path_class("/old/1/", referer="http://site/")[0] == "broken link"


def test_a_scanner_makes_a_handful_of_bugs():
    paths = [
        f"/{word}{number}{ending}"
        for number in range(700)
        for word in ("a", "b/c")
        for ending in ("", "/", ".php", ".js")
    ]
    assert len({fingerprint(status=404, method="GET", path=path).key for path in paths}) <= 4


def test_browser_files_are_one_bug_for_each_kind():
    paths = [f"/favicon-{n}.ico" for n in range(20)] + [f"/apple-touch-icon-{n}x{n}.png" for n in range(20)]
    paths += [f"/{n}-manifest.json" for n in range(20)] + [f"/.well-known/{n}" for n in range(20)]
    assert len({fingerprint(status=404, method="GET", path=path).key for path in paths}) == 4


def test_words_that_a_client_makes_up_make_no_bugs():
    made_up = {fingerprint(status=405, method=f"WORD{n}", route="/a/").key for n in range(20)}
    assert len(made_up) == 1
    assert fingerprint(status=405, method="PUT", route="/a/").key not in made_up
    origins = [f"Origin checking failed - {'x' * n} does not match any trusted origins." for n in range(1, 400)]
    origins += [origin[:300] for origin in origins]
    assert len({fingerprint(status=403, method="POST", route="/a/", reason=reason).key for reason in origins}) == 1
    reasons = [
        "Referer checking failed - no Referer.",
        "Referer checking failed - Referer is malformed.",
        "Referer checking failed - https://x does not match any trusted origins.",
    ]
    assert len({fingerprint(status=403, method="POST", route="/a/", reason=reason).key for reason in reasons}) == 3


def test_ids_in_the_path_make_no_difference():
    first = fingerprint(status=404, method="GET", path="/api/pets/1/", route="/api/pets/<int:pk>/")
    second = fingerprint(status=404, method="GET", path="/api/pets/999/", route="/api/pets/<int:pk>/")
    assert first == second


def test_a_missing_object_is_known_by_its_route_however_it_is_raised():
    plain = key(status=404, method="GET", route="/a/")
    assert key(error(frame(), kind="Http404", message="no 1"), status=404, method="GET", route="/a/") == plain


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 410},
        {"method": "POST"},
        {"route": "/b/"},
        {"route": None, "path": "/a/"},
        {"reason": "CSRF cookie not set."},
    ],
)
def test_what_tells_refusals_apart(changes):
    same = {"status": 404, "method": "GET", "route": "/a/", "path": "/a/1/"}
    assert fingerprint(**same).key != fingerprint(**(same | changes)).key


def test_the_reason_of_a_refusal_counts_without_what_varies():
    first = fingerprint(
        status=403, method="POST", route="/a/", reason="Origin checking failed - https://a.example does not match."
    )
    second = fingerprint(
        status=403, method="POST", route="/a/", reason="Origin checking failed - https://b.example does not match."
    )
    assert first.key == second.key


def test_a_refusing_exception_tells_refusals_apart():
    denied = key(error(kind="PermissionDenied"), status=403, method="GET", route="/a/")
    assert denied != key(status=403, method="GET", route="/a/")


def test_deploys_and_edits_elsewhere_make_no_difference():
    assert key(error(frame())) == key(error(frame(lineno=99, filename="/other/release/a.py")))
    assert key(error(frame(line="  return  PRICES[species]"))) == key(error(frame()))


def test_message_status_route_and_libraries_make_no_difference_to_a_fault():
    plain = key(error(frame()))
    assert key(error(frame(), message="'cat'")) == plain
    assert key(error(frame()), status=500, method="POST", route="/b/") == plain
    library = frame(module="django.core", function="inner", line="x", in_app=False)
    assert key(error(library, frame(), library)) == plain


@pytest.mark.parametrize(
    "other",
    [
        error(frame(), kind="ValueError"),
        error(frame(function="cost_of")),
        error(frame(line="return COSTS[species]")),
        error(frame(module="clinic.costs")),
        error(frame(function="view"), frame()),
    ],
)
def test_what_tells_faults_apart(other):
    assert key(error(frame())) != key(other)


def test_the_depth_of_a_recursion_makes_no_difference():
    step, bottom = frame(function="walk"), frame(function="leaf")
    assert key(error(step, step, bottom)) == key(error(*[step] * 30, bottom))


def test_an_explicit_cause_counts_and_a_context_does_not():
    outer = error(frame(function="serve"), kind="ServiceError")
    assert key(error(frame(), link="cause"), outer) != key(error(frame(), kind="OSError", link="cause"), outer)
    assert key(error(frame(), link="context"), outer) == key(outer)


def test_a_template_counts():
    template = TemplateFrame(name="pet.html", lineno=3, context_line="<p>{{ pet.weight }}</p>")
    moved = TemplateFrame(name="pet.html", lineno=9, context_line="  <p>{{ pet.weight }}</p>")
    assert key(error(), template=template) == key(error(), template=moved) != key(error())


def test_the_message_counts_where_no_line_of_the_application_is_involved():
    assert key(error(message="pet 17 of 3 is gone")) == key(error(message="pet 9 of 44 is gone"))
    assert key(error(message="pet is gone")) != key(error(message="owner is gone"))


def test_messages_alone():
    assert fingerprint(message="stock is low: 3 left").key == fingerprint(message="stock is low: 12 left").key


def test_a_fingerprint_explains_itself():
    found = fingerprint(exceptions=(error(frame(function="view"), frame()),))
    assert [(part.name, part.value) for part in found.parts] == [
        ("exception", "KeyError"),
        ("frame", "clinic.pricing:view: return PRICES[species]"),
        ("raised at", "clinic.pricing:price_of: return PRICES[species]"),
    ]
    assert all(part.why for part in found.parts)
    assert found.version == "2"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("pet 17", "pet <int>"),
        ("see https://a.example/b?c", "see <url>"),
        ("mail ada@example.com", "mail <email>"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id <uuid>"),
        ("at 2026-11-22T18:00:00Z", "at <date>"),
        ("from 10.0.0.1", "from <ip>"),
        ("object at 0x7fb9d6dc5d00", "object at <hex>"),
        ("commit 4f2d1c0aab", "commit <hex>"),
        ("first\n\nsecond\nthird", "first second"),
        ("no numbers", "no numbers"),
    ],
)
def test_what_varies_in_a_message(message, expected):
    assert parameterised(message) == expected


@given(st.text(max_size=400), st.text(max_size=200), st.integers(400, 599))
def test_any_request_has_a_fingerprint(path, reason, status):
    found = fingerprint(status=status, method="GET", path=path, reason=reason)
    assert len(found.key) == 16
    assert found == fingerprint(status=status, method="GET", path=path, reason=reason)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_numbers_in_unresolved_paths_never_split(first, second):
    assert shape(f"/pets/{first}/") == shape(f"/pets/{second}/")
    assert key(status=404, path=f"/p/{first}", referer="x") == key(status=404, path=f"/p/{second}", referer="x")
