"""Write the reference pages of the docs from the code itself: `make docs`.

Each page is held to what this makes by tests/docs/test_reference.py, so that a setting, a command or a column cannot
change without its page.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import typer

from capture import conf
from capture.store.tables import metadata
from workbench import settings
from workbench.bugs import rows
from workbench.cli import app, output, shapes
from workbench.cli.answers import schemas

FOLDER = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/reference.py from the code. Do not edit: `make docs`. -->"
# Some version of each, so that the examples are the same on every day.
AT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def table(head: tuple[str, ...], lines: Iterator[tuple[str, ...]]) -> list[str]:
    """Return a table of Markdown."""
    rule = "|" + "---|" * len(head)
    return [_line(head), rule, *map(_line, lines)]


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _code(value: object) -> str:
    return f"`{value}`" if value not in ("", None) else ""


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
        "RULES": "none",
        "FINGERPRINT": "none",
    }

    def lines() -> Iterator[tuple[str, ...]]:
        for key, purpose in conf.PURPOSES.items():
            default = found_at_start.get(key, defaults.get(key))
            yield _code(key), _code(default) if key not in found_at_start else str(default), purpose

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
        (_code(one.key), _code(one.default), _code(one.variable), one.purpose[:1].upper() + one.purpose[1:] + ".")
        for one in settings.SETTINGS
    )
    return [
        "# Settings of the terminal",
        "",
        "In `[tool.workbench]` of the repository's pyproject.toml, or in `workbench.toml` beside it; a variable",
        "overrides a file, a flag of the command overrides a variable. `workbench config` prints each value and where",
        "it came from. Secrets are never settings: the GitHub token comes from `GITHUB_TOKEN`, `gh`, or the keyring.",
        "",
        *table(("key", "default", "variable", "what it says"), lines),
    ]


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
    return out


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
    return _code(re.sub(r"  +", " ", names)), text.removesuffix("  [required]")


def json_shapes() -> list[str]:
    """Return the page of what `--json` prints, by examples that the code itself makes."""
    issue = rows.IssueLink("acme/clinic", 34, "https://github.com/acme/clinic/issues/34", "open")
    bug = rows.BugRow(
        number=12,
        state="review",
        is_recurrence=False,
        title="KeyError: 'price' in detail",
        kind="exception",
        count=41,
        trend=(*(0,) * 22, 3, 38),
        first_seen=AT,
        last_seen=AT,
        exception_type="KeyError",
        status_code=500,
        method="GET",
        route="/api/pets/<int:pk>/",
        fingerprint="5f0c1d2e3a4b5968",
        project="clinic",
        environment="production",
        release="8c1f0aa",
        issue=issue,
        session_state="done",
        users=7,
    )
    run = rows.SessionRow(
        id="0198f0c2",
        bug=12,
        state="done",
        activity="",
        rehearsal=None,
        model="",
        launched_by="Ada <ada@example.com>",
        cost_usd=0.42,
        tokens=61_200,
        turns=14,
        repository="/srv/clinic",
        branch="workbench/B-012-1",
        worktree="/home/ada/.local/state/bug-workbench/worktrees/B-012-1",
        base_commit="8c1f0aa",
        result_commit="b71e4d9",
        host="laptop",
        pid=None,
        heartbeat_at=None,
        started_at=AT,
        ended_at=AT,
    )
    proof = rows.EvidenceView(
        id=3,
        session_id="0198f0c2",
        base_commit="8c1f0aa",
        result_commit="b71e4d9",
        verdict="demonstrated",
        reason="The new test fails on the base with the recorded fault and passes on the fix; nothing else broke.",
        flags=(),
        runs=(),
        started_at=AT,
        ended_at=AT,
    )
    page = rows.BugPage(
        row=bug,
        fingerprints=(),
        event=None,
        occurrences=(),
        history=(rows.TransitionRow(AT, "system", "capture", None, "open", "first seen"),),
        sessions=(),
        evidence=None,
        sign_offs=(),
        owed=(),
    )
    extra = {key: value for key, value in shapes.page(page).items() if key not in shapes.bug(bug)}
    return [
        "# What `--json` prints",
        "",
        "These keys stay: more may be added, none is renamed or taken away. Times are ISO 8601 in UTC. All text is",
        "ASCII with escapes, so that no captured character can act on a terminal.",
        "",
        "[schemas.json](schemas.json) is a JSON Schema of every answer, made from the types that the code is held to:",
        "the one of `workbench bugs list --json` is at `#/properties/bugs list`. Each line of `workbench fingerprint`",
        "is an answer of its own.",
        "",
        *table(("command", "answers with"), ((_code(name), _answer(found)) for name, found in _answers())),
        "",
        "## A bug",
        "",
        "One object of the array of `workbench bugs list --json`:",
        "",
        *_example(shapes.bug(bug)),
        "",
        "`workbench bugs show B-012 --json` has these as well. `event` is the latest stored event whole:",
        "",
        *_example(extra),
        "",
        "## A session",
        "",
        "One object of the array of `workbench sessions list --json`:",
        "",
        *_example(shapes.session(run)),
        "",
        "## Evidence",
        "",
        "`workbench evidence B-012 --json`; freshly collected evidence (`--base`, `--result`) has the same keys but",
        "for `id` and `session`:",
        "",
        *_example(shapes.evidence(proof)),
    ]


def _answers() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from schemas.document()["properties"].items()


def _answer(schema: dict[str, Any]) -> str:
    """Return in words what a schema asks for."""
    if "anyOf" in schema:
        return " or ".join(map(_answer, schema["anyOf"]))
    if "items" in schema:
        return f"an array of {_answer(schema['items'])}"
    return _code(schema["$ref"].rpartition("/")[2]) if "$ref" in schema else f"{schema['type']}s"


def _example(value: Any) -> list[str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        output.emit(value)
    return ["```json", *printed.getvalue().splitlines(), "```"]


def database() -> list[str]:
    """Return the page of the shared database: a diagram, and each table with its columns."""
    out = [
        "# The shared database",
        "",
        "One schema on SQLite and on PostgreSQL; `workbench db upgrade` brings it up to date, and a site or terminal",
        "of another version says so instead of writing. Read from it as you like; write through the commands only.",
        "",
        "```mermaid",
        "erDiagram",
        *(f"    {key.column.table.name} ||--o{{ {one.name} : {key.parent.name}" for one, key in _keys()),
        "```",
    ]
    for one in sorted(metadata.tables.values(), key=lambda each: each.name):
        out += ["", f"## {one.name}", "", *table(("column", "type", ""), map(_column, one.columns))]
    return out


def _keys() -> list[tuple[sa.Table, sa.ForeignKey]]:
    pairs = [(one, key) for one in metadata.tables.values() for key in one.foreign_keys]
    return sorted(pairs, key=lambda pair: (pair[1].column.table.name, pair[0].name, pair[1].parent.name))


def _column(column: sa.Column[Any]) -> tuple[str, str, str]:
    kind = column.type.impl if isinstance(column.type, sa.types.TypeDecorator) else column.type
    words = ["primary key"] if column.primary_key else []
    words += [f"→ {key.column.table.name}" for key in column.foreign_keys]
    words += ["unique"] if column.unique else []
    words += ["may be empty"] if column.nullable else []
    return _code(column.name), str(kind).lower(), ", ".join(words)


PAGES: dict[str, Callable[[], list[str]]] = {
    "site-settings": site_settings,
    "terminal-settings": terminal_settings,
    "commands": commands,
    "json": json_shapes,
    "database": database,
}


def schema_text() -> str:
    """Return docs/reference/schemas.json as it should be."""
    return json.dumps(schemas.document(), indent=1) + "\n"


def text_of(page: str) -> str:
    """Return a page as it should stand in docs/reference."""
    head, *rest = PAGES[page]()
    return "\n".join([head, "", MADE, *rest]) + "\n"


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for page in PAGES:
        (FOLDER / f"{page}.md").write_text(text_of(page), encoding="utf-8")
    (FOLDER / "schemas.json").write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
