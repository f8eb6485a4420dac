"""A PostgreSQL server of the tests' own, which may be stopped, killed and started again."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg

# The server refuses to run as root.
USER = "postgres" if os.geteuid() == 0 else None


def binaries() -> Path | None:
    """Return the folder with the server's programs, or None where none is installed."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class Server:
    """One server, with its data in a folder of its own."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Not pytest's own folder, into which the user of the server may not look.
        self._folder = Path(tempfile.mkdtemp(prefix="workbench-postgres-"))
        if USER:
            shutil.chown(self._folder, USER)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8")

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._folder} -c fsync=off -c shared_buffers=16MB"
        self._run("pg_ctl", "-D", self._data, "-o", options, "-l", f"{self._folder}/log", "-w", "start")

    def new_database(self) -> str:
        """Make an empty database, and return its URL. It goes with the server."""
        name = f"site_{secrets.token_hex(4)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url.removesuffix("postgres") + name

    def stop(self, how: str = "immediate") -> None:
        """Stop it: `immediate` is a crash, `fast` says goodbye to those who are connected."""
        self._run("pg_ctl", "-D", self._data, "-m", how, "-w", "stop")

    def log(self) -> str:
        """Return what the server said."""
        return (self._folder / "log").read_text(errors="replace")

    def remove(self) -> None:
        """Stop it for good, and take its data away."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            user=USER,
            cwd=self._folder,
            # Not to a pipe: the server would keep it open.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{program} failed; see {self._folder}/log"
