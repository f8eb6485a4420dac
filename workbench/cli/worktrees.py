"""`workbench worktrees`: where fix sessions work, and what would be lost with each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.given import Given, given, now
from workbench.cli.opening import require_terminal
from workbench.cli.output import agreed, emit, note, say, table
from workbench.cli.words import JSON, noun, taught
from workbench.errors import NotFound, Refused, UsageError

if TYPE_CHECKING:
    from workbench.git import Repository

app = noun("List and remove the worktrees of fix sessions.")


@dataclass(frozen=True)
class Tree:
    """One worktree beside the main checkout. `lost` is what would be gone with it."""

    path: Path
    bug: str | None
    session: str | None
    state: str | None
    branch: str | None
    head: str
    started_at: datetime | None
    gone: bool
    lost: tuple[str, ...]


@app.command("list", epilog=taught("workbench worktrees list", "0, also when there are none; 3 not a git repository."))
def list_(ctx: typer.Context, as_json: JSON = False) -> None:
    """List each worktree: its bug, its age, what is uncommitted."""
    trees = _trees(given(ctx), given(ctx).repository())
    if as_json:
        emit([_shape(tree) for tree in trees])
    elif trees:
        from workbench.tui.words import age

        at = now()
        table(
            ("BUG", "SESSION", "AGE", "UNCOMMITTED", "BRANCH", "PATH"),
            [
                (
                    tree.bug or "-",
                    tree.state or "-",
                    age(tree.started_at, at) if tree.started_at else "-",
                    "folder is gone" if tree.gone else str(len(tree.lost)),
                    tree.branch or "(detached)",
                    str(tree.path),
                )
                for tree in trees
            ],
            flexible=5,
        )
    else:
        note("No worktrees beside your own checkout.")


def _shape(tree: Tree) -> dict[str, object]:
    return {
        "path": str(tree.path),
        "bug": tree.bug,
        "session": tree.session,
        "state": tree.state,
        "branch": tree.branch,
        "head": tree.head,
        "started_at": tree.started_at,
        "gone": tree.gone,
        "uncommitted": list(tree.lost),
    }


@app.command(
    epilog=taught("workbench worktrees remove B-012", "0 removed; 1 you said no, or a session is at work in it.")
)
def remove(
    ctx: typer.Context,
    which: Annotated[str, typer.Argument(metavar="BUG|PATH", help="The worktree: its path, or its bug.")],
    no_teardown: Annotated[
        bool, typer.Option("--no-teardown", help="Remove it without running worktree.teardown first.")
    ] = False,
) -> None:
    """Remove a worktree, after showing what would be lost. Its branch and its session's record stay.

    The command of the setting worktree.teardown runs first; where it fails, nothing is removed.
    """
    require_terminal("Removing a worktree asks first: it needs a terminal.", cure="See them: workbench worktrees list")
    repository = given(ctx).repository()
    tree = _named(_trees(given(ctx), repository), which)
    if tree.state in ("starting", "working", "needs_input", "waiting", "quiet"):
        raise Refused(
            f"A session is at work in {tree.path}.", cure=f"End it first: workbench sessions interrupt {tree.session}"
        )
    say(f"{tree.path}\nbranch {tree.branch or '(detached)'} stays.")
    if tree.lost:
        from workbench.text import plain

        say(f"Would be lost, for good ({len(tree.lost)}):")
        for name in tree.lost:
            say(f"  {plain(name)}")
    if not agreed(f"Remove the worktree of {tree.bug or tree.path.name}?"):
        raise Refused("Nothing was removed.")
    if not no_teardown and not tree.gone:
        _tear_down(given(ctx), tree)
    repository.remove_worktree(tree.path, discard=bool(tree.lost))
    say("Removed.")


def _tear_down(call: Given, tree: Tree) -> None:
    from workbench.fixing import preparing
    from workbench.sessions import chores
    from workbench.text import plain

    log = call.config.state_dir / "teardown.log"
    try:
        if preparing.tear_down(call.config, tree.path, bug=tree.bug or "", log=log):
            say(f"Ran worktree.teardown: {plain(call.config['worktree.teardown'])}")
    except chores.ChoreFailed as failed:
        say(chores.tail(log))
        cure = f"{failed.cure} Or leave it out: workbench worktrees remove --no-teardown {tree.path}"
        raise Refused(f"{failed} Nothing was removed.", cure=cure) from failed


def _trees(call: Given, repository: Repository) -> list[Tree]:
    with call.store() as engine:
        from capture.store.lifecycle import label
        from workbench.bugs import queries

        sessions = {Path(row.worktree): row for row in queries.sessions(engine)}
    trees = []
    for found in repository.worktrees()[1:]:
        row = sessions.get(found.path)
        trees.append(
            Tree(
                path=found.path,
                bug=label(row.bug) if row else None,
                session=row.id if row else None,
                state=row.state if row else None,
                branch=found.branch,
                head=found.head,
                started_at=row.started_at if row else None,
                gone=found.prunable,
                lost=tuple(repository.lost_by_removal(found.path)),
            )
        )
    return trees


def _named(trees: list[Tree], which: str) -> Tree:
    from capture.store.lifecycle import label
    from workbench.bugs.queries import parse_number

    path = Path(which).expanduser().absolute()
    found = [tree for tree in trees if tree.path == path]
    if not found:
        try:
            found = [tree for tree in trees if tree.bug == label(parse_number(which))]
        except UsageError:
            found = []
    if not found:
        raise NotFound(f"There is no worktree {which}.", cure="See them: workbench worktrees list")
    if len(found) > 1:
        raise UsageError(f"{which} has several worktrees.", cure="Name one by its path: workbench worktrees list")
    return found[0]
