"""Where a template failed, however it failed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from capture.chains import chain_of
from capture.fingerprint import fingerprint
from capture.templates import template_frame


@pytest.fixture(params=[True, False], ids=["debug", "production"])
def engine(request, django_site, tmp_path):
    from django.template import Engine

    (tmp_path / "base.html").write_text("<title>\n{% block title %}{% endblock %}\n</title>")
    (tmp_path / "child.html").write_text('{% extends "base.html" %}\n{% block title %}\n{{ pet.weight }}{% endblock %}')
    (tmp_path / "outer.html").write_text('one\n{% include "inner.html" %}')
    (tmp_path / "inner.html").write_text("one\ntwo\n{{ pet.weight }}")
    (tmp_path / "syntax.html").write_text("one\n{% nonsense %}")
    return Engine(dirs=[str(tmp_path)], debug=request.param)


class Pet:
    def weight(self):
        raise TypeError("no weight")


@pytest.mark.parametrize(
    ("name", "failed_in", "lineno"),
    [("child.html", "child.html", 3), ("outer.html", "inner.html", 3), ("syntax.html", "syntax.html", 2)],
)
def test_the_innermost_place_is_found(engine, name, failed_in, lineno):
    from django.template import Context, TemplateSyntaxError

    with pytest.raises((TypeError, TemplateSyntaxError)) as raised:
        engine.get_template(name).render(Context({"pet": Pet()}))
    found = template_frame(chain_of(raised.value))
    assert found is not None
    assert found.name.endswith(failed_in)
    assert found.lineno == lineno
    assert found.context_line


@pytest.mark.parametrize(("name", "last"), [("child.html", "raised at"), ("syntax.html", "frame")])
def test_a_template_that_fails_by_itself_is_told_from_code_that_it_called(engine, name, last):
    from django.template import Context, TemplateSyntaxError

    with pytest.raises((TypeError, TemplateSyntaxError)) as raised:
        engine.get_template(name).render(Context({"pet": Pet()}))
    chain = chain_of(raised.value)
    parts = fingerprint(exceptions=[each.info for each in chain], template=template_frame(chain)).parts
    assert [part.name for part in parts][-2:] == [last, "template"]


def test_without_a_template_there_is_no_frame():
    with pytest.raises(KeyError) as raised:
        {}["x"]
    assert template_frame(chain_of(raised.value)) is None


def test_odd_annotations_are_no_frame():
    error = ValueError()
    error.template_debug = {"line": "x"}
    assert template_frame(chain_of(error)) is None
    node = SimpleNamespace(calls=[], error=ValueError())
    assert template_frame([node]) is None
