"""A Django request as data: only what is there already, in bounds, without secrets, and never touching the network.

Nothing here may read from the client, load a session or a user, or trust a header.
"""

from __future__ import annotations

import re
import uuid
from contextlib import nullcontext
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.urls import resolve
from django.utils.functional import LazyObject, empty
from django.utils.translation import get_language_from_path, override

from capture import routes
from capture.bodies import body_or_why_not
from capture.event import Request
from capture.own_memory import key_of, of_class, own_dict
from capture.scrub import REDACTED, clean, scrub_text
from capture.scrub_urls import scrub_headers, scrub_query, scrub_url
from capture.secret_keys import is_secret_key

MAX_PATH = 2_000


def host_of(request: Any) -> str:
    """Return the host that the client named, valid or not; `get_host` would raise on a bad one."""
    meta = request.META
    return scrub_text(str(meta.get("HTTP_HOST") or meta.get("SERVER_NAME") or ""), limit=255)


def own_referer(request: Any) -> str:
    """Return the referer when it is a page of the same site, else nothing."""
    referer = str(request.META.get("HTTP_REFERER", ""))[:2_000]
    if not referer:
        return ""
    host = host_of(request)
    return scrub_url(referer) if host and referer.partition("://")[2].split("/", 1)[0] == host else ""


def path_of(request: Any) -> str:
    """Return the path, with the values of secret URL parameters (`/reset/<token>/`) redacted."""
    match = getattr(request, "resolver_match", None)
    path = _without_secret_parts(match, str(request.path)[: MAX_PATH * 2])
    if len(path) <= MAX_PATH and _PLAIN_PATH.fullmatch(path):
        return path
    return scrub_text(path, limit=MAX_PATH)


# Of small words and numbers, none of which has room for a secret that is known by its shape.
_PLAIN_PATH = re.compile(r"(?:/[a-z0-9]{0,12})*", re.ASCII)


def _without_secret_parts(match: Any, text: str) -> str:
    """Redact the values of secret URL parameters in the path that a match is of, or in a URL with that path."""
    for name, value in (getattr(match, "kwargs", None) or {}).items():
        if type(value) in (str, int, uuid.UUID) and isinstance(name, str) and is_secret_key(name):
            part = str(value)
            if len(part) > 3:
                text = (text if part in text else unquote(text)).replace(part, REDACTED)
    return text


def _referer_of(request: Any, match: Any) -> str:
    """Return the referer without the secret URL parameters of this page and of the one that it names."""
    referer = str(request.META.get("HTTP_REFERER", ""))[: MAX_PATH * 2]
    if not referer:
        return ""
    urlconf = getattr(request, "urlconf", None)
    if (referer, urlconf) in _open_referers:
        shown = _without_secret_parts(match, referer)
        return shown if shown is referer else scrub_url(shown)
    path, shown = _path_in(referer), referer
    if path not in ("/", request.path):
        shown = _without_secret_parts(_match_in_its_language(path, urlconf), referer)
        if scrub_url(shown) == referer and len(referer) <= MAX_OPEN_REFERER:
            if len(_open_referers) >= MAX_OPEN_REFERERS:
                _open_referers.clear()
            _open_referers.add((referer, urlconf))
    return scrub_url(_without_secret_parts(match, shown))


# Referers in which nothing is secret, so that the page of each is resolved once, and the URL configuration that did it.
_open_referers: set[tuple[str, Any]] = set()
MAX_OPEN_REFERERS, MAX_OPEN_REFERER = 1_024, 300


def user_id_of(request: Any) -> str | None:
    """Return the id of the user where somebody loaded the user already, without a query, under ASGI as well.

    It is read from memory: even asking a lazy or a deferred user whether there is a key would load one.
    """
    known = own_dict(request)
    for name in ("_cached_user", "_acached_user", "user"):  # REST framework's authentication sets the last
        user = known.get(name)
        if user is None:
            continue
        if issubclass(type(user), LazyObject):
            user = own_dict(user).get("_wrapped")
            if user is empty:  # nobody asked for it yet
                continue
        key = _user_key(user) if user is not None else None
        if key is not None:
            return scrub_text(str(key), limit=64)
    return None


def _user_key(user: Any) -> int | str | uuid.UUID | None:
    meta = of_class(type(user), "_meta")
    if meta is not None:
        key = key_of(own_dict(user), meta)
    else:  # a user of the site's own making
        key = next((found for name in ("pk", "id") if (found := own_dict(user).get(name)) is not None), None)
        key = of_class(type(user), "pk") if key is None else key
    return key if type(key) in (int, str, uuid.UUID) else None


def describe(request: Any, *, route: str | None, path: str, body_max: int, lean: bool = False) -> Request:
    """Return the request of an event; a `lean` one has neither headers nor body."""
    body, note = (None, "left out: the event is too large") if lean else body_or_why_not(request, body_max)
    match = getattr(request, "resolver_match", None)
    referer = _referer_of(request, match)
    return Request(
        method=method_of(request),
        path=path,
        route=route,
        scheme="https" if request.META.get("wsgi.url_scheme", "") == "https" or _is_https(request) else "http",
        host=host_of(request),
        query=scrub_query(str(request.META.get("QUERY_STRING", ""))),
        headers={} if lean else _headers(request, referer),
        content_type=scrub_text(str(getattr(request, "content_type", "") or ""), limit=200),
        body=body,
        body_note=note,
        referer=referer,
        view=clean(str(getattr(match, "_func_path", "") or ""))[:300],
    )


def method_of(request: Any) -> str:
    """Return the method, bounded: a client may send any word."""
    return scrub_text(str(request.method or ""), limit=20)


def route_of(request: Any) -> str | None:
    """Return the route that the resolver matched, the same in every language of `i18n_patterns`, or None."""
    return _in_any_language(request, routes.from_match(getattr(request, "resolver_match", None)))


def referer_route_of(request: Any, referer: str) -> str | None:
    """Return the route of the page of this site that a request came from, or None where that is no page either.

    Of routes there are as many as the site has, however many pages a client makes up.
    """
    match = _match_of(_path_in(referer), getattr(request, "urlconf", None))
    return _in_any_language(request, routes.from_match(match))


def _path_in(url: str) -> str:
    return unquote("/" + url.partition("://")[2].partition("/")[2].partition("?")[0].partition("#")[0])


def _match_of(path: str, urlconf: Any) -> Any:
    """Return what the site's URLs say of a path, or None where there is no such page."""
    try:
        return resolve(path, urlconf or None)
    except Exception:  # noqa: BLE001  (Resolver404, or whatever a broken URL configuration raises)
        return None


def _match_in_its_language(path: str, urlconf: Any) -> Any:
    """Return the same for a page of `i18n_patterns` in another language than the request's."""
    try:
        language = get_language_from_path(path)
        with override(language) if language else nullcontext():
            return _match_of(path, urlconf)
    except Exception:  # noqa: BLE001  (a path as long as no language, or languages that are set wrongly)
        return _match_of(path, urlconf)


def _in_any_language(request: Any, route: str | None) -> str | None:
    language = getattr(request, "LANGUAGE_CODE", None)
    if route and language and route.startswith(f"/{language}/"):
        return _language_prefix(request, f"/{language}") + route[len(language) + 1 :]
    return route


def _language_prefix(request: Any, prefix: str) -> str:
    """Return what stands for the prefix of a language: nothing where the site's own language has none."""
    try:
        used, default_too = is_language_prefix_patterns_used(getattr(request, "urlconf", None) or settings.ROOT_URLCONF)
    except Exception:  # noqa: BLE001  (whatever a broken URL configuration raises)
        return prefix
    if not used:
        return prefix
    return "/<language>" if default_too else ""


def _is_https(request: Any) -> bool:
    try:
        return bool(request.is_secure())
    except Exception:  # noqa: BLE001  (a bad SECURE_PROXY_SSL_HEADER raises here)
        return False


def _headers(request: Any, referer: str) -> dict[str, str]:
    shown = scrub_headers(request.META)
    if "Referer" in shown:
        shown["Referer"] = referer
    return shown
