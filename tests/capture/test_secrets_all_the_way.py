"""Secrets in every position of one request, followed through all that is made of it: none is in any of the bytes."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

import capture
from capture import surroundings
from capture.carrier import Carrier
from capture.event import Event, encode
from capture.store.packing import Packer
from capture.store.payloads import open_event
from capture.store.tables import EvidenceRow, table_of
from capture.testing import NOW
from workbench.bugs import files, queries
from workbench.bugs.evidence_text import evidence_lines
from workbench.cli.edge import run
from workbench.reproducing.writing import from_call, from_request
from workbench.sessions.brief import document
from workbench.tracker import issue_text

TAIL = "Zq17hunter2"  # what each secret ends with, and what no output may have
CARD, AWS = "4111111111111111", "AKIAIOSFODNN7EXAMPLE"
SHAPES = [
    f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{TAIL}",
    f"sk-ant-api03-{TAIL}",
    f"sk_live_{TAIL}",
    f"ghp_0123456789{TAIL}",
    f"github_pat_0123456789{TAIL}",
    f"glpat-0123456789{TAIL}",
    f"xoxb-0123456789-{TAIL}",
    f"AIza0123456789012345678901234567{TAIL}",
    f"npm_0123456789{TAIL}",
    f"whsec_{TAIL}",
    f"postgres://clinic:{TAIL}@db/clinic",
    f"https://me:{TAIL}@example.com/",
    f"Bearer 0123456789{TAIL}",
    CARD,
    AWS,
]
KEYED = ["password", "api_key", "clientSecret", "X-Auth-Token", "db.pwd", "session_id"]
NEEDLES = [TAIL, CARD, AWS, b64encode(TAIL.encode()).decode()]

log = logging.getLogger("clinic.secrets")


class Vet:
    def __init__(self) -> None:
        self.name, self.password = "open-object", TAIL


def told() -> str:
    return f"the password is {TAIL}, connect with {SHAPES[10]} or token={TAIL}"


def order(request: Any, token: str) -> HttpResponse:
    for shape in SHAPES:
        log.warning("open-crumb %s", shape)
    log.warning("%s of %s", told(), {"password": TAIL})
    capture.tag("open-tag", SHAPES[3])
    capture.context("open-context", {"api_key": TAIL, "note": SHAPES[4]})
    body, shapes, vet = request.body, SHAPES, Vet()  # noqa: F841
    password = api_key = TAIL  # noqa: F841
    pairs, nested = [("password", TAIL)], {"open-local": [{"user": {"apiKey": TAIL}}]}  # noqa: F841
    settings = {"secret_key": "Zq17hunter2", "open": "open-source"}  # noqa: F841
    try:
        raise KeyError(told())
    except KeyError as error:
        error.add_note(told())
        raise ValueError(f"open-message {told()}") from error


@sensitive_post_parameters("pin")
@sensitive_variables("plain")
def login(request: Any) -> HttpResponse:
    plain = request.POST["pin"]
    return charge(plain[:3], amount=7)


def charge(species: str, amount: int) -> HttpResponse:
    raise LookupError(f"open-charge {species} {amount}")


urlpatterns = [path("order/<str:token>/", order), path("login/", login)]


def ask() -> None:
    """Send the requests whose every part has secrets."""
    from django.test import Client, override_settings

    page = f"/order/{TAIL}/"
    query = "&".join([f"{key}={TAIL}" for key in KEYED] + [f"open{n}={shape}" for n, shape in enumerate(SHAPES)])
    headers = {key.replace(".", "-").replace("_", "-"): TAIL for key in KEYED} | {
        "Authorization": f"Basic {b64encode(TAIL.encode()).decode()}",
        "Cookie": f"sessionid={TAIL}; theme=dark",
        "X-Forwarded-For": TAIL,
        "Referer": f"http://testserver{page}?{query}#{TAIL}",
        **{f"X-Open-{number}": f"open-header {shape}" for number, shape in enumerate(SHAPES)},
    }
    body = {"open-body": SHAPES, **dict.fromkeys(KEYED, TAIL), "deep": json.dumps({"password": TAIL})}
    with override_settings(ROOT_URLCONF=__name__):
        client = Client(raise_request_exception=False, headers=headers)
        assert client.post(f"{page}?{query}", json.dumps(body), content_type="application/json").status_code == 500
        form = {"pin": TAIL, "password": TAIL, "open-form": SHAPES[0]}
        assert client.post("/login/", form).status_code == 500
        assert client.get(f"/no/{SHAPES[3]}/such?{query}").status_code == 404


@pytest.fixture
def outcome(captured: Any, capture_settings: Any, any_engine: Any) -> Iterator[Any]:
    surroundings.connect(capture_settings)
    ask()
    journal = b"".join(path.read_bytes() for path in capture_settings.journal_dir.glob("*.journal"))
    done = Carrier(capture_settings.journal_dir, any_engine).carry()
    assert (done.stored, len(done.new_bugs)) == (3, 3)
    yield SimpleNamespace(journal=journal, engine=any_engine)
    surroundings.connect(capture_settings)


def rows(engine: Any) -> str:
    """Return all that is in the database as text, with the payloads opened."""
    with engine.connect() as connection:
        tables = table_of(EvidenceRow).metadata.sorted_tables
        found = [dict(row) for table in tables for row in connection.execute(sa.select(table)).mappings()]
    opened = [encode(open_event(row["payload"])) for row in found if "payload" in row]
    return repr([{name: value for name, value in row.items() if name != "payload"} for row in found] + opened)


def event_of(page: Any) -> Event:
    assert page.event is not None
    event: Event = page.event
    return event


def evidence_of(engine: Any, page: Any) -> None:
    """Enter evidence whose runs say what the recorded failure said."""
    said = page.event.surfaced.message if page.event.surfaced else page.row.title
    test = {"id": "test_b001", "outcome": "failed", "exception": "ValueError", "message": said}
    runs = [
        {"name": "new tests on base", "outcome": "failed", "tests": [test], "note": said},
        {"name": "replay", "outcome": "failed", "tests": [], "note": said},
    ]
    made = {"base_commit": "4f2d1c0", "result_commit": "5f2d1c0", "verdict": "partial", "reason": said, "runs": runs}
    with engine.begin() as connection:
        bug = connection.scalar(sa.text("SELECT id FROM bug WHERE number = :number"), {"number": page.row.number})
        row = EvidenceRow(bug_id=bug, started_at=NOW, ended_at=NOW, **made)
        connection.execute(sa.insert(table_of(EvidenceRow)), row.model_dump(exclude={"id"}))


def test_no_secret_is_in_anything_that_is_made_of_a_request(outcome, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = {"journal": outcome.journal.decode(), "rows": rows(outcome.engine)}
    for name in tmp_path.glob("workbench.db*"):
        made[name.name] = name.read_bytes().decode("latin-1")
    Packer(outcome.engine).round(seconds=60)
    made["packed rows"] = rows(outcome.engine)
    url = outcome.engine.url.render_as_string(hide_password=False)
    for number in (1, 2, 3):
        evidence_of(outcome.engine, queries.bug_page(outcome.engine, number, now=NOW))
        page = queries.bug_page(outcome.engine, number, now=NOW)
        made[f"bug file {number}"] = files.render(page)
        made[f"issue {number}"] = issue_text.title(page) + issue_text.body(page, "-") + issue_text.standing(page, "-")
        made[f"brief {number}"] = json.dumps(document(number, page.event, title=page.row.title))
        made[f"evidence {number}"] = "\n".join(evidence_lines(page.evidence)) if page.evidence else ""
        made[f"test {number}"] = from_request(number, event_of(page)).text
        assert run(["--db", url, "bugs", "show", f"B-{number:03d}", "--json"]) == 0
        made[f"shown {number}"] = capsys.readouterr().out
    call = "def charge(species, amount):\n    raise LookupError\n"
    made["call"] = from_call(2, event_of(queries.bug_page(outcome.engine, 2, now=NOW)), call).text

    leaked = {place: needle for place, text in made.items() for needle in NEEDLES if needle in text}
    assert leaked == {}
    # Each position was there, and only its secret is gone.
    positions = ("message", "crumb", "tag", "context", "object", "local", "source", "header", "body", "form", "charge")
    for place in ("journal", "rows", "packed rows"):
        assert [name for name in positions if f"open-{name}" not in made[place]] == [], place
        assert made[place].count("[redacted]") > 138, place
    assert [place for place, text in made.items() if place.startswith("shown") and "[redacted]" not in text] == []
