"""The demo's site, made once for each test process and copied for each test that needs one of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from workbench import config
from workbench.bugs.store import open_store
from workbench.config import Config
from workbench.demo import traffic
from workbench.demo.landing import land
from workbench.demo.serving import serve
from workbench.demo.site import Site, configured, folder_of, prepare


def config_in(state_dir: Path, **environ: str) -> Config:
    """Return the configuration of a user who is in no project, with a state directory of the test's own."""
    folder = state_dir / "elsewhere"
    folder.mkdir(parents=True, exist_ok=True)
    return config.load(start=folder, environ={"WORKBENCH_STATE_DIR": str(state_dir), **environ})


@pytest.fixture
def user_config(tmp_path: Path) -> Callable[..., Config]:
    """Return the configuration of a user, with these variables set."""
    return lambda **environ: config_in(tmp_path / "state", **environ)


@pytest.fixture(scope="session")
def made_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site as `prepare` makes it. Only to look at and to copy."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("empty-home")))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        return prepare(config_in(tmp_path_factory.mktemp("state")))


def copied(original: Site, users: Config) -> Site:
    """Return a copy of a site at the place where the demo looks for it."""
    folder = folder_of(users)
    shutil.copytree(original.folder, folder)
    return Site(folder, configured(users, folder), resumed=True)


@pytest.fixture
def site(made_site: Site, user_config: Callable[..., Config]) -> Site:
    """A copy of the site, found by the user's configuration."""
    return copied(made_site, user_config())


@pytest.fixture(scope="session")
def used_site(made_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site after its morning, with everything landed. Only to look at and to copy."""
    used = copied(made_site, config_in(tmp_path_factory.mktemp("used")))
    engine = open_store(used.config)
    with serve(used) as served:
        for answer in traffic.send(served.url):
            assert answer.as_expected
        land(used, engine, seen=traffic.failures(), environ={}, now=lambda: datetime.now(UTC))
    engine.dispose()
    return used


@pytest.fixture
def landed_site(used_site: Site, user_config: Callable[..., Config]) -> Site:
    """A copy of the site after its morning, found by the user's configuration."""
    return copied(used_site, user_config())


@pytest.fixture
def store(landed_site: Site) -> Iterator[Engine]:
    """The store of the site after its morning."""
    engine = open_store(landed_site.config)
    yield engine
    engine.dispose()
