"""Which code is the site's own: by its file, and by the names of modules that the site chose."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace

import pytest

from capture import in_app
from capture import pipeline as pipelines
from capture.builder import Failure
from capture.in_app import is_in_app

INSTALLED = "/srv/venv/lib/python3.11/site-packages/shop/views.py"
SHOP = """
import time

class OutOfStock(Exception):
    def __str__(self):
        time.sleep(0)
        return "out of " + self.args[0]


def sell(secret_of_the_house):
    raise OutOfStock("hay")
"""


@pytest.fixture(autouse=True)
def chosen():
    """A function that chooses modules, for this test."""
    yield in_app.choose
    in_app.choose()


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A module of the site's own that was installed as libraries are."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "installed_shop.py").write_text(SHOP)
    monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module("installed_shop")
    del sys.modules["installed_shop"]


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("shop", "shop"),
        ("shop", "shop.views"),
        ("shop.*", "shop.views"),
        ("company_*", "company_shop"),
        ("company_*", "company_shop.views"),
        ("shop.views", "shop.views"),
    ],
)
def test_a_name_stands_for_all_that_is_inside_of_it(chosen, name, module):
    assert not is_in_app(INSTALLED, module)
    chosen([name])
    assert is_in_app(INSTALLED, module)
    chosen([], [name])
    assert not is_in_app("/srv/clinic/views.py", module)


@pytest.mark.parametrize("module", ["shopping", "my.shop", "Shop", "", "company.shop"])
def test_and_for_nothing_else(chosen, module):
    chosen(["shop", "company_*"], ["shop", "company_*"])
    assert not is_in_app(INSTALLED, module)
    assert is_in_app("/srv/clinic/views.py", module)


def test_what_is_not_the_sites_own_wins(chosen):
    chosen(["shop"], ["shop.vendored"])
    assert is_in_app(INSTALLED, "shop.views")
    assert not is_in_app(INSTALLED, "shop.vendored.six")


def test_code_without_a_file_is_nobodys(chosen):
    chosen(["shop"])
    assert not is_in_app("<string>", "shop.models"), "as the methods that a dataclass gets"


def sold(shop, capture_settings, captured, **changes):
    mine = pipelines.Pipeline(replace(capture_settings, **changes))
    before = pipelines.install(mine)
    try:
        shop.sell("beans")
    except Exception as error:  # noqa: BLE001
        pipelines.capture(Failure(error=error, status=500))
    finally:
        mine.journal.close()
        pipelines.install(before)
    return captured()[-1]


def test_settings_decide_for_what_is_captured_from_then_on(shop, capture_settings, captured):
    as_library = sold(shop, capture_settings, captured)
    own = sold(shop, capture_settings, captured, in_app=("installed_shop",))
    again = sold(shop, capture_settings, captured)
    assert [event.surfaced.frames[-1].in_app for event in (as_library, own, again)] == [False, True, False]
    assert as_library.fingerprint == again.fingerprint != own.fingerprint
    assert own.fingerprint.parts[-1].value == 'installed_shop:sell: raise OutOfStock("hay")'
    assert own.surfaced.frames[-1].locals
    assert not as_library.surfaced.frames[-1].locals


def test_code_of_the_sites_own_is_not_trusted_as_a_librarys(shop, capture_settings, captured):
    """Its `__str__` may wait for something; those of libraries only format."""
    assert sold(shop, capture_settings, captured).surfaced.message == "out of hay"
    assert sold(shop, capture_settings, captured, in_app=("installed_shop",)).surfaced.message == "hay"


def test_what_is_vendored_is_no_line_of_the_sites_own(capture_settings, captured):
    event = sold(sys.modules[__name__], capture_settings, captured, not_in_app=(__name__,))
    assert {frame.in_app for frame in event.surfaced.frames} == {False}
    assert sold(sys.modules[__name__], capture_settings, captured).surfaced.frames[-1].in_app


def sell(_what):
    raise LookupError
