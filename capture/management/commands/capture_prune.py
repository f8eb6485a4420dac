"""`manage.py capture_prune`: prune and fold now what the site would bit by bit."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from capture.carrier import open_store
from capture.conf import load
from capture.errors import CaptureError
from capture.upkeep import Upkeep

SECONDS_BETWEEN_LINES = 2.0


class Command(BaseCommand):
    """Delete stored events beyond those that are kept of each fault, and fold old lines of the ledger."""

    help = (
        "Delete the stored events of each fault beyond its first, its last and CAPTURE['KEEP_EVENTS'] between them, "
        "evenly in time, and fold the ledger's lines of journals that are gone. Counts and tallies stay. The site does "
        "the same in the background, a little at a time; it may go on while this runs, and this may be interrupted."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012  (as Django spells it)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--seconds", type=float, default=None, help="stop after about so many seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        left, deleted, done = options["seconds"], 0, False
        if left is not None and left <= 0:
            raise CommandError("--seconds must be more than 0.")
        try:
            settings = load()
            engine = open_store(settings)
            try:
                upkeep = Upkeep(settings, engine)
                while not done and (left is None or left > 0):
                    seconds = SECONDS_BETWEEN_LINES if left is None else min(left, SECONDS_BETWEEN_LINES)
                    pruned = upkeep.round(seconds=seconds)
                    deleted, done = deleted + pruned.occurrences, pruned.done
                    left = None if left is None else left - seconds
                    if not done:
                        self.stdout.write(f"deleted {deleted} events so far …")
                        self.stdout.flush()
            finally:
                engine.dispose()
        except CaptureError as error:
            raise CommandError(f"{error} {error.cure}".strip()) from error
        self.stdout.write(f"deleted {deleted} events" + ("" if done else "; there are more"))
