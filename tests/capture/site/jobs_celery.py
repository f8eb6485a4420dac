"""The Celery app of the site, and every way in which a task can end."""

import logging
import os
import signal
import time

from celery import Celery
from celery.exceptions import Ignore, Reject

logger = logging.getLogger("clinic.tasks")

app = Celery("jobs", broker=os.environ["JOBS_BROKER"] or "memory://", backend=os.environ["JOBS_BROKER"] or None)
app.conf.update(
    task_default_queue=os.environ.get("JOBS_QUEUE", "jobs"),
    broker_connection_retry_on_startup=True,
    worker_enable_remote_control=False,
    result_expires=60,
    task_always_eager=bool(os.environ.get("JOBS_EAGER")),
)
PRICES = {"cat": 10}


class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(one)
        self.lock = lambda: two


@app.task
def succeeds():
    logger.warning("all is well")


@app.task
def fails(species, password="", **options):
    logger.warning("looking for %s", species)
    return PRICES[species]


@app.task(acks_late=True)
def fails_late(species):
    return PRICES[species]


@app.task(bind=True, max_retries=2, default_retry_delay=0)
def gives_up(self, species):
    try:
        return PRICES[species]
    except KeyError as error:
        raise self.retry(exc=error, countdown=0) from error


@app.task(bind=True, max_retries=2)
def succeeds_at_last(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0)


@app.task(throws=(KeyError,))
def fails_as_expected(species):
    return PRICES[species]


@app.task
def ignores():
    raise Ignore


@app.task
def rejects():
    raise Reject("no", requeue=False)


@app.task
def logs_and_fails(species):
    try:
        return PRICES[species]
    except KeyError:
        logger.exception("no price")
        raise


@app.task
def unpicklable():
    raise Unpicklable(1, 2)


@app.task
def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(time_limit=1)
def takes_too_long():
    time.sleep(30)
