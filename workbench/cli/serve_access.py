"""Who gets in to `workbench serve`: pages of its own origin, and where there is a token, nobody without it.

The token stands in a link that is opened once. It is then exchanged for a cookie, so that it is in no further address,
and neither is ever logged.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from workbench.errors import UsageError

SHORTEST = 20  # characters of a token; one that is made has 43
COOKIE = "workbench_serve"
WEEK = 7 * 24 * 3_600  # seconds that a browser is remembered; a restart forgets it at once
_ANYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  (told apart here, bound to only with a token)
# The page asks for nothing but its own (textual-serve's would tell Google of every visit, for a font), and stands in no
# frame: in one of somebody else's, a click meant for theirs would be one on the workbench.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Access:
    """How the screen is reached: the address it listens on, the one that browsers use, and the token if there is one.

    `admitted` is what the cookie holds: made anew by every start, so that a restart ends all visits.
    """

    host: str
    port: int
    public_url: str
    token: str = field(default="", repr=False)
    admitted: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def origins(self) -> frozenset[str]:
        """The origins whose pages may open a screen."""
        own = {self.public_url}
        if not self.token and is_loopback(self.host):
            own |= {f"http://{name}:{self.port}" for name in ("127.0.0.1", "localhost")}
        return frozenset(own)

    @property
    def link(self) -> str:
        """What is opened in a browser, for the first time with a token."""
        return f"{self.public_url}/?token={self.token}" if self.token else self.public_url


def access_to(host: str, port: int, *, public_url: str, token: str) -> Access:
    """Return how the screen may be reached.

    Raises `UsageError` for an address other than loopback without a token, for a token that can be guessed, and for an
    address that no browser could use.
    """
    if not is_loopback(host) and not token:
        raise UsageError(
            f"Listening on {host} needs a token: everybody who reaches it could act as you.",
            cure="Give --new-token, or set WORKBENCH_SERVE_TOKEN; or reach it through ssh: "
            f"ssh -L {port}:127.0.0.1:{port} this-machine",
        )
    if token and (len(token) < SHORTEST or not token.isascii() or not token.isprintable() or set(token) & set(" &#%+")):
        raise UsageError(
            f"WORKBENCH_SERVE_TOKEN is no token: {SHORTEST} characters or more, all of them letters, digits, - or _.",
            cure="Let one be made: workbench serve --new-token",
        )
    if not public_url:
        if host in _ANYWHERE:
            raise UsageError(
                f"{host} is no address that a browser can open.",
                cure=f"Say how browsers reach it: --public-url http://this-machine:{port}",
            )
        public_url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return Access(host, port, _origin(public_url), token)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc or parts.path.strip("/"):
        raise UsageError(f"{url!r} is no address of a site.", cure="Write it as https://bugs.example.com.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def gate(access: Access) -> Any:
    """Return what stands before every request, the websocket's among them."""

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/ws" and request.headers.get("Origin") not in access.origins:
            raise web.HTTPForbidden(text="This workbench answers no page but its own.")
        if not access.token:
            return await handler(request)
        # Cookies are kept by name of host, and a name of somebody else's may lead here.
        if f"{urlsplit(access.public_url).scheme}://{request.headers.get('Host', '').lower()}" != access.public_url:
            raise web.HTTPMisdirectedRequest(text=f"This workbench is at {access.public_url}.")
        if _same(request.cookies.get(COOKIE, ""), access.admitted):
            return await handler(request)
        if request.path == "/" and _same(request.query.get("token", ""), access.token):
            return _admitted(access)
        raise web.HTTPUnauthorized(text="This needs the link with the token that `workbench serve` was started with.")

    return admit


def _admitted(access: Access) -> web.Response:
    """Return the way on without the token in the address, and with the cookie."""
    answer = web.Response(status=303, headers={"Location": "/", "Referrer-Policy": "no-referrer"})
    is_secure = access.public_url.startswith("https:")
    answer.set_cookie(COOKIE, access.admitted, max_age=WEEK, httponly=True, samesite="Strict", secure=is_secure)
    return answer


async def _keep_to_ourselves(_request: web.Request, answer: web.StreamResponse) -> None:
    answer.headers["Content-Security-Policy"] = _POLICY


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def gated(server_class: Any, access: Access) -> Any:
    """Return textual-serve's server with the gate before it, and with nothing in its words that is secret."""

    class Gated(server_class):  # type: ignore[misc]
        async def _make_app(self) -> web.Application:
            app: web.Application = await super()._make_app()
            app.middlewares.append(gate(access))
            app.on_response_prepare.append(_keep_to_ourselves)
            return app

        async def on_startup(self, app: web.Application) -> None:
            # Its own words hold the command line, and in it perhaps a database's password.
            self.console.print("Press Ctrl+C to quit")

    return Gated
