"""The places at which frameworks answer exceptions are looked at, once, and can be left as they were."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from capture import arrival, hooks, scope


@pytest.fixture
def framework(django_site: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A framework that nobody has imported, with one place that is hooked."""
    (tmp_path / "small_framework.py").write_text(
        "class View:\n    def answer(self, request, error):\n        return self.answered\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    hooks.remove()
    hook = hooks.Hook("small_framework", "View", "answer", lambda view, request, error: (request, error))
    monkeypatch.setattr(hooks, "HOOKS", (hook,))
    yield "small_framework"
    hooks.remove()
    sys.modules.pop("small_framework", None)
    monkeypatch.undo()
    hooks.install()


def view_of(module: Any, status: int) -> Any:
    view = module.View()
    view.answered = SimpleNamespace(status_code=status)
    return view


def test_a_framework_is_hooked_when_somebody_imports_it(framework):
    hooks.install()
    assert framework not in sys.modules, "nobody imported it for us"
    module = importlib.import_module(framework)
    request, error = SimpleNamespace(), KeyError("rabbit")
    view = view_of(module, 409)
    assert view.answer(request, error) is view.answered
    assert scope.of_or_new(request).error is error
    assert module.__spec__.loader.get_source(framework), "the loader is the one that found it"


def test_a_framework_that_is_there_already_is_hooked_at_once_and_only_once(framework):
    module = importlib.import_module(framework)
    original = module.View.answer
    hooks.install()
    hooked = module.View.answer
    hooks.install()
    assert hooked is module.View.answer is not original
    hooks.remove()
    assert module.View.answer is original


def test_what_is_answered_with_a_success_is_forgotten(framework):
    hooks.install()
    module, request = importlib.import_module(framework), SimpleNamespace()
    view_of(module, 200).answer(request, KeyError("rabbit"))
    assert scope.of_or_new(request).error is None


def test_a_request_that_cannot_be_noted_is_answered_all_the_same(framework):
    hooks.install()
    view = view_of(importlib.import_module(framework), 500)
    assert view.answer(object(), KeyError("rabbit")) is view.answered


def test_a_wrapper_that_somebody_else_wrapped_is_left(framework):
    hooks.install()
    module = importlib.import_module(framework)
    theirs = module.View.answer = lambda *arguments: None
    hooks.remove()
    assert module.View.answer is theirs


def test_a_framework_without_the_place_is_left_as_it_is(framework, tmp_path):
    (tmp_path / f"{framework}.py").write_text("class Other: pass\n")
    hooks.install()
    assert not hasattr(importlib.import_module(framework), "View")


def test_an_import_that_breaks_off_may_be_tried_again(framework, tmp_path):
    whole = (tmp_path / f"{framework}.py").read_text()
    (tmp_path / f"{framework}.py").write_text("raise ImportError('half of it')")
    hooks.install()
    with pytest.raises(ImportError, match="half"):
        importlib.import_module(framework)
    (tmp_path / f"{framework}.py").write_text(whole + "\n# again\n")
    importlib.invalidate_caches()
    module, request = importlib.import_module(framework), SimpleNamespace()
    view_of(module, 400).answer(request, error := KeyError("rabbit"))
    assert scope.of_or_new(request).error is error


def test_a_module_that_is_not_installed_is_waited_for_without_harm():
    arrival.when_imported("no_such_module_anywhere", lambda module: None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_module_anywhere")
    arrival.forget("no_such_module_anywhere")
    arrival.when_imported("frozen_away", lambda module: None)
    arrival.forget("frozen_away")
    assert not any(type(finder).__name__ == "_Watch" for finder in sys.meta_path) or arrival._watch.acts


def test_without_hooks_what_django_tells_is_still_captured(captured):
    """Views' exceptions by `process_exception`, faults by signal, refusals by the log."""
    from django.test import Client

    client = Client(raise_request_exception=False)
    client.get("/")  # the handler is made, and connects
    hooks.remove()
    try:
        for path in ("/fault/", "/api/pets/7/", "/forbidden/"):
            client.get(path)
    finally:
        hooks.install()
    assert [event.surfaced.type for event in captured()] == ["KeyError", "Http404", "PermissionDenied"]
