"""A morning at the clinic: what is sent, what comes back, and what capture makes of it."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workbench.bugs import queries
from workbench.bugs.rows import BugPage
from workbench.bugs.store import open_store
from workbench.demo import traffic
from workbench.demo.landing import land
from workbench.demo.serving import serve
from workbench.demo.site import Site, manage, site_environment
from workbench.errors import OutsideError
from workbench.sessions import scenario


def utc_now() -> datetime:
    return datetime.now(UTC)


def test_a_morning_becomes_seven_bugs_and_their_files(site: Site) -> None:
    engine = open_store(site.config)
    with serve(site) as served:
        answers = list(traffic.send(served.url))
        landed = land(site, engine, seen=traffic.failures(), environ={}, now=utc_now)

    assert [answer for answer in answers if not answer.as_expected] == []
    assert landed.ledger.balanced
    assert landed.ledger.seen == landed.ledger.stored == traffic.failures() == 9
    assert {(bug.status_code, bug.exception_type, bug.route, bug.count) for bug in landed.bugs} == {
        (404, "Http404", "/api/pets/<int:pk>/", 2),
        (403, None, "/owners/new/", 1),
        (405, None, "/api/visits/", 1),
        (422, None, "/api/visits/", 1),
        (500, "KeyError", "/api/visits/<int:pk>/invoice/", 2),
        (500, "AttributeError", "/api/pets/<int:pk>/checkup/", 1),
        (500, "TypeError", "/pets/<int:pk>/", 1),
    }
    assert [path.name for path in landed.files] == [f"B-00{number}.md" for number in range(1, 8)]
    assert {done.kind for done in landed.done} == {"write_file"}
    pages = [queries.bug_page(engine, bug.number, now=utc_now()) for bug in landed.bugs]
    engine.dispose()
    _assert_faults_are_rehearsed(pages)


def _assert_faults_are_rehearsed(pages: list[BugPage]) -> None:
    """Each fault in the code has a script of its own, and the faults are what they are said to be."""
    happy = scenario.load("happy")
    events = {page.row.exception_type: page.event for page in pages if page.event is not None}
    scripts = {kind: happy.script_for(event) for kind, event in events.items()}
    assert {kind for kind, script in scripts.items() if script} == {"KeyError", "AttributeError", "TypeError"}
    deep = events["KeyError"].surfaced
    assert deep is not None
    assert [frame.function for frame in deep.frames if frame.in_app][-5:] == [
        "visit_invoice",
        "invoice",
        "line_items",
        "handling",
        "handling_fee",
    ]
    template = events["TypeError"].template
    assert template is not None
    assert template.name.endswith("pets/pet.html")
    assert "kilograms" in template.context_line


def test_two_missing_pets_are_one_bug_under_an_asgi_server_too(site: Site, tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "clinic.asgi:application", "--fd", str(listener.fileno())]
    with (tmp_path / "uvicorn.log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=site.folder,
            env=site_environment(),
            stdout=log,
            stderr=log,
            pass_fds=(listener.fileno(),),
        )
    listener.close()
    engine = open_store(site.config)
    try:
        for path in ("/api/pets/1/", "/api/pets/999/"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", path)
            assert connection.getresponse().status == 404
            connection.close()
        landed = land(site, engine, seen=2, environ={}, now=utc_now)
    finally:
        server.terminate()
        server.wait(30)
    (bug,) = landed.bugs
    page = queries.bug_page(engine, bug.number, now=utc_now())
    engine.dispose()

    assert (bug.status_code, bug.count, len(page.occurrences)) == (404, 2, 2)
    assert {occurrence.path for occurrence in page.occurrences} == {"/api/pets/1/", "/api/pets/999/"}


def test_what_a_dead_site_left_behind_is_carried_over_all_the_same(site: Site) -> None:
    engine = open_store(site.config)
    script = (
        "from django.test import Client; from capture import recorder;"
        "Client(raise_request_exception=False).get('/pets/106/', headers={'host': 'localhost'});"
        "import os; os._exit(0)"
    )
    manage(site.folder, "shell", "-v0", "-c", script)

    landed = land(site, engine, seen=1, environ={}, now=utc_now, wait_seconds=0)
    engine.dispose()

    assert [bug.exception_type for bug in landed.bugs] == ["TypeError"]


def test_failures_that_never_arrive_are_told(site: Site) -> None:
    engine = open_store(site.config)
    before = time.monotonic()

    with pytest.raises(OutsideError, match="met 1 failures, and the store knows 0") as raised:
        land(site, engine, seen=1, environ={}, now=utc_now, wait_seconds=0.2)

    engine.dispose()
    assert "capture_status" in raised.value.cure
    assert time.monotonic() - before < 60
