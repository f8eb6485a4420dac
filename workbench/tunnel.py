"""A way to a PostgreSQL behind an ssh host: a tunnel by the system's ssh, kept up for as long as this program runs.

ssh asks nothing (keys and agent only), and all that a user has in ~/.ssh/config counts. Host names are checked before
they become arguments, so that none of them can be an option.
"""

from __future__ import annotations

import atexit
import contextlib
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import URL

from capture.store.engine import parse_url
from workbench.config import Config
from workbench.errors import ConfigurationError, OutsideError

SETTING = "database.ssh"
READY_SECONDS = 30.0
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]*"
_DESTINATION = re.compile(rf"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?{_NAME}(?::(?P<port>[0-9]{{1,5}}))?")
_HOST = re.compile(rf"{_NAME}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")
# ssh is the child of a child that ends it when its input does: it goes with us however we end, also by SIGKILL.
_KEEPER = """
import os, subprocess, sys, threading
ssh = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def watch():
    while os.read(0, 1024):
        pass
    ssh.terminate()
threading.Thread(target=watch, daemon=True).start()
os._exit(ssh.wait() and 1)
"""


@dataclass(frozen=True)
class Route:
    """Through which ssh host to which database server."""

    destination: str
    ssh_port: int | None
    host: str
    port: int


def route(destination: str, url: URL) -> Route:
    """Return the way to a database. Raises `ConfigurationError` for names that are none, and for a file."""
    if url.get_backend_name() != "postgresql":
        raise ConfigurationError(
            f"{SETTING} leads to a PostgreSQL, and the database is a file of SQLite.",
            cure="Where a site is on SQLite, run the workbench on its host: ssh -t deploy@host workbench --repo DIR",
        )
    found = _DESTINATION.fullmatch(destination)
    if found is None or not 0 < int(found["port"] or 22) < 65_536:
        raise ConfigurationError(
            f"{SETTING} = {destination!r} is no host of ssh.", cure="Write it as host, user@host or user@host:port."
        )
    host = url.host or "localhost"
    if not _HOST.fullmatch(host):
        raise ConfigurationError(
            f"{host!r} is no name of a host that ssh can lead to.", cure="Name the database's host in its URL."
        )
    name = destination.rpartition(":")[0] if found["port"] else destination
    return Route(name, int(found["port"]) if found["port"] else None, host, url.port or 5432)


def command(way: Route, local_port: int, ssh: str = "ssh") -> list[str]:
    """Return the arguments for ssh: no terminal, no question, no shared connection, no life without the port."""
    options = {
        "BatchMode": "yes", "ExitOnForwardFailure": "yes", "ControlMaster": "no", "ControlPath": "none",
        "ConnectTimeout": "10", "ServerAliveInterval": "15", "ServerAliveCountMax": "3", "PermitLocalCommand": "no",
        "ForkAfterAuthentication": "no",
    }  # fmt: skip
    host = f"[{way.host}]" if ":" in way.host else way.host
    words = [ssh, "-N", "-T", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    words += ["-L", f"127.0.0.1:{local_port}:{host}:{way.port}"]
    words += ["-p", str(way.ssh_port)] if way.ssh_port else []
    return [*words, "--", way.destination]


class Tunnel:
    """One ssh that forwards a port of this machine's loopback, started again whenever it ends, until `close`."""

    def __init__(self, way: Route, *, tell: Callable[[str], None], first_wait: float = FIRST_WAIT) -> None:
        ssh = shutil.which("ssh")
        if ssh is None:
            raise OutsideError("There is no ssh on this machine.", cure="Install it: apt-get install openssh-client")
        self.way, self.tell, self.first_wait = way, tell, first_wait
        self.port = _free_port()
        self._command = [sys.executable, "-I", "-S", "-c", _KEEPER, *command(way, self.port, ssh)]
        self._closed = threading.Event()
        self._said = ""
        self._keeper = self._start()
        if not self._is_ready():
            self.close()
            raise OutsideError(
                f"No tunnel through {way.destination}: {self._said or 'ssh did not get through in time'}.",
                cure=f"Try it: ssh {way.destination} (it must ask nothing; an agent may hold the key).",
            )
        threading.Thread(target=self._keep, name="tunnel", daemon=True).start()

    def close(self) -> None:
        """End ssh and wait for it."""
        self._closed.set()
        _end(self._keeper)

    def _start(self) -> subprocess.Popen[bytes]:
        keeper = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl+C is for us
        )
        self._hearing = threading.Thread(target=self._hear, args=(keeper,), name="tunnel-words", daemon=True)
        self._hearing.start()
        return keeper

    def _hear(self, keeper: subprocess.Popen[bytes]) -> None:
        from workbench.text import plain

        assert keeper.stderr is not None
        with keeper.stderr as words:
            for line in words:
                self._said = plain(line.decode("utf-8", "replace").strip().rstrip("."), 200) or self._said

    def _is_ready(self) -> bool:
        """Wait until the port answers; False when ssh ends before, or takes too long."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and not self._closed.is_set():
            if self._keeper.poll() is not None:
                self._hearing.join(timeout=1)
                return False
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return self._keeper.poll() is None
            time.sleep(0.05)
        return False

    def _keep(self) -> None:
        """Start ssh again whenever it ends, with longer and longer waits while it does not get through."""
        wait = self.first_wait
        while not self._closed.is_set():
            self._keeper.wait()
            self._hearing.join(timeout=1)
            if self._closed.is_set():
                return
            self.tell(f"The tunnel through {self.way.destination} dropped{self._why()}. It is set up again.")
            while not self._closed.wait(wait * random.uniform(0.5, 1)):  # noqa: S311  (no secret)
                _end(self._keeper)
                self._keeper = self._start()
                if self._is_ready():
                    self.tell(f"The tunnel through {self.way.destination} is there again.")
                    wait = self.first_wait
                    break
                wait = min(wait * 2, LONGEST_WAIT)
        _end(self._keeper)

    def _why(self) -> str:
        return f" ({self._said})" if self._said else ""


_tunnels: dict[Route, Tunnel] = {}
_lock = threading.Lock()


def _complain(text: str) -> None:
    sys.stderr.write(f"workbench: {text}\n")


_tell: Callable[[str], None] = _complain


def tell_through(tell: Callable[[str], None]) -> None:
    """Say what happens to tunnels through `tell`, which is called from a thread, and not on stderr."""
    global _tell
    _tell = tell


def reached_url(config: Config) -> str:
    """Return the URL at which the configured database is reached: its own, or that of a tunnel, set up once a program.

    Certificates are checked for the server's own name. Raises `ConfigurationError` and `OutsideError`.
    """
    destination = str(config[SETTING])
    if not destination:
        return config.database_url
    url = parse_url(config.database_url)
    way = route(destination, url)
    with _lock:
        if way not in _tunnels:
            _tunnels[way] = Tunnel(way, tell=lambda text: _tell(text))
            atexit.register(_tunnels[way].close)
    through = url.set(host=way.host, port=_tunnels[way].port).update_query_dict({"hostaddr": "127.0.0.1"})
    return through.render_as_string(hide_password=False)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _end(keeper: subprocess.Popen[bytes]) -> None:
    if keeper.stdin is not None:
        keeper.stdin.close()
    try:
        keeper.wait(timeout=5)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
