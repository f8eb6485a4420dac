"""The page of the commands: their options, arguments and exit codes."""

from __future__ import annotations

import re
from argparse import Action
from collections.abc import Iterator
from typing import Any

import typer
from django.core.management import BaseCommand, find_commands, load_command_class
from reference_pages.markdown import code, table

from capture import management
from workbench.cli import app


def commands() -> list[str]:
    """Return the page of all commands, their options and exit codes."""
    out = [
        "# Commands",
        "",
        "Every command takes `--help`; those that print data take `--json`. `--db` and `--repo` come before the",
        "command: `workbench --db postgresql://… bugs list`.",
        "",
        "## Exit codes",
        "",
        *table(("code", "meaning"), ((str(code.value), meaning) for code, meaning in app.EXIT_CODES.items())),
        "",
        "## workbench",
    ]
    for path, command in _walk(typer.main.get_command(app.app), "workbench"):
        if not hasattr(command, "list_commands"):
            out += ["", f"### {path}", "", *_described(command, path)]
    return [*out, *_of_the_site()]


def _of_the_site() -> Iterator[str]:
    """Yield what `capture` adds to manage.py; the options of every command of Django are left out."""
    yield from ("", "## manage.py", "", "In the site's project, with the options that Django gives every command.")
    djangos = {one.dest for one in _options(BaseCommand(), "any")}
    for name in sorted(find_commands(management.__path__[0])):
        command = load_command_class("capture", name)
        options = [one for one in _options(command, name) if one.dest not in djangos]
        spelled = [
            f"{one.option_strings[0]} {one.dest.upper() if one.nargs is None else ''}".rstrip() for one in options
        ]
        usage = "".join(f" [{one}]" for one in spelled)
        yield from ("", f"### manage.py {name}", "", f"    manage.py {name}{usage}", "", command.help)
        if options:
            lines = ((code(words), one.help or "") for words, one in zip(spelled, options, strict=True))
            yield from ("", *table(("", "what it says"), lines))


def _options(command: BaseCommand, name: str) -> list[Action]:
    return command.create_parser("manage.py", name)._actions  # noqa: SLF001  (argparse has no other list of them)


def with_json() -> Iterator[str]:
    """Yield the commands that take `--json`, without `workbench` in front."""
    for path, command in _walk(typer.main.get_command(app.app), "workbench"):
        if any("--json" in one.opts for one in command.params):
            yield path.removeprefix("workbench ")


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    if hasattr(command, "list_commands"):
        context = command.context_class(command, info_name=path)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if not found.hidden:
                yield from _walk(found, f"{path} {name}")


def _described(command: Any, path: str) -> Iterator[str]:
    context = command.context_class(command, info_name=path)
    words = " ".join(command.collect_usage_pieces(context)).replace("[OPTIONS]", "[options]")
    yield f"    {path} {words}".rstrip()
    yield ""
    yield from _paragraphs(command.help or "")
    options = [one for one in command.params if not getattr(one, "hidden", False) and one.name != "help"]
    if options:
        yield ""
        yield from table(("", "what it says"), (_option(one, context) for one in options))
    if command.epilog:
        yield ""
        yield from _paragraphs(command.epilog)


def _paragraphs(text: str) -> Iterator[str]:
    for line in re.sub(r"[\b\f]", "", text).strip().splitlines():
        yield re.sub(r"^(Example): (.+)$", r"\1: `\2`", line.strip())


def _option(option: Any, context: Any) -> tuple[str, str]:
    names, text = option.get_help_record(context) or (option.name.upper(), "")
    return code(re.sub(r"  +", " ", names)), text.removesuffix("  [required]")
