import logging
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

PRICES = {"cat": 10}


class Command(BaseCommand):
    requires_system_checks = []  # noqa: RUF012

    def add_arguments(self, parser: ArgumentParser):
        parser.add_argument("end")
        parser.add_argument("--password")

    def handle(self, *args, end, **options):
        logging.getLogger("clinic").warning("pricing")
        if end == "usage":
            raise CommandError("wrong usage")
        if end == "exit":
            raise SystemExit(3)
        if end == "interrupt":
            raise KeyboardInterrupt
        if end == "logged":
            try:
                PRICES["rabbit"]
            except KeyError:
                logging.getLogger("clinic").exception("no price")
                raise
        if end == "fault":
            PRICES["rabbit"]
