"""The demo's site under gunicorn, on loopback, for as long as it is needed."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from workbench.demo.site import Site, in_use, site_environment
from workbench.errors import ConfigurationError, OutsideError, UsageError

HOST = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 12
KEEPER = Path(__file__).with_name("keeper.py")


@dataclass(frozen=True)
class Served:
    """A site that answers: at `url`, by the process group `pid`, writing to `log`."""

    url: str
    port: int
    pid: int
    log: Path


@contextmanager
def serve(site: Site, *, port: int = 0) -> Iterator[Served]:
    """Serve the site while the `with` block runs. Port 0 picks a free one.

    Raises `OutsideError` when the port is taken or the site does not come up; the message names its log.
    """
    with in_use(site.folder):
        with _listening(port) as listener:
            port = listener.getsockname()[1]
            with site.log.open("ab") as log:
                keeper = _start(site, listener.fileno(), log.fileno())
        try:
            _wait_until_it_answers(site, keeper, port)
            yield Served(f"http://{HOST}:{port}", port, keeper.pid, site.log)
        finally:
            _stop(keeper)


def _listening(port: int) -> socket.socket:
    """Return a socket that listens on `port`: bound here, so that a port in use is told before anything starts."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(64)
    except OverflowError as error:
        listener.close()
        raise UsageError(f"{port} is no port.", cure="Ports go from 1 to 65535.") from error
    except PermissionError as error:
        listener.close()
        raise ConfigurationError(
            f"You may not listen on port {port}.", cure="Name one above 1023 with --port, or leave it out."
        ) from error
    except OSError as error:
        listener.close()
        raise OutsideError(
            f"Port {port} of {HOST} is in use by another program.",
            cure="Name another with --port, or leave it out for a free one.",
        ) from error
    return listener


def _start(site: Site, listener: int, log: int) -> subprocess.Popen[bytes]:
    gunicorn = [sys.executable, "-m", "gunicorn", "clinic.wsgi:application", "--bind", f"fd://{listener}"]
    return subprocess.Popen(
        [sys.executable, str(KEEPER), *gunicorn],
        cwd=site.folder,
        env=site_environment() | {"DJANGO_SETTINGS_MODULE": "clinic.settings"},
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        pass_fds=(listener,),
        start_new_session=True,  # Ctrl+C in our terminal is ours to handle; the site is ended by us
    )


def _wait_until_it_answers(site: Site, keeper: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while keeper.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(HOST, port, timeout=2)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise OutsideError(
        "The demo's site did not come up.",
        cure=f"Its log says why: {site.log}. To start over: `workbench demo --reset`.",
    )


def _stop(keeper: subprocess.Popen[bytes]) -> None:
    assert keeper.stdin is not None
    keeper.stdin.close()  # the keeper's sign to end the server
    try:
        keeper.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(keeper.pid, signal.SIGKILL)
        keeper.wait()
