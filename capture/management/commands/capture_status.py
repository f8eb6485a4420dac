"""`manage.py capture_status`: the ledger of everything that capture met."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from capture.conf import load
from capture.errors import CaptureError
from capture.ledger import Ledger, ledger


class Command(BaseCommand):
    """Show what became of every failure: stored, counted, dropped (and why), or still in a journal."""

    help = "Show what became of every failure: stored, counted, dropped (and why), or still in a journal."
    requires_system_checks: list[str] = []  # noqa: RUF012  (as Django spells it)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            found = ledger(load())
        except CaptureError as error:
            raise CommandError(f"{error} {error.cure}".strip()) from error
        if options["json"]:
            self.stdout.write(json.dumps(found.as_dict(), indent=2))
        else:
            self.stdout.write(_text(found))
        if found.journal_error:
            raise CommandError(
                f"The journal folder {found.journal_dir} cannot be written: {found.journal_error}. Failures are not "
                "kept, and this ledger does not know of them. Give the site's user the right to write there."
            )


def _text(found: Ledger) -> str:
    reasons = ", ".join(f"{reason} {number}" for reason, number in sorted(found.dropped.items()))
    lines = [
        f"seen          {found.seen}",
        f"stored        {found.stored}",
        f"counted only  {found.counted}",
        f"dropped       {sum(found.dropped.values())}" + (f" ({reasons})" if reasons else ""),
        f"pending       {found.pending} in {found.journals} journals of {found.journal_dir}",
        f"lines         {len(found.processes)} in the database, {sum(one['folded'] for one in found.processes)} folded",
        f"balanced      {'yes' if found.balanced else 'NO'}",
        f"database      {found.database}" + (f": {found.database_error}" if found.database_error else ""),
    ]
    return "\n".join(lines)
