"""Our own Celery app, for a site that has none: `celery -A workbench.tracker.celery worker -B`.

The broker is named by CELERY_BROKER_URL, all else by the configuration that `workbench` has. With
DJANGO_SETTINGS_MODULE, and the site on the path, journals are carried over and events pruned as well.
"""

from __future__ import annotations

import os

from celery import Celery  # type: ignore[import-untyped]

from workbench import config
from workbench.tracker import celery_tasks

QUEUE = "workbench"
BEAT_FILE = config.state_dir() / "celerybeat-schedule"  # and not in the checkout that it is started in

BEAT_FILE.parent.mkdir(parents=True, exist_ok=True)

app = Celery("workbench")
app.conf.update(
    task_default_queue=QUEUE,
    task_ignore_result=True,
    beat_schedule=celery_tasks.beat_schedule(),
    beat_schedule_filename=str(BEAT_FILE),
    include=["workbench.tracker.celery_tasks"],
    # A message in the hands of a busy process would wait there while another one has nothing to do.
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # What is acknowledged late comes again when the connection is back; it need not be done twice at once.
    worker_cancel_long_running_tasks_on_connection_loss=True,
)

if os.environ.get("DJANGO_SETTINGS_MODULE"):
    import django

    from capture import celery_tasks as site_tasks

    django.setup()
    app.conf.include = [*app.conf.include, "capture.celery_tasks"]
    app.conf.beat_schedule = {**app.conf.beat_schedule, **site_tasks.beat_schedule()}
