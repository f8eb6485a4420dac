"""The demo's site under gunicorn: up when it is said to be up, gone when nobody needs it."""

from __future__ import annotations

import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from workbench.demo import serving
from workbench.demo.keeper import keep
from workbench.demo.serving import serve
from workbench.demo.site import Site
from workbench.ended import runs, still_running
from workbench.errors import ConfigurationError, OutsideError, UsageError


def test_it_answers_while_it_is_served_and_is_gone_afterwards(site: Site) -> None:
    with serve(site) as served:
        with urllib.request.urlopen(served.url) as page:
            assert b"Bello" in page.read()
        processes = [psutil.Process(served.pid), *psutil.Process(served.pid).children(recursive=True)]

    assert len(processes) >= 3
    assert still_running(processes, 0) == []
    assert b"Listening at" in served.log.read_bytes()


def test_it_is_ended_when_something_goes_wrong_meanwhile(site: Site) -> None:
    with pytest.raises(RuntimeError), serve(site) as served:
        raise RuntimeError

    assert not runs(served.pid)


def test_it_is_ended_when_whoever_started_it_is_killed(site: Site) -> None:
    script = f"""
import sys
from pathlib import Path
from typing import Any
from workbench import config
from workbench.demo.serving import serve
from workbench.demo.site import Site
folder = Path({str(site.folder)!r})
with serve(Site(folder, config.load(environ={{}}, start=folder), True)) as served:
    print(served.pid, flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        keeper = psutil.Process(int(starter.stdout.readline()))
        processes = [keeper, *keeper.children(recursive=True)]
        starter.kill()

    assert still_running(processes, 20) == []


def test_a_port_in_use_is_told_before_anything_starts(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OutsideError, match=f"Port {port} .* in use") as raised, serve(site, port=port):
            pytest.fail("served on a port in use")

    assert "--port" in raised.value.cure
    assert not site.log.exists()


def test_a_port_that_is_none_is_told(site: Site) -> None:
    with pytest.raises(UsageError, match="70000 is no port"), serve(site, port=70000):
        pytest.fail("served on no port")


def test_a_port_that_one_may_not_use_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ConfigurationError, match="may not listen on port 80"), serve(site, port=80):
        pytest.fail("served")


def test_a_site_that_does_not_come_up_names_its_log(site: Site) -> None:
    (site.folder / "clinic" / "wsgi.py").write_text("raise RuntimeError('closed on Sundays')\n")

    with pytest.raises(OutsideError, match="did not come up") as raised, serve(site):
        pytest.fail("served")

    assert str(site.log) in raised.value.cure
    assert b"closed on Sundays" in site.log.read_bytes()


def test_a_keeper_that_does_not_end_is_made_to(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deaf = tmp_path / "deaf.py"
    deaf.write_text("import time\nprint('up', flush=True)\ntime.sleep(600)\n")
    monkeypatch.setattr(serving, "KEEPER", deaf)
    monkeypatch.setattr(serving, "STOP_SECONDS", 0.2)
    monkeypatch.setattr(serving, "START_SECONDS", 0.5)

    before = time.monotonic()
    with pytest.raises(OutsideError, match="did not come up"), serve(site):
        pytest.fail("served")

    assert time.monotonic() - before < 30
    assert not [p for p in psutil.Process().children(recursive=True) if str(deaf) in p.cmdline()]


def test_the_keeper_hands_on_how_the_server_ended() -> None:
    reader, writer = os.pipe()

    assert keep([sys.executable, "-c", "raise SystemExit(3)"], reader) == 3

    os.close(reader)
    os.close(writer)


def test_the_keeper_ends_a_server_whose_starter_is_gone() -> None:
    reader, writer = os.pipe()
    os.close(writer)

    assert keep([sys.executable, "-c", "import time; time.sleep(600)"], reader) == -signal.SIGTERM

    os.close(reader)


def test_the_keeper_kills_a_server_that_will_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    popen = subprocess.Popen

    def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        server = popen(*arguments, **options)
        os.close(writer)  # now the server holds the only one, and closes it once it is deaf
        return server

    monkeypatch.setattr("workbench.demo.keeper.GRACE_SECONDS", 0.2)
    monkeypatch.setattr("workbench.demo.keeper.subprocess.Popen", start)
    deaf = f"import os, signal, time; signal.signal(15, signal.SIG_IGN); os.close({writer}); time.sleep(600)"

    assert keep([sys.executable, "-c", deaf], reader) == -signal.SIGKILL

    os.close(reader)


def test_the_keeper_is_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(sys, "argv", ["keeper.py", sys.executable, "-c", "raise SystemExit(5)"])

    stdin = os.fdopen(reader)
    monkeypatch.setattr(sys, "stdin", stdin)

    with pytest.raises(SystemExit, match="5"):
        runpy.run_path(str(serving.KEEPER), run_name="__main__")

    stdin.close()
    os.close(writer)
