"""The demo's site: a pet clinic in a repository of its own, below the user's state directory.

It is made once, in full or not at all, and found again by every later run. A marker in its `.git` says that it is
ours; a folder without one is never touched.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from workbench.bugs.store import open_store
from workbench.config import Config, load
from workbench.errors import ConfigurationError, OutsideError, Refused
from workbench.git import Repository

TEMPLATE = Path(__file__).with_name("clinic")
COMMAND_SECONDS = 120
# What the site gets to see of our environment. No token, no login, no setting of the user's own project.
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "PYTHONPATH", "TMPDIR", "TZ", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Site:
    """The pet clinic: its `folder` (a repository), and `config`, the workbench's configuration for it.

    `resumed` says that an earlier run made it.
    """

    folder: Path
    config: Config
    resumed: bool

    @property
    def log(self) -> Path:
        """The file that the web server's output goes to."""
        return self.folder.with_name("clinic.log")


def folder_of(config: Config) -> Path:
    """Return the folder that the demo's site is, or would be, in."""
    return config.state_dir / "demo" / "clinic"


def marker_of(folder: Path) -> Path:
    """Return the file that says that a folder was made by the demo, and on which commit."""
    return folder / ".git" / "bug-workbench-demo.json"


def prepare(config: Config, *, github: str = "", rehearse: str = "") -> Site:
    """Return the demo's site, and make it where there is none yet.

    `github` (owner/name) is the repository that its bugs become issues in, and `rehearse` the scenario that its fix
    sessions rehearse, both for this run. Raises `Refused` when something else is in its place.
    """
    _require_packages()
    folder = folder_of(config)
    resumed = folder.exists()
    if not resumed:
        try:
            resumed = not _make(folder)
        except OSError as error:
            raise ConfigurationError(
                f"The demo's site cannot be made in {folder.parent}: {error.strerror}.",
                cure="Set WORKBENCH_STATE_DIR to a folder that you may write to.",
            ) from error
    require_ours(folder)
    site = Site(folder, configured(config, folder, github=github, rehearse=rehearse), resumed)
    open_store(site.config, create=True).dispose()
    return site


def require_ours(folder: Path) -> None:
    """Raise `Refused` unless the demo made `folder`."""
    if not marker_of(folder).is_file():
        raise Refused(
            f"{folder} is in the way: the demo did not make it, so it stays untouched.",
            cure="Move it elsewhere, or set WORKBENCH_STATE_DIR to another folder.",
        )


def base_commit(folder: Path) -> str:
    """Return the commit that the demo was made with."""
    commit: str = json.loads(marker_of(folder).read_text(encoding="utf-8"))["commit"]
    return commit


@contextmanager
def in_use(folder: Path, *, alone: bool = False) -> Iterator[None]:
    """Hold the site: any number of runs may use it at once, but only one, `alone`, may take it away.

    The lock is the operating system's and ends with the process, however that ends.
    """
    with marker_of(folder).open("rb") as marker:
        try:
            fcntl.flock(marker, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError as error:
            raise Refused(
                f"Another run is using the demo in {folder}.", cure="End that run (its terminal), then try again."
            ) from error
        yield


def site_environment() -> dict[str, str]:
    """Return the environment that the site's processes run in."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def manage(folder: Path, *arguments: str) -> str:
    """Run `manage.py` of the site and return what it printed. Raises `OutsideError`."""
    try:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=folder,
            env=site_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=True,
        )
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise OutsideError(
            f"`manage.py {' '.join(arguments)}` of the demo's site failed: {said[-1]}",
            cure=f"Run it in {folder} to see more, or start over with `workbench demo --reset`.",
        ) from error
    return done.stdout


def _require_packages() -> None:
    missing = [name for name in ("gunicorn", "pytest", "pytest_django") if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"The demo needs packages that are not installed: {', '.join(missing)}.",
            cure="Install them: pip install 'bug-workbench[demo]'.",
        )


def _make(folder: Path) -> bool:
    """Make the site beside its place and move it there in one step; False when another run was faster."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".clinic-", dir=folder.parent) as made:
        draft = Path(made, "clinic")
        shutil.copytree(TEMPLATE, draft, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        (draft / "dot-gitignore").rename(draft / ".gitignore")
        repository = Repository.create(draft, message="Pet clinic 1.4.0: rabbits welcome")
        _introduce(repository)
        manage(draft, "migrate", "--verbosity=0")
        manage(draft, "loaddata", "practice", "--verbosity=0")
        marker_of(draft).write_text(json.dumps({"commit": repository.head()}) + "\n", encoding="utf-8")
        try:
            draft.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            return False
    return True


def _introduce(repository: Repository) -> None:
    """Give the repository a name to sign with, where git knows none: a sign-off says who."""
    try:
        repository.identity()
    except ConfigurationError:
        name = getpass.getuser()
        repository.configure("user.name", name)
        repository.configure("user.email", f"{name}@localhost")


def configured(config: Config, folder: Path, *, github: str = "", rehearse: str = "") -> Config:
    """Return the configuration for the demo's repository.

    Of the user's own, only what concerns the agent and the address of GitHub's API goes along: the demo writes to
    its own database and, unless asked, to nobody's issues.
    """
    kept = {
        key: str(value.value)
        for key, value in config.values.items()
        if value.source != "default" and (key.startswith("agent.") or key == "github.base_url")
    }
    if rehearse:
        kept["agent.rehearse"] = rehearse
    flags = kept | {
        "repository": str(folder),
        "database_url": "sqlite:///workbench.db",
        "github.repository": github,
    }
    return replace(load(flags=flags, environ={}), state_dir=config.state_dir)
