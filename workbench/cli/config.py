"""`workbench config`: each setting, its value and where it came from."""

from __future__ import annotations

from typing import Any

import typer

from workbench.cli.given import given
from workbench.cli.output import emit, say, table, without_password
from workbench.cli.words import JSON, noun, taught

app = noun()


@app.command(epilog=taught("WORKBENCH_AGENT_MAX_TURNS=20 workbench config", "0; 3 when a setting cannot work."))
def config(ctx: typer.Context, as_json: JSON = False) -> None:
    """Print each setting, its value, and where it came from. Secrets are never shown.

    Lowest first: defaults, [tool.workbench] in pyproject.toml, workbench.toml, WORKBENCH_* variables, flags.
    """
    from workbench.settings import SETTINGS
    from workbench.tui.keymap import keymap

    loaded = given(ctx).config
    keymap(loaded)  # raises for keys that the screen would not open with
    found = {
        setting.key: {
            "value": _shown(setting.key, loaded.values[setting.key].value),
            "source": loaded.values[setting.key].source,
            "variable": setting.variable,
            "purpose": setting.purpose,
        }
        for setting in SETTINGS
    }
    if as_json:
        emit({"repository": str(loaded.repo), "state_directory": str(loaded.state_dir), "settings": found})
        return
    table(("SETTING", "VALUE", "FROM"), [(k, str(v["value"]), str(v["source"])) for k, v in found.items()], flexible=1)
    say(f"\nrepository       {loaded.repo}\nstate directory  {loaded.state_dir}")


def _shown(key: str, value: Any) -> Any:
    return without_password(value) if key == "database_url" else value
