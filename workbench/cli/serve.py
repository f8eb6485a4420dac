"""`workbench serve`: the screen in a browser."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import shlex
import socket
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.given import Given, given
from workbench.cli.output import note
from workbench.cli.words import noun, taught
from workbench.errors import OutsideError

if TYPE_CHECKING:
    from workbench.cli.serve_access import Access

app = noun()
LOOPBACK = "127.0.0.1"
TOKEN = "WORKBENCH_SERVE_TOKEN"  # noqa: S105  (the name of the variable)


@app.command(
    epilog=taught("workbench serve --port 8010", "0 ended; 2 another address without a token; 4 the port is in use.")
)
def serve(
    ctx: typer.Context,
    host: Annotated[
        str, typer.Option(help="The address to listen on; other than loopback, it needs a token.")
    ] = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8000,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Make a token, and print the link that has it, once.")
    ] = False,
    public_url: Annotated[
        str, typer.Option("--public-url", metavar="URL", help="How browsers reach it, such as through a TLS proxy.")
    ] = "",
) -> None:
    """Open the screen in a browser. Every visit is a screen of its own.

    Whoever reaches it can do what you can do. So it listens on this machine only, unless there is a token
    (WORKBENCH_SERVE_TOKEN or --new-token), without which it then answers nothing; and it answers no page but its own.
    """
    from workbench.cli.serve_access import access_to

    host = LOOPBACK if host == "localhost" else host
    token = os.environ.pop(TOKEN, "")  # taken out, so that no screen and no agent inherits it
    token = secrets.token_urlsafe(32) if new_token else token
    access = access_to(host, port, public_url=public_url, token=token)
    call = given(ctx)
    _require_free(host, port)
    if token and not new_token:
        note(f"Open {access.public_url}/?token=… with your token in a browser. Ctrl+C ends it.")
    else:
        note(f"Open {access.link} in a browser. Ctrl+C ends it.")
    if access.public_url.startswith("http:") and token:
        note("Over http the token and all that is shown can be read on the way: put a TLS proxy before it, or use ssh.")
    sys.unraisablehook = _without_late_goodbyes
    server(command_of(call), access).serve()


def _without_late_goodbyes(what: sys.UnraisableHookArgs) -> None:
    """Say nothing of a screen whose pipes are closed only after the server's loop has ended: all is over by then."""
    if "BaseSubprocessTransport" not in str(what.object) or not isinstance(what.exc_value, RuntimeError):
        sys.__unraisablehook__(what)


def command_of(call: Given) -> str:
    """Return the command line of a visit's screen, quoted for the shell that textual-serve starts it with."""
    flags = (("database_url", "--db"), ("repository", "--repo"), ("database.ssh", "--ssh"))
    options = [word for key, flag in flags for word in _flag(call, key, flag)]
    if call.flags.get("database.read_only"):
        options.append("--read-only")
    return shlex.join([sys.executable, "-m", "workbench", *options])


def _flag(call: Given, key: str, flag: str) -> list[str]:
    value = call.flags.get(key)
    return [] if value is None else [flag, value]


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise OutsideError(f"Port {port} is not yours to use.", cure="Name another: --port 8010") from error
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise OutsideError(
                    f"Port {port} is in use.", cure="Name another: workbench serve --port 8010"
                ) from error
            raise OutsideError(f"This machine has no address {host}.", cure="Leave --host out.") from error


def server(command: str, access: Access) -> Any:
    """Return the web server: textual-serve's, with the gate of `workbench.cli.serve_access` before it.

    A browser lets any page open a websocket to loopback. Without the gate, a page visited by accident could press keys
    in the workbench.
    """
    from textual_serve.server import Server

    from workbench.cli.serve_access import gated

    logging.getLogger("aiohttp.access").disabled = True  # its lines hold addresses, and so the token
    gated_class = gated(Server, access)
    return gated_class(command, host=access.host, port=access.port, title="Bug workbench", public_url=access.public_url)
