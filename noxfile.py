"""What a release has to pass on every supported Python and Django: `nox`, or `nox -s extras`, `nox -s tests-3.13`."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "extras", "licences", "audit", "workflows"]
nox.options.error_on_missing_interpreters = True  # what was not run is not known to work
nox.needs_version = ">=2026.4"

PYTHONS = ["3.11", "3.12", "3.13"]
NEWEST = ">=6"  # Django 6 begins with Python 3.12
# What each extra is for, as an import; "" is capture alone, as a site installs it.
EXTRAS = {
    "": "capture.middleware, capture.recorder, capture.carrier",
    "terminal": "workbench.cli.app, workbench.tui.app, workbench.sessions.agent, workbench.tracker.github",
    "demo": "workbench.demo.serving, gunicorn, pytest",
    "keyring": "capture.middleware, keyring",
    "postgres": "capture.middleware, psycopg",
    "celery": "capture.middleware, capture.celery_tasks, workbench.tracker.celery_tasks",
}
TERMINAL_ALONE = ("textual", "github", "git", "typer", "claude_agent_sdk", "rich")
LICENCES = (
    "Apache",
    "BSD",
    "MIT",
    "ISC",
    "MPL",
    "Mozilla Public License",
    "PSF",
    "Python Software Foundation",
    "LGPL",
    "GNU Lesser General Public License",
    "GNU Library or Lesser General Public License",
    "The Unlicense",
    "Zlib",
    "0BSD",
    "CC0",
)


@nox.session(python=PYTHONS)
@nox.parametrize("django", ["5.2", "newest"])
def tests(session: nox.Session, django: str) -> None:
    """Run the suite; `nox -s tests -- tests/capture` runs a part of it."""
    if django == "newest" and session.python == "3.11":
        session.skip("Django 6 begins with Python 3.12")
    session.install("--require-hashes", "-r", "requirements/dev.txt")
    session.install("django~=5.2.0" if django == "5.2" else f"django{NEWEST}")
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    session.run("pytest", *(session.posargs or ["-n", "auto", "--dist", "loadgroup", "tests"]))


def _wheel(session: nox.Session) -> Path:
    folder = Path(session.create_tmp()) / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("uv", "build", "-q", "--wheel", "--out-dir", str(folder), external=True)
    return next(folder.glob("*.whl"))


@nox.session(python="3.11")
@nox.parametrize("extra", list(EXTRAS))
def extras(session: nox.Session, extra: str) -> None:
    """Install the wheel with one extra into an empty environment, away from the checkout, and use it."""
    wheel = _wheel(session)
    session.install("-c", _pins(session), f"{wheel}[{extra}]" if extra else str(wheel))
    session.chdir(session.create_tmp())
    session.run("python", "-c", f"import {EXTRAS[extra]}")
    if extra in ("terminal", "demo"):
        session.run("workbench", "--version")
        session.run("workbench", "--help", silent=True)
    else:
        loaded = "import capture.middleware, capture.recorder, sys; from importlib.util import find_spec; "
        session.run("python", "-c", f"{loaded}assert not [n for n in {TERMINAL_ALONE} if find_spec(n)]")


def _pins(session: nox.Session) -> str:
    """Return a file of the pinned versions without their hashes, as constraints for what is built here."""
    lines = Path("requirements/dev.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line.removesuffix("\\").strip() for line in lines if line and not line.startswith((" ", "#"))]
    path = Path(session.create_tmp()) / "pins.txt"
    path.write_text("\n".join(pinned) + "\n", encoding="utf-8")
    return str(path)


@nox.session(python="3.11")
def licences(session: nox.Session) -> None:
    """Name every dependency whose licence is none of those that go with ours."""
    session.install("-c", _pins(session), f"{_wheel(session)}[terminal,demo,keyring,postgres,celery]")
    session.install("pip-licenses>=5.5")
    allowed = ";".join(LICENCES)
    session.run(
        "pip-licenses", "--partial-match", f"--allow-only={allowed}", "--ignore-packages", "bug-workbench",
        silent=True,
    )  # fmt: skip


@nox.session(python="3.11")
def audit(session: nox.Session) -> None:
    """Ask the OSV database for known vulnerabilities of everything that is pinned. Needs the network.

    Where the database cannot be asked nothing is known: that fails where a release is made (CI is set there), and
    elsewhere the session is skipped, with its reason.
    """
    session.install("pip-audit>=2.10")
    found = Path(session.create_tmp()) / "audit.json"
    found.unlink(missing_ok=True)
    said = session.run(
        "pip-audit", "--require-hashes", "--disable-pip", "--vulnerability-service", "osv", "--progress-spinner", "off",
        "--format", "json", "--output", str(found), "-r", "requirements/dev.txt",
        success_codes=[0, 1], silent=True,
    )  # fmt: skip
    if not found.exists():
        why = f"The advisory database could not be asked, so nothing is known of vulnerabilities:\n{_last_line(said)}"
        session.error(why) if os.environ.get("CI") else session.skip(why)
    packages = json.loads(found.read_text(encoding="utf-8"))["dependencies"]
    vulnerable = [
        f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in packages
        for flaw in one.get("vulns", [])
    ]
    if vulnerable:
        session.error("Known vulnerabilities:\n" + "\n".join(vulnerable))
    session.log(f"No known vulnerability in {len(packages)} packages.")


def _last_line(said: object) -> str:
    return next((line for line in reversed(str(said).splitlines()) if line.strip()), "it said nothing")


@nox.session(python="3.11")
def workflows(session: nox.Session) -> None:
    """Look at the GitHub Actions files: their schema, and what makes them unsafe."""
    session.install("check-jsonschema>=0.39", "zizmor>=1.32")
    files = [str(path) for path in sorted(Path(".github/workflows").glob("*.yml"))]
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files)
    session.run("zizmor", "--offline", "--no-progress", ".github/workflows")
