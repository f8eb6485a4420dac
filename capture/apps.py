"""The Django app: connects the observers and registers the checks."""

from __future__ import annotations

from django.apps import AppConfig


class CaptureConfig(AppConfig):
    """Error capture."""

    name = "capture"
    verbose_name = "Error capture"

    def ready(self) -> None:
        """Connect what Django tells about requests, and register the checks. No thread, no database."""
        from django.core.checks import register

        from capture import checks, observers

        observers.connect()
        register(checks.check_capture)
