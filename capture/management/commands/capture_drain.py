"""`manage.py capture_drain`: carry everything over, then exit."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from capture.conf import load
from capture.errors import CaptureError
from capture.recorder import drain


class Command(BaseCommand):
    """Carry all journals over into the database, those of dead processes too, and exit."""

    help = "Carry all journals over into the database, those of dead processes too, and exit."
    requires_system_checks: list[str] = []  # noqa: RUF012  (as Django spells it)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            done = drain(load())
        except CaptureError as error:
            raise CommandError(f"{error} {error.cure}".strip()) from error
        self.stdout.write(
            f"stored {done.stored}, counted only {done.counted}, dropped {done.dropped}, "
            f"known already {done.duplicates}, new bugs {len(done.new_bugs)}"
        )
