"""The pages of the settings: those of the site, and those of the terminal."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from reference_pages.markdown import code, table

from capture import conf
from workbench import settings


def site_settings() -> list[str]:
    """Return the page of the keys of the `CAPTURE` setting."""
    defaults = {field.name.upper(): field.default for field in dataclasses.fields(conf.CaptureSettings)}
    found_at_start = {
        "DATABASE_URL": conf.DEFAULT_DATABASE_URL,
        "JOURNAL_DIR": ".capture",
        "RELEASE": "the commit that is checked out",
        "ENVIRONMENT": "development with DEBUG, else production",
        "PROJECT": "the package of the settings",
        "SERVER": "the host's name",
        "IN_APP": "none",
        "NOT_IN_APP": "none",
        "RULES": "none",
        "FINGERPRINT": "none",
    }

    def lines() -> Iterator[tuple[str, ...]]:
        for key, purpose in conf.PURPOSES.items():
            default = found_at_start.get(key, defaults.get(key))
            yield code(key), code(default) if key not in found_at_start else str(default), purpose

    return [
        "# Settings of the site",
        "",
        "Keys of the `CAPTURE` dictionary in Django's settings. Every one can be left out. `manage.py check` names a",
        "key or value that cannot work, and its cure. A relative path or SQLite file is taken from `BASE_DIR`.",
        "",
        *table(("key", "default", "what it says"), lines()),
        "",
        f"The variable `{conf.DISABLED_VARIABLE}`, set to anything, switches capturing off whatever the setting says:",
        "for test runs.",
    ]


def terminal_settings() -> list[str]:
    """Return the page of the settings of the terminal."""
    lines = (
        (code(one.key), code(one.default), code(one.variable), one.purpose[:1].upper() + one.purpose[1:] + ".")
        for one in settings.SETTINGS
    )
    return [
        "# Settings of the terminal",
        "",
        "In `[tool.workbench]` of the repository's pyproject.toml, or in `workbench.toml` beside it; in a repository",
        "of several projects, of the nearest folder that has them. A variable overrides a file, a flag of the command",
        "overrides a variable. `workbench config` prints each value and where it came from. Secrets are never",
        "settings: the GitHub token comes from `GITHUB_TOKEN`, `gh`, or the keyring.",
        "",
        *table(("key", "default", "variable", "what it says"), lines),
    ]
