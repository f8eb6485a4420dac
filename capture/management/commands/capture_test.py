"""`manage.py capture_test`: send one event all the way through, and say where it landed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from django.core.management.base import BaseCommand, CommandError
from django.test import RequestFactory

from capture.builder import Draft, Failure
from capture.carrier import Carrier, open_store
from capture.conf import CaptureSettings, load
from capture.errors import CaptureError
from capture.event import Event, encode
from capture.journal import Count, Journal
from capture.store.engine import shown_url
from capture.store.failures import store_errors
from capture.store.lifecycle import label
from capture.store.tables import Bug, Occurrence, table_of


class CaptureTest(Exception):
    """The error that `manage.py capture_test` makes up. Nothing is wrong."""


class Command(BaseCommand):
    """Send one made-up error through capture, and say where it landed."""

    help = "Send one made-up error through journal and database, and say which bug it became."
    requires_system_checks: list[str] = []  # noqa: RUF012  (as Django spells it)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            settings = load()
            event, path = self._write(settings)
            engine = open_store(settings)
            try:
                Carrier(settings.journal_dir, engine).carry()
                with store_errors(engine), engine.connect() as connection:
                    number = _bug_number(connection, event.id)
            finally:
                engine.dispose()
        except CaptureError as error:
            raise CommandError(f"{error} {error.cure}".strip()) from error
        if number is None:
            raise CommandError("The event reached the journal and not the database. See `manage.py capture_status`.")
        self.stdout.write(f"event     {event.id}")
        self.stdout.write(f"journal   {path}")
        self.stdout.write(f"database  {shown_url(settings.database_url)}")
        self.stdout.write(f"bug       {label(number)} of project {settings.project!r}")

    def _write(self, settings: CaptureSettings) -> tuple[Event, str]:
        """Put the event into a journal of our own, which is a dead process's as soon as it is written."""
        request = RequestFactory().get("/capture-test/", {"from": "manage.py capture_test"})
        try:
            raise CaptureTest("A test of the way from the site to the workbench.")
        except CaptureTest as error:
            draft = Draft(Failure(error=error, request=request, status=500), settings)
        event = draft.event()
        journal = Journal(settings.journal_dir, max_bytes=settings.journal_max_bytes)
        count = Count(settings.project, draft.fingerprint.key, draft.at.timestamp())
        written = journal.append_event(encode(event), count=count)
        path = str(journal.path)
        journal.close()
        if not written:
            raise CommandError(f"The journal in {settings.journal_dir} cannot be written. See `manage.py check`.")
        return event, path


def _bug_number(connection: sa.Connection, event_id: str) -> int | None:
    bug, occurrence = table_of(Bug), table_of(Occurrence)
    query = sa.select(bug.c.number).join(occurrence, occurrence.c.bug_id == bug.c.id).where(occurrence.c.id == event_id)
    return connection.scalar(query)
