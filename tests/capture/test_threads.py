"""What ends a thread or is never asked of an asyncio task is an event."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from dataclasses import replace

import pytest

from capture import surroundings, threads


@pytest.fixture
def hook(captured, monkeypatch):
    """Our hook in front of a silent one, and the list of what that one was told."""
    told = []
    monkeypatch.setattr(threading, "excepthook", threads._capturing(told.append))
    return told


def run(target, name="prices-1"):
    thread = threading.Thread(target=target, name=name)
    thread.start()
    thread.join()


def fails():
    raise KeyError("rabbit")


def test_what_ends_a_thread_is_one_event_and_the_hook_before_runs(hook, captured):
    run(fails)
    [event] = captured()
    assert (event.surfaced.type, event.job.kind, event.job.name, event.request) == (
        "KeyError",
        "thread",
        "prices-1",
        None,
    )
    assert [args.exc_type for args in hook] == [KeyError]


def test_logged_and_then_ended_by_it_is_one(hook, captured, capture_settings):
    def logs():
        try:
            fails()
        except KeyError:
            logging.getLogger("clinic").exception("no price")
            raise

    surroundings.connect(replace(capture_settings, logs=True))
    try:
        run(logs)
    finally:
        surroundings.connect(capture_settings)
    assert len(captured()) == 1


def test_a_thread_may_end_itself(hook, captured):
    def ends():
        raise SystemExit

    run(ends)
    assert captured() == []


def test_one_setting_switches_it_off(hook, captured, capture_settings):
    surroundings.connect(replace(capture_settings, threads=False))
    try:
        run(fails)
    finally:
        surroundings.connect(capture_settings)
    assert captured() == []
    assert len(hook) == 1


def test_an_asyncio_task_whose_exception_nobody_took_is_one_event(captured, capture_settings):
    async def forgets():
        async def fails_later():
            raise KeyError("rabbit")

        task = asyncio.create_task(fails_later())
        await asyncio.sleep(0.01)
        del task
        gc.collect()

    surroundings.connect(capture_settings)
    asyncio.run(forgets())
    [event] = captured()
    assert event.surfaced.type == "KeyError"
    assert "never retrieved" in event.message
