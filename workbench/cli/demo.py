"""`workbench demo`: the whole loop on a small pet clinic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.given import given, now
from workbench.cli.opening import attended, patience
from workbench.cli.output import agreed, say, tell
from workbench.cli.words import noun, taught
from workbench.errors import Refused

if TYPE_CHECKING:
    from workbench.config import Config

app = noun()


@app.command(
    epilog=taught(
        "workbench demo --rehearse",
        "0; 1 refused, or you said no; 3 a setting cannot work; 4 a port is in use, the site or the agent"
        " failed, or nobody answered the agent; 5 no usable database.",
    )
)
def demo(
    ctx: typer.Context,
    reset: Annotated[
        bool, typer.Option("--reset", help="Take away what an earlier demo made, and start over.")
    ] = False,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Use the rehearsal model, even with a login of Claude Code.")
    ] = False,
    github: Annotated[str, typer.Option(metavar="OWNER/NAME", help="Open issues there; needs GITHUB_TOKEN.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The site's port; 0 takes a free one.")] = 0,
    no_screen: Annotated[
        bool, typer.Option("--no-screen", help="Tell the story to its end, also in a terminal.")
    ] = False,
) -> int:
    """Live the whole loop: a real site fails, its bugs land, one is fixed and proven, and you sign it off.

    It needs no account and no configuration. A Django site is made in a repository of its own below your state
    directory and gets real requests. In a terminal the screen then opens on its bugs: enter shows one, f launches a fix
    session, v signs it off. Without a terminal the story goes on to the evidence, and the sign-off is left to you. A
    second run goes on where the first one stopped.
    """
    from workbench.demo.story import story

    config = given(ctx).config
    if reset:
        _start_over(config)
    return story(
        config,
        out=tell,
        open_screen=_screen if attended() and not no_screen else None,
        port=port,
        github=github,
        rehearse=rehearse,
        patience=patience(),
    )


def _start_over(config: Config) -> None:
    from workbench.demo.reset import remains, reset
    from workbench.text import plain

    found = remains(config, now=now())
    if found is None:
        return
    discard = False
    if found.yours and attended():
        say("Starting over would lose what you did in the demo:")
        for line in found.yours:
            say(f"  {plain(line)}")
        discard = agreed(f"Take away {found.folder}?")
        if not discard:
            raise Refused("Nothing was taken away.", cure="To go on with it as it is: workbench demo")
    reset(config, discard=discard, now=now())
    say(f"Took away {found.folder}.\n")


def _screen(config: Config) -> int:
    from workbench.tui.app import run

    return run(config)
