"""The command line: its global options, its nouns, and what `workbench --help` says.

Each noun lives in a file of its own, which is imported when that noun is used: `--help` and one command then cost
one file and not all of them.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from workbench.cli.given import Given
from workbench.cli.opening import open_screen
from workbench.cli.reading import keep_to_reading
from workbench.errors import Exit

NOUNS: dict[str, str] = {
    "bugs": "List, show and write bugs.",
    "fix": "Launch a coding agent on a bug, in a git worktree.",
    "sessions": "List, show and steer fix sessions.",
    "evidence": "Show what the tests proved, or prove it now.",
    "verify": "Sign a fix off, or reject it: the person's decision.",
    "worktrees": "List and remove the worktrees of fix sessions.",
    "worker": "Do what is owed to GitHub and to the bug files.",
    "db": "Create, upgrade, check and copy the shared database.",
    "doctor": "Check everything, and say what to do about each finding.",
    "config": "Print each setting and where it came from.",
    "fingerprint": "Try the grouping rules on events from a file.",
    "init": "Set up a Django project's repository.",
    "demo": "Live the whole loop on a small pet clinic.",
    "rehearse": "Serve a scripted model on loopback, for any Claude Code client.",
    "skill": "Install /bugs for Claude Code.",
    "serve": "Open the screen in a browser on this machine.",
}

EXAMPLES: dict[str, str] = {
    "workbench demo": "live the whole loop in a few minutes",
    "workbench init": "set up your own Django project",
    "workbench": "open the screen on this repository",
    "workbench bugs list --json": "the same for programs",
}

EXIT_CODES: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.NO: "the answer is no: refuted, not found, refused, checks failed",
    Exit.USAGE: "wrong usage",
    Exit.CONFIGURATION: "configuration: a setting, or a repository not fit for the step",
    Exit.OUTSIDE: "the outside failed: GitHub, the agent, git, the network",
    Exit.DATABASE: "the database cannot be used",
    Exit.INTERRUPTED: "interrupted: Ctrl+C, or the reader of the output left",
}


class Nouns(TyperGroup):
    """The root group: finds a noun's command in its own file."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the nouns in the order of the work."""
        return list(NOUNS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the noun's command, or None."""
        return noun(cmd_name) if cmd_name in NOUNS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the nouns from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(NOUNS.items()))


@cache
def noun(name: str) -> Any:
    """Return the command of a noun, made once per process: 30 ms for the largest."""
    found = typer.main.get_command(import_module(f"workbench.cli.{name}").app)
    found.name = name
    keep_to_reading(found, name)
    return found


def epilog() -> str:
    """Return the end of `workbench --help`: where to begin, and the exit codes."""
    begin = "\n".join(f"  {words:<32}{meaning}" for words, meaning in EXAMPLES.items())
    codes = "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
    return f"\b\nExamples:\n{begin}\n\n\b\nExit codes of every command:\n{codes}"


app = typer.Typer(
    cls=Nouns, rich_markup_mode=None, invoke_without_command=True, pretty_exceptions_enable=False, epilog=epilog()
)


@app.callback()
def root(
    ctx: typer.Context,
    db: Annotated[str | None, typer.Option(metavar="URL", help="The shared database, instead of the setting.")] = None,
    repo: Annotated[str | None, typer.Option(metavar="DIR", help="The checkout, instead of this folder.")] = None,
    ssh: Annotated[
        str | None, typer.Option("--ssh", metavar="USER@HOST", help="Reach the database through this host.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Change nothing, whatever is asked.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> int | None:
    """Bugs of a Django site, from the failing request to the signed-off fix.

    Without a command it opens the screen.
    """
    ctx.obj = Given(
        {"database_url": db, "repository": repo, "database.ssh": ssh}
        | ({"database.read_only": "on"} if read_only else {})
    )
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"workbench {installed('bug-workbench')}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        return open_screen(ctx.obj.flags)
    return None


def command() -> Any:
    """Return the whole command line."""
    return typer.main.get_command(app)
