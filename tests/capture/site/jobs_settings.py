"""The settings of a site with management commands and, where a broker is named, Celery tasks."""

import os

from broken_settings import *  # noqa: F403

if "JOBS_BROKER" in os.environ:
    import jobs_celery  # noqa: F401  (as a site's package imports its Celery app)

INSTALLED_APPS = ["jobs", "capture"]
