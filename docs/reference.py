"""Write everything in the docs that is made from the code: `make docs`.

tests/docs/test_reference.py holds each file to what this makes, so that no setting, key, command, field of the filter,
answer or column changes without its page.
"""

from __future__ import annotations

import re
from pathlib import Path

from reference_pages import answers, commands, database, site_and_terminal

from workbench.bugs.filters import fields
from workbench.tui import key_reference

DOCS = Path(__file__).parent
MADE = "<!-- Made by docs/reference.py from the code. Do not edit: `make docs`. -->"


def made() -> dict[str, str]:
    """Return by their path below docs/ the files that are made, each as it should be."""
    return {
        "keys.md": key_reference.markdown(),
        "filter.md": _with_fields((DOCS / "filter.md").read_text(encoding="utf-8")),
        "reference/site-settings.md": _page(site_and_terminal.site_settings()),
        "reference/terminal-settings.md": _page(site_and_terminal.terminal_settings()),
        "reference/commands.md": _page(commands.commands()),
        "reference/json.md": _page(answers.json_shapes()),
        "reference/schemas.json": answers.schema_text(),
        "reference/database.md": _page(database.database()),
    }


def _page(lines: list[str]) -> str:
    head, *rest = lines
    return "\n".join([head, "", MADE, *rest]) + "\n"


def _with_fields(page: str) -> str:
    """Return the page of the filter with the table of its fields as they are now; people write the rest of it."""
    table = re.compile(r"(?<=^## Fields\n\n)(?:^\|.*\n)+", re.MULTILINE)
    return table.sub(lambda _: fields.markdown(), page, count=1)


def main() -> None:
    """Write every file."""
    for path, text in made().items():
        (DOCS / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
