"""`workbench init`: set up the repository of a Django project, after showing what would be written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.given import given
from workbench.cli.opening import require_terminal
from workbench.cli.output import agreed, note, say
from workbench.cli.words import noun, taught
from workbench.errors import Refused

app = noun()


@app.command(
    epilog=taught("workbench init", "0 written, or nothing to do; 1 you said no; 2 no terminal; 3 no Django project.")
)
def init(
    ctx: typer.Context,
    manage: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The manage.py, where the repository has several.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
) -> None:
    """Set up a Django project: find its settings, show what would be written, and write it on yes.

    It adds capture to INSTALLED_APPS and MIDDLEWARE, the CAPTURE setting, and [tool.workbench] in pyproject.toml. What
    cannot be changed safely is put into words for you. A second run finds nothing left to do.
    """
    from workbench import setup_site
    from workbench.text import plain, plain_lines

    plan = setup_site.plan(given(ctx).config, manage=manage)
    for line in plan.found:
        say(plain(line))
    for line in plan.by_hand:
        say(plain(line))
    if not plan.edits:
        say("Nothing to write." if plan.by_hand else "Everything is set up.")
        return
    say()
    for line in plain_lines(plan.diff, most=1_000):
        say(line)
    if not yes:
        require_terminal("init asks before it writes: it needs a terminal.", cure="To write without asking: --yes")
        if not agreed(f"Write {_files(len(plan.edits))}?"):
            raise Refused("Nothing was written.")
    for path in setup_site.apply(plan):
        say(f"wrote {path}")
    note("Next: workbench db upgrade, then manage.py check and manage.py capture_test")


def _files(count: int) -> str:
    return "this file" if count == 1 else f"these {count} files"
