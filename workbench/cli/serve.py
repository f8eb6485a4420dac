"""`workbench serve`: the screen in a browser on this machine."""

from __future__ import annotations

import shlex
import socket
import sys
from typing import Annotated, Any

import typer

from workbench.cli.given import Given, given
from workbench.cli.output import note
from workbench.cli.words import noun, taught
from workbench.errors import OutsideError, UsageError

app = noun()
LOOPBACK = "127.0.0.1"


@app.command(
    epilog=taught("workbench serve --port 8010", "0 ended; 2 another address than loopback; 4 the port is in use.")
)
def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on: loopback only, for now.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8000,
) -> None:
    """Open the screen in a browser on this machine. Every visit is a screen of its own.

    Whoever reaches it can do what you can do, so it listens on this machine only, and answers no page but its own.
    """
    if host not in (LOOPBACK, "localhost"):
        raise UsageError(
            f"Listening on {host} is not possible yet: everybody who reaches it could act as you.",
            cure=f"Leave --host out, and reach it through ssh: ssh -L {port}:{LOOPBACK}:{port} this-machine",
        )
    call = given(ctx)
    _require_free(port)
    note(f"Open http://{LOOPBACK}:{port} in a browser. Ctrl+C ends it.")
    server(command_of(call), port).serve()


def command_of(call: Given) -> str:
    """Return the command line of a visit's screen, quoted for the shell that textual-serve starts it with."""
    options = [
        word for key, flag in (("database_url", "--db"), ("repository", "--repo")) for word in _flag(call, key, flag)
    ]
    return shlex.join([sys.executable, "-m", "workbench", *options])


def _flag(call: Given, key: str, flag: str) -> list[str]:
    value = call.flags.get(key)
    return [] if value is None else [flag, value]


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise OutsideError(f"Port {port} is in use.", cure="Name another: workbench serve --port 8010") from error


def server(command: str, port: int) -> Any:
    """Return the web server: textual-serve's, closed to web pages of other origins.

    A browser lets any page open a websocket to loopback. Without this, a page visited by accident could press keys in
    the workbench.
    """
    from aiohttp import web
    from textual_serve.server import Server

    origins = {f"http://{LOOPBACK}:{port}", f"http://localhost:{port}"}

    class LoopbackServer(Server):
        async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
            if request.headers.get("Origin") not in origins:
                raise web.HTTPForbidden(text="This workbench answers no page but its own.")
            return await super().handle_websocket(request)

    return LoopbackServer(command, host=LOOPBACK, port=port, title="Bug workbench")
