"""`workbench skill`: /bugs and its session-start hook for Claude Code."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.given import Given, given
from workbench.cli.opening import require_terminal
from workbench.cli.output import agreed, emit, note, say
from workbench.cli.words import JSON, noun, taught
from workbench.errors import Refused

if TYPE_CHECKING:
    from workbench.edits import Edit
    from workbench.skill.installing import Place

app = noun("Install /bugs for Claude Code.")

USER = Annotated[bool, typer.Option("--user", help="For you, in every repository, and not for this one alone.")]
YES = Annotated[bool, typer.Option("--yes", help="Write without asking.")]


@app.command(
    epilog=taught("workbench skill install", "0 installed, or nothing to do; 1 refused, or you said no; 2 no terminal.")
)
def install(ctx: typer.Context, user: USER = False, yes: YES = False) -> None:
    """Install the skill and its hook, after showing them.

    It writes skills/bugs/SKILL.md and one SessionStart hook in settings.json, below .claude of the repository, or of
    your home with --user. What else stands there stays. A second run brings an older version of ours up to date.
    """
    from workbench.skill import installing

    place = _place(given(ctx), user=user)
    if not _changed(place, installing.install(place), yes=yes, nothing="Everything is installed."):
        return
    note("Next: begin a session of Claude Code here, and type /bugs")
    if shutil.which("workbench") is None:
        note("`workbench` is not on the PATH: start Claude Code where it is, in its activated environment.")


@app.command(
    epilog=taught(
        "workbench skill uninstall", "0 taken away, or nothing was there; 1 refused, or you said no; 2 no terminal."
    )
)
def uninstall(ctx: typer.Context, user: USER = False, yes: YES = False) -> None:
    """Take away exactly what install has written."""
    from workbench.skill import installing

    place = _place(given(ctx), user=user)
    _changed(place, installing.uninstall(place), yes=yes, nothing="Nothing of ours is there.")


@app.command(epilog=taught("workbench skill show", "0; 3 when a settings.json cannot be read."))
def show(ctx: typer.Context, as_json: JSON = False) -> None:
    """Show what is installed, for this repository and for you."""
    from workbench.skill import installing
    from workbench.text import plain

    found = [installing.installed(_place(given(ctx), user=user)) for user in (False, True)]
    files = [
        {"for": each.place.name, "what": what, "state": state, "path": str(path)}
        for each in found
        for what, state, path in (("skill", each.skill, each.place.skill), ("hook", each.hook, each.place.settings))
    ]
    if as_json:
        emit(files)
        return
    for file in files:
        say(f"{file['for']:<9}{file['what']:<7}{file['state']:<9}{plain(file['path'])}")


@app.command(epilog=taught("workbench skill plugin ~/plugins/bugs", "0 written, or all is there; 1 refused."))
def plugin(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty folder, a new one, or an earlier one.")],
) -> None:
    """Write the skill and its hook as a plugin of Claude Code.

    Then: claude --plugin-dir DIR. Instead of install, not beside it: both would greet.
    """
    from workbench import edits
    from workbench.skill import plugin as written
    from workbench.text import plain

    planned = written.planned(folder.expanduser().absolute())
    for edit in planned:
        edit.path.parent.mkdir(parents=True, exist_ok=True)
    for path in edits.write(planned):
        say(f"wrote {plain(path)}")
    if not planned:
        say("Everything is there.")
    note(f"Next: claude --plugin-dir {shlex.quote(str(folder))}")


@app.command(
    epilog=taught(
        "workbench skill issues 41",
        "0; 1 when there is no such issue; 3 without github.repository; 4 when GitHub does not answer.",
    )
)
def issues(
    ctx: typer.Context,
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="Show this issue.")] = None,
    as_json: JSON = False,
) -> None:
    """List the open issues with the label bug.

    For where there is no database. It only reads. A token is used where there is one; what is public needs none.
    """
    from workbench.cli import open_issues

    open_issues.show(given(ctx).config, number, as_json=as_json)


@app.command(
    "session-start", epilog=taught("echo '{}' | workbench skill session-start", "0 always: it must not stop a session.")
)
def session_start(ctx: typer.Context) -> None:
    """Print what an agent should know of the bugs: the hook.

    Claude Code runs it when a session begins, with JSON on the input. In a fix session it prints nothing, since that
    has a brief of its own.
    """
    from workbench.cli.session_start import greet

    greet(given(ctx).flags)


def _place(call: Given, *, user: bool) -> Place:
    from workbench.skill import installing

    return installing.of_user(os.environ) if user else installing.in_repository(call.config.repo)


def _changed(place: Place, planned: tuple[Edit, ...], *, yes: bool, nothing: str) -> bool:
    """Show the edits and make them on yes. Return False where there are none."""
    from workbench import edits
    from workbench.skill import installing
    from workbench.text import plain_lines

    if not planned:
        say(nothing)
        return False
    for line in plain_lines(edits.diff(planned, place.root), most=1_000):
        say(line)
    if not yes:
        require_terminal("It asks before it writes: it needs a terminal.", cure="To write without asking: --yes")
        if not agreed("Do this?"):
            raise Refused("Nothing was changed.")
    for path in installing.apply(place, planned):
        say(f"{'wrote' if path.exists() else 'removed'} {path}")
    return True
