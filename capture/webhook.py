"""A view for GitHub's webhooks: notes that something has changed, for a worker to look at. It never asks GitHub.

What a delivery says is not believed further than that: the worker reads from GitHub what is so. A delivery that is
sent again, by GitHub or by anybody who overheard it, costs one more look at most.

    urlpatterns = [path("hooks/github", capture.webhook.github_webhook(os.environ["GITHUB_WEBHOOK_SECRET"]))]
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from capture import conf
from capture.errors import ConfigurationError, StoreError
from capture.store.engine import open_engine, upsert, writing
from capture.store.failures import store_errors
from capture.store.tables import Delivery, storable, table_of

MOST_BYTES = 1024 * 1024  # an issue or a comment with all that comes with it takes some hundred thousand
EVENTS = frozenset({"issues", "issue_comment", "label", "pull_request", "push", "repository"})
_SHORTEST_SECRET = 16
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

View = Callable[[HttpRequest], HttpResponse]


def github_webhook(secret: str) -> View:
    """Return the view for a webhook with this secret. Raises `ConfigurationError` for none or one that is too short."""
    if len(secret) < _SHORTEST_SECRET:
        raise ConfigurationError(
            f"The secret of the webhook has fewer than {_SHORTEST_SECRET} characters.",
            cure="Make a long random one, and give the same to GitHub.",
        )
    key = secret.encode()

    @csrf_exempt  # the signature says who sent it
    def view(request: HttpRequest) -> HttpResponse:
        return _answer(request, key)

    return view


def _answer(request: HttpRequest, key: bytes) -> HttpResponse:
    if request.method != "POST":
        return _said(405, "POST only")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not str(length).isdecimal() or int(length) > MOST_BYTES:
        return _said(413, "too large")
    body = request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        return _said(413, "too large")
    expected = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
    if not hmac.compare_digest(expected.encode(), request.headers.get("X-Hub-Signature-256", "").encode()):
        return _said(403, "the signature is wrong")
    delivery, event = request.headers.get("X-GitHub-Delivery", ""), request.headers.get("X-GitHub-Event", "")
    if not _ID.fullmatch(delivery):
        return _said(400, "no delivery id")
    if event not in EVENTS:
        return _said(202, "nothing to do")  # ping among them
    row = _row(delivery, event, body)
    if row is None:
        return _said(400, "not a delivery")
    try:
        _note(row)
    except StoreError:
        return _said(503, "the database cannot be used right now")  # GitHub shows it; the worker's own reading heals it
    return _said(202, "noted")


def _row(delivery: str, event: str, body: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(body)
        repository = data["repository"]["full_name"]
        about = data.get("issue") or data.get("pull_request") or {}
        number = about.get("number")
        action = data.get("action", "")
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None
    if not isinstance(repository, str) or not isinstance(action, str):
        return None
    if not isinstance(number, int) or not 0 < number < 2**31:
        number = None
    return {
        "id": delivery,
        "repository": storable(repository)[:200],
        "event": event,
        "action": storable(action)[:100],
        "number": number,
        "received_at": datetime.now(UTC),
        "done_at": None,
    }


def _note(row: dict[str, Any]) -> None:
    engine = open_engine(conf.load().database_url)
    try:
        with store_errors(engine), writing(engine).begin() as connection:
            connection.execute(upsert(connection, table_of(Delivery)).values(row).on_conflict_do_nothing())
    finally:
        engine.dispose()


def _said(status: int, words: str) -> HttpResponse:
    return HttpResponse(words, status=status, content_type="text/plain")
