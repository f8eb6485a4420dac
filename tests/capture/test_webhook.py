"""GitHub's webhooks: believed when signed, noted once, and never more than noted."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from django.test import RequestFactory
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture import conf, webhook
from capture.errors import ConfigurationError
from capture.store.tables import Delivery

SECRET = "a long enough secret"
BODY = {"action": "closed", "repository": {"full_name": "bot/clinic"}, "issue": {"number": 7}}


@pytest.fixture
def send(django_site: None, any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    url = any_engine.url.render_as_string(hide_password=False)
    monkeypatch.setattr(conf, "load", lambda: type("Settings", (), {"database_url": url})())
    view = webhook.github_webhook(SECRET)

    def sent(body: Any = BODY, *, signed: str | None = None, delivery: str = "d-1", event: str = "issues") -> int:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signature = f"sha256={hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()}"
        headers = {
            "X-Hub-Signature-256": signature if signed is None else signed,
            "X-GitHub-Delivery": delivery,
            "X-GitHub-Event": event,
        }
        request = RequestFactory().post("/", raw, content_type="application/json", headers=headers)
        return view(request).status_code

    return sent


def rows(engine: Engine) -> list[tuple[Any, ...]]:
    with Session(engine) as session:
        return [(row.id, row.repository, row.action, row.number, row.done_at) for row in session.exec(select(Delivery))]


def test_a_signed_delivery_is_noted_once(send: Any, any_engine: Engine) -> None:
    assert [send(), send()] == [202, 202]
    assert rows(any_engine) == [("d-1", "bot/clinic", "closed", 7, None)]


@pytest.mark.parametrize("signed", ["", "sha256=", "sha256=" + "0" * 64, "ü", "sha1=x"])
def test_an_unsigned_delivery_is_refused(send: Any, any_engine: Engine, signed: str) -> None:
    assert send(signed=signed) == 403
    assert rows(any_engine) == []


def test_what_is_too_large_is_not_read(send: Any, any_engine: Engine) -> None:
    assert send(b" " * (webhook.MOST_BYTES + 1)) == 413
    assert rows(any_engine) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"[" * 20_000, {}, {"repository": {"full_name": 7}}, {"repository": None}, {"repository": "x"}],
)
def test_what_is_no_delivery_is_refused(send: Any, any_engine: Engine, body: Any) -> None:
    assert send(body) == 400
    assert send(delivery="x" * 65) == 400
    assert rows(any_engine) == []


def test_other_events_are_taken_and_not_noted(send: Any, any_engine: Engine) -> None:
    assert send(event="ping") == 202
    assert rows(any_engine) == []


def test_numbers_that_are_none_and_text_that_cannot_be_stored_do_no_harm(send: Any, any_engine: Engine) -> None:
    assert send({**BODY, "issue": {"number": 2**40}, "action": "a\0b"}) == 202
    assert rows(any_engine) == [("d-1", "bot/clinic", "a\ufffdb", None, None)]


def test_a_database_that_is_away_is_said(send: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    away = "sqlite:////nowhere/at/all.db"
    monkeypatch.setattr(conf, "load", lambda: type("Settings", (), {"database_url": away})())
    assert send() == 503


def test_only_post_and_only_with_a_real_secret(django_site: None) -> None:
    assert webhook.github_webhook(SECRET)(RequestFactory().get("/")).status_code == 405
    with pytest.raises(ConfigurationError):
        webhook.github_webhook("short")
