"""What every act on bugs has in common on the command line: whose it is, what it asks, and how it is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.given import given, now
from workbench.cli.opening import require_terminal
from workbench.cli.output import agreed, emit, note, say
from workbench.cli.words import completed_bugs
from workbench.errors import Refused

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from workbench.bugs.acts import Done

BUGS = Annotated[
    list[str],
    typer.Argument(metavar="BUG…", help="The bugs: B-012 or 12, several at once.", autocompletion=completed_bugs),
]
REASON = Annotated[str, typer.Option("--reason", help="Why; it goes into the bug's history.")]
YES = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
CODES = "0 done; 1 refused, or there is no such bug, and nothing was changed; 2 wrong usage."
CODES_PERSON = CODES + " It needs a terminal and a person: agents are refused."

Act = Callable[["Engine", list[int], str, datetime], "Done"]


def do_act(ctx: typer.Context, bugs: Sequence[str], act: Act, *, as_json: bool) -> None:
    """Do one act on all bugs, and tell what became of it."""
    call = given(ctx)
    with call.store() as engine:
        from workbench.bugs.queries import parse_number

        done = act(engine, [parse_number(bug) for bug in bugs], call.person(), now())
    tell(done, as_json=as_json)


def tell(done: Done, *, as_json: bool) -> None:
    """Say what was done, or print it: {"done", "text", "bugs", "acts"}."""
    from capture.store.lifecycle import label as shown
    from workbench.text import plain

    if as_json:
        emit(
            {
                "done": bool(done.acts) or not done.text.endswith("already."),
                "text": done.text,
                "bugs": [shown(number) for number in done.numbers],
                "acts": list(done.acts),
            }
            | ({"further": done.further} if done.further else {})
        )
        return
    say(plain(done.text, 1_000))
    for further in done.further.splitlines():
        say(plain(further, 2_000))
    if done.acts:
        note("Taken back by: workbench bugs undo")


def require_person(what: str, command: str) -> None:
    """Refuse an agent, and a call without a terminal."""
    from workbench.bugs.persons import refuse_agents

    refuse_agents(os.environ, "closes, mutes or deletes bugs")
    require_terminal(f"{what} is a person's decision: it needs a terminal.", cure=f"Run it in one: {command}")


def agree(question: str) -> None:
    """Ask, and raise `Refused` unless the answer is yes."""
    if not agreed(question):
        raise Refused("Nothing was changed.", cure="Answer y to do it.")
