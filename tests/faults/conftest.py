"""A site for each test, and a PostgreSQL server that a test may stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.postgres import Server, binaries
from faults.sites import Site


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """A function that makes a site; its processes end with the test."""
    sites: list[Site] = []

    def make(**options: Any) -> Site:
        folder = tmp_path / f"site-{len(sites)}"
        folder.mkdir()
        sites.append(Site(folder, **options))
        return sites[-1]

    yield make
    for site in sites:
        site.stop()


@pytest.fixture(scope="session")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server of these tests' own, with its own data and port, running; who stops it starts it again."""
    folder = binaries()
    if folder is None:
        pytest.skip("no PostgreSQL server is installed (initdb was not found)")
    server = Server(folder)
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of each kind; none is named for SQLite, where a site has its own."""
    if request.param == "sqlite":
        return ""
    server: Server = request.getfixturevalue("own_postgres")
    return server.new_database()
