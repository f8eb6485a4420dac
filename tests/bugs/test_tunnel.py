"""A database behind an ssh host: what ssh is told, how the tunnel comes back, and that it ends with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine, make_url

from workbench import config, tunnel
from workbench.bugs import queries
from workbench.bugs.store import open_store
from workbench.errors import ConfigurationError, OutsideError
from workbench.tunnel import Route, Tunnel, command, reached_url, route

# Stands in for ssh: forwards the port as told, notes its pid and its arguments.
SSH = """#!{python} -IS
import os, select, socket, sys, threading
with open({log!r}, "a") as log:
    log.write(f"{{os.getpid()}} {{' '.join(sys.argv[1:])}}\\n")
if os.path.exists({log!r} + ".refuse"):
    sys.exit("\\x1b[31mPermission denied (publickey).")
here, port, there, other = sys.argv[sys.argv.index("-L") + 1].split(":")
server = socket.create_server((here, int(port)))
def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    finally:
        for end in (a, b):
            try: end.shutdown(socket.SHUT_RDWR)
            except OSError: pass
while True:
    near, _ = server.accept()
    far = socket.create_connection((there, int(other)))
    for pair in ((near, far), (far, near)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put our ssh first on the path; return where it notes how it was called."""
    programs, noted = tmp_path / "bin", tmp_path / "called"
    programs.mkdir()
    (programs / "ssh").write_text(SSH.format(python=sys.executable, log=str(noted)))
    (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return noted


@pytest.fixture
def dug(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[Route, Tunnel]]:
    """The tunnels of this test, closed after it."""
    made: dict[Route, Tunnel] = {}
    monkeypatch.setattr(tunnel, "_tunnels", made)
    yield made
    for one in made.values():
        one.close()


def called(log: Path) -> list[int]:
    return [int(line.split()[0]) for line in log.read_text().splitlines()]


def eventually(true: Callable[[], object], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    "destination",
    ["-oProxyCommand=touch x", "deploy@-oProxyCommand=x", "-v", "@host", "a@b@c", "host -v", "host;ls", "$(ls)", "h\nx",
     "host:0", "host:99999", "host:-p", "ssh://host", "über", "a b"],
)  # fmt: skip
def test_what_could_be_an_option_is_no_host(destination: str) -> None:
    with pytest.raises(ConfigurationError, match="is no host of ssh"):
        route(destination, make_url("postgresql://db/bugs"))


@pytest.mark.parametrize("host", ["-oX", "db,other", "a b", "/run/postgresql", "%2Frun"])
def test_a_database_host_that_is_no_name_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match="is no name of a host"):
        route("deploy@host", make_url("postgresql://x/bugs").set(host=host))


def test_a_file_is_not_reached_but_the_way_to_it_is_said() -> None:
    with pytest.raises(ConfigurationError, match="file of SQLite") as caught:
        route("deploy@host", make_url("sqlite:///workbench.db"))
    assert "ssh -t deploy@host workbench" in caught.value.cure


def test_what_ssh_is_told() -> None:
    words = command(route("deploy@web-1:2222", make_url("postgresql://ada:s3cret@db.internal/bugs")), 4000)
    assert words[:3] == ["ssh", "-N", "-T"]
    assert words[-2:] == ["--", "deploy@web-1"]
    assert ("-p", "2222") in pairwise(words)
    assert ("-L", "127.0.0.1:4000:db.internal:5432") in pairwise(words)
    assert {"BatchMode=yes", "ExitOnForwardFailure=yes", "ControlMaster=no", "ControlPath=none"} <= set(words)
    assert "s3cret" not in " ".join(words)
    assert "127.0.0.1:1:[::1]:7" in command(route("h", make_url("postgresql://[::1]:7/bugs")), 1)


@pytest.mark.postgres
def test_a_store_is_opened_through_it_and_it_comes_back_when_it_drops(
    log: Path, dug: dict[Route, Tunnel], postgres_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(tunnel, "_tell", said.append)
    monkeypatch.setattr(tunnel, "FIRST_WAIT", 0.05)
    flags = {"database_url": postgres_engine.url.render_as_string(hide_password=False), "database.ssh": "deploy@web-1"}
    given = config.load(flags=flags, environ={}, start=tmp_path)
    store = open_store(given)
    (dug_one,) = dug.values()
    dug_one.first_wait = 0.05
    assert store.url.port == dug_one.port != postgres_engine.url.port
    assert queries.ledger(store).balanced
    assert reached_url(given) == store.url.render_as_string(hide_password=False)
    os.kill(called(log)[-1], signal.SIGKILL)
    assert eventually(lambda: len(said) == 2)
    assert "dropped" in said[0]
    assert "is there again" in said[1]
    assert len(called(log)) == 2
    assert queries.ledger(store).balanced
    store.dispose()
    dug_one.close()
    assert not is_alive(called(log)[-1])


def test_an_ssh_that_is_refused_says_why(log: Path, dug: dict[Route, Tunnel]) -> None:
    Path(f"{log}.refuse").touch()
    with pytest.raises(
        OutsideError, match=r"No tunnel through deploy@web-1: .+Permission denied \(publickey\)\.$"
    ) as caught:
        Tunnel(route("deploy@web-1", make_url("postgresql://127.0.0.1/bugs")), tell=print)
    assert "\x1b" not in str(caught.value)
    assert "ssh deploy@web-1" in caught.value.cure


def test_while_it_does_not_get_through_it_goes_on_trying(log: Path) -> None:
    said: list[str] = []
    way = route("deploy@web-1", make_url("postgresql://127.0.0.1/bugs"))
    one = Tunnel(way, tell=said.append, first_wait=0.01)
    Path(f"{log}.refuse").touch()
    os.kill(called(log)[-1], signal.SIGKILL)
    assert eventually(lambda: len(called(log)) >= 3)
    Path(f"{log}.refuse").unlink()
    assert eventually(lambda: said[-1:] == ["The tunnel through deploy@web-1 is there again."])
    one.close()


def test_it_ends_with_us_also_when_we_are_killed(log: Path) -> None:
    code = (
        "import time; from sqlalchemy.engine import make_url; from workbench.tunnel import *;"
        "Tunnel(route('h', make_url('postgresql://127.0.0.1/bugs')), tell=print); time.sleep(60)"
    )
    program = subprocess.Popen([sys.executable, "-c", code])
    assert eventually(lambda: log.exists() and called(log))
    pid = called(log)[-1]
    program.kill()
    program.wait()
    assert eventually(lambda: not is_alive(pid))


def test_a_machine_without_ssh_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(OutsideError, match="no ssh"):
        Tunnel(route("h", make_url("postgresql://127.0.0.1/bugs")), tell=print)
