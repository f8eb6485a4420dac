"""The Django app: connects the observers and registers the checks."""

from __future__ import annotations

from django.apps import AppConfig


class CaptureConfig(AppConfig):
    """Error capture."""

    name = "capture"
    verbose_name = "Error capture"

    def ready(self) -> None:
        """Connect what Django tells about requests, and register the checks. No thread, no database."""
        import contextlib

        from django.core.checks import register

        from capture import checks, observers, surroundings
        from capture.conf import load, site_folder
        from capture.release import head_at_start

        observers.connect()
        # Now, because at the first failure a newer version may lie in the folder already.
        with contextlib.suppress(Exception):
            head_at_start(site_folder())
        # A setting that cannot work is told by the check and, at the first failure, by the pipeline.
        with contextlib.suppress(Exception):
            surroundings.connect(load())
        register(checks.check_capture)
