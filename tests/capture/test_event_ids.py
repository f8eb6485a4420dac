"""Ids of events sort by time and never meet, in whatever process they are made."""

from __future__ import annotations

import os
import random
import time

from capture import event
from capture.event import new_event_id


def ids_of_a_child(number: int) -> list[str]:
    """Return ids that a forked child made."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, " ".join(new_event_id() for _ in range(number)).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as told:
        return told.read().split()


def test_an_id_says_when_it_was_made_and_is_made_once():
    before = time.time_ns() // 1_000_000
    made = [new_event_id() for _ in range(5_000)]
    assert {len(id_) for id_ in made} == {32}
    assert before <= int(made[0][:12], 16) <= int(made[-1][:12], 16) <= time.time_ns() // 1_000_000
    assert len(set(made)) == len(made)


def test_a_forked_child_makes_ids_of_its_own():
    ours_and_theirs = ids_of_a_child(50) + ids_of_a_child(50) + [new_event_id() for _ in range(50)]
    assert len({id_[12:] for id_ in ours_and_theirs}) == 150


def test_a_child_of_a_fork_without_hooks_makes_ids_of_its_own(monkeypatch):
    """The parent and two children that count on from one state: only the process tells them apart."""
    made = []
    for process in (101, 102, 103):
        monkeypatch.setattr(event, "_random", random.Random(7))  # noqa: S311
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        made += [new_event_id()[12:] for _ in range(50)]
    assert len(set(made)) == 150
