"""From a failure to the journal: caps, bounds, reports by hand, and nothing of ours in the site's way."""

from __future__ import annotations

import logging
import os
import pickle
from dataclasses import replace

import pytest

import capture
from capture import pipeline as pipelines
from capture import scope
from capture.builder import Failure
from capture.journal_file import folder_bytes
from capture.pipeline import Pipeline


@pytest.fixture
def client(captured):
    from django.test import Client

    return Client(raise_request_exception=False)


@pytest.fixture
def install():
    before = pipelines.install(None)
    made = []

    def put(pipeline):
        made.append(pipeline)
        pipelines.install(pipeline)
        return pipeline

    yield put
    for pipeline in made:
        pipeline.close()
    pipelines.install(before)


@pytest.fixture
def with_settings(capture_settings, install):
    return lambda **changes: install(Pipeline(replace(capture_settings, **changes)))


def test_past_the_cap_events_are_only_counted(django_site, with_settings, read_records, monkeypatch):
    pipeline = with_settings(payloads_per_hour=2)
    ids = [pipeline.capture(Failure(message="again")) for _ in range(4)]
    pipeline.capture(Failure(message="something else"))
    records = read_records(pipeline.settings.journal_dir)
    assert [bool(record.event) for record in records] == [True, True, False, False, True]
    assert ids[0]
    assert ids[2:] == [None, None]
    assert records[2].count.key == records[0].event.fingerprint.key
    monkeypatch.setattr("capture.pipeline.time.time", lambda: 4_000_000_000.0)
    assert pipeline.capture(Failure(message="again")), "a new hour begins"


def test_remembered_fingerprints_are_bounded(django_site, with_settings, monkeypatch):
    monkeypatch.setattr(pipelines, "MAX_FINGERPRINTS", 2)
    pipeline = with_settings()
    for word in ("one", "two", "three"):
        pipeline.capture(Failure(message=word))
    assert len(pipeline._kept) == 1


def test_an_event_that_is_too_large_is_made_lean(client, captured, with_settings, read_records):
    pipeline = with_settings(event_max_bytes=4_096)
    client.get("/fault/", headers={f"x-{n}": "v" * 500 for n in range(50)})
    [record] = read_records(pipeline.settings.journal_dir)
    assert record.event.request.headers == {}
    assert record.event.surfaced.frames[-1].locals is None
    assert record.event.surfaced.frames[-1].context_line


def test_an_event_that_is_too_large_even_so_is_dropped(client, captured, with_settings, read_records):
    pipeline = with_settings(event_max_bytes=100)
    client.get("/fault/")
    pipeline.close()
    (record,) = read_records(pipeline.settings.journal_dir)
    assert (record.event, record.count, record.drops) == (None, None, {"too_large": 1})


def test_our_own_failures_are_swallowed_counted_and_said_once(
    django_site, with_settings, read_records, caplog, monkeypatch
):
    pipeline = with_settings()

    def fail(*_arguments, **_keywords):
        raise RuntimeError("ours")

    with monkeypatch.context() as patch:
        patch.setattr(pipelines, "Draft", fail)
        assert pipeline.capture(Failure(message="a")) is None
        assert pipeline.capture(Failure(message="b")) is None
    pipeline.capture(Failure(message="c"))
    assert read_records(pipeline.settings.journal_dir)[0].drops == {"internal_error": 2}
    assert [record.name for record in caplog.records] == ["capture"]


def test_a_logging_handler_that_raises_does_not_reach_the_site(django_site, with_settings, install, monkeypatch):
    from django.test import override_settings

    class Hostile(logging.Handler):
        def handle(self, record):
            raise RuntimeError("the site's own handler")

    def fail(*_arguments, **_keywords):
        raise RuntimeError("ours")

    pipeline, handler = with_settings(), Hostile()
    pipelines.logger.addHandler(handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(pipelines, "Draft", fail)
            assert pipeline.capture(Failure(message="a")) is None
        pipelines.install(None)
        with override_settings(CAPTURE={"NO": 1}):
            assert pipelines.pipeline() is None
    finally:
        pipelines.logger.removeHandler(handler)


def test_switched_off(django_site, with_settings):
    pipeline = with_settings(enabled=False)
    assert pipeline.capture(Failure(message="a")) is None
    assert folder_bytes(pipeline.settings.journal_dir) == 0


def test_the_pipeline_is_made_at_the_first_failure(django_site, install, tmp_path):
    from django.test import override_settings

    with override_settings(CAPTURE={"JOURNAL_DIR": str(tmp_path / "j"), "BACKGROUND": False}):
        assert capture.capture_message("hello")
        made = pipelines.pipeline()
    assert made is pipelines.pipeline()
    assert made.settings.journal_dir == tmp_path / "j"
    install(made)


def test_a_setting_that_cannot_work_is_said_once_and_the_site_goes_on(django_site, install, caplog):
    from django.test import Client, override_settings

    with override_settings(CAPTURE={"NO": 1}):
        assert capture.capture_message("hello") is None
        assert Client(raise_request_exception=False).get("/fault/").status_code == 500
    assert [record.name for record in caplog.records].count("capture") == 1


def test_reports_by_hand(client, captured):
    assert client.get("/by_hand/").status_code == 200
    assert client.get("/says/").status_code == 200
    error, message = captured()
    assert (error.kind, error.status, error.surfaced.type) == ("exception", None, "KeyError")
    assert error.tags == {"shop": "north"}
    assert error.request.route == "/by_hand/"
    assert (message.kind, message.title, message.tags) == ("message", "stock is low: 3 left", {})


def test_a_report_by_hand_and_the_500_it_became_are_one(client, captured):
    client.get("/by_hand_then_fault/")
    assert len(captured()) == 1


def test_the_same_exception_by_hand_twice_is_one(captured):
    from django.test import RequestFactory

    for of_a_request in (scope.Scope(), scope.Scope(request=RequestFactory().get("/"))):
        of_a_request.holds = of_a_request.request is not None
        token = scope.current.set(of_a_request)
        try:
            error = KeyError("x")
            assert capture.capture_exception(error)
            assert capture.capture_exception(error) is None
        finally:
            scope.current.reset(token)
    assert len(captured()) == 2


def of_a_new_request():
    found = scope.Scope()
    found.holds = True
    return found


def test_what_was_told_outside_stands_for_one_request_also_out_of_a_cache():
    """A cache pickles what it keeps: raised again, it is a failure of the request that it fails then."""
    error = KeyError("x")
    scope.mark(error)
    assert of_a_new_request().was_told(error)
    assert not of_a_new_request().was_told(error)
    assert not of_a_new_request().was_told(pickle.loads(pickle.dumps(error)))  # noqa: S301 (ours)


def test_attributes_of_a_kind_of_their_own_break_nobody():
    class Attributes(dict):
        def get(self, *_):
            raise RuntimeError

    error = KeyError("x")
    error.__dict__ = Attributes()
    assert not of_a_new_request().was_told(error)


def test_outside_of_a_request(captured):
    assert capture.capture_exception() is None
    token = scope.current.set(None)
    try:
        try:
            raise LookupError("alone")
        except LookupError:
            assert capture.capture_exception()
        capture.tag("job", "nightly")
        capture.tag("password", "hunter2")
        for number in range(100):
            capture.tag(f"n{number}", number)
        assert capture.capture_message("done")
        assert capture.capture_exception(ValueError("x"))
    finally:
        scope.current.reset(token)
    plain, message, error = captured()
    assert (plain.request, plain.tags) == (None, {})
    assert message.tags["job"] == error.tags["job"] == "nightly"
    assert message.tags["password"] == "[redacted]"
    assert len(message.tags) == 50


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError):
        _ = capture.nothing


def test_a_record_that_breaks_the_observer_breaks_nobody(django_site, captured):
    from capture.observers import NotingHandler

    class Hostile:
        META = ()

        def __setattr__(self, name, value):
            raise RuntimeError

    record = logging.makeLogRecord({"request": Hostile(), "name": "django.request"})
    assert NotingHandler().handle(record)
    assert NotingHandler().handle(logging.makeLogRecord({"request": object()}))
    assert NotingHandler().handle(logging.makeLogRecord({}))


def test_after_a_fork_nothing_of_the_parents_is_used(django_site, capture_settings, install):
    pipeline = install(Pipeline(replace(capture_settings, background=True)))
    assert pipeline.recorder is not None
    pipeline.recorder.wake = lambda: None
    pipeline.capture(Failure(message="before"))
    before, lock = pipeline.journal.path, pipelines._lock
    pipelines._after_fork()
    assert pipelines._lock is not lock
    assert pipeline.journal.path is None
    assert pipeline.capture(Failure(message="after"))
    assert pipeline.journal.path != before
    pipelines.close()
    assert pipeline.journal.path is None
    pipelines.install(None)
    pipelines._after_fork()
    pipelines.close()


def test_a_forked_child_captures_into_a_journal_of_its_own(django_site, with_settings, read_records):
    pipeline = with_settings()
    pipeline.capture(Failure(message="parent"))
    pid = os.fork()
    if pid == 0:
        pipeline.capture(Failure(message="child"))
        os._exit(0)
    os.waitpid(pid, 0)
    pipeline.capture(Failure(message="parent"))
    records = read_records(pipeline.settings.journal_dir)
    assert sorted(record.event.message for record in records) == ["child", "parent", "parent"]
    assert len({record.event.process for record in records}) == 2


def test_a_site_can_test_what_it_captures(client, captured, monkeypatch):
    from capture.testing import capturing

    monkeypatch.setenv("CAPTURE_DISABLED", "1")
    with capturing() as mine:
        client.get("/fault/")
        assert [event.status for event in mine()] == [500]
        client.get("/returns/409/")
    client.get("/fault/")
    assert [event.status for event in mine()] == [500, 409]
    assert len(captured()) == 1, "only what came after the block"
