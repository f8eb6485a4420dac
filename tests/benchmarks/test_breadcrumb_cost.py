"""What a log record pays for being noted, and what a request without one pays."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

from capture import logs, scope
from capture.conf import CaptureSettings

CALLS, ROUNDS = 5_000, 7


def _microseconds(logger: logging.Logger) -> float:
    began = time.process_time_ns()
    for _ in range(CALLS):
        logger.info("visit %d of %s", 7, "Flopsy")
    return (time.process_time_ns() - began) / CALLS / 1_000


def test_a_log_record(report: Callable[..., None], tmp_path: Path) -> None:
    """A record within a request, noted and not, in turn; nobody else listens."""
    logger = logging.getLogger("benchmark.breadcrumbs")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    settings = CaptureSettings(
        database_url="sqlite:///none.db", journal_dir=tmp_path, release=None, environment="", project=""
    )
    columns: tuple[list[float], list[float]] = ([], [])
    token = scope.current.set(scope.Scope())
    try:
        for _ in range(ROUNDS):
            for column, kept in zip(columns, (30, 0), strict=True):
                logs.connect(replace(settings, breadcrumbs=kept, threads=False))
                column.append(_microseconds(logger))
    finally:
        scope.current.reset(token)
        logs.connect(replace(settings, breadcrumbs=0, threads=False))
    noted, plain = (median(column) for column in columns)
    met = noted - plain < 5
    report("log record, kept as a breadcrumb", noted, "the record alone", plain, "µs", bar="< 5 µs more", met=met)
