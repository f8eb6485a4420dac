"""Views that log, tag, query and report: what happens around a response."""

import asyncio
import contextvars
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

import capture

logger = logging.getLogger("clinic.prices")
PRICES = {"cat": 10}


def price_of(species):
    return PRICES[species]


def logs_and_answers(request, status):
    try:
        price_of("rabbit")
    except KeyError:
        logger.exception("no price for %s", "rabbit")
    return HttpResponse("as told", status=status)


async def async_logs_and_answers(request, status):
    return logs_and_answers(request, status)


def logs_and_raises(request):
    try:
        price_of("rabbit")
    except KeyError:
        logger.exception("no price")
        raise


def logs_one_raises_another(request):
    try:
        price_of("rabbit")
    except KeyError:
        logger.exception("no price")
    return HttpResponse(1 / 0)


def logs_and_refuses(request):
    try:
        price_of("rabbit")
    except KeyError:
        logger.exception("no price")
    raise Http404("no pet")


def reports_and_answers(request, status):
    try:
        price_of("rabbit")
    except KeyError:
        told = capture.capture_exception()
        logger.exception("no price")
    return JsonResponse({"told": told}, status=status)


def reports_and_raises_another(request):
    try:
        price_of("rabbit")
    except KeyError:
        capture.capture_exception()
    return HttpResponse(1 / 0)


def logs_many(request, number):
    for _ in range(number):
        try:
            price_of("rabbit")
        except KeyError:
            logger.exception("no price")
    return HttpResponse("fine")


def says_error(request, status):
    logger.error("visit %d of %s is gone", 17, "Flopsy")
    return HttpResponse("as told", status=status)


def streams(request):
    def body():
        yield b"one"
        try:
            price_of("rabbit")
        except KeyError:
            logger.exception("no price")
            raise

    logger.info("before the body")
    return StreamingHttpResponse(body())


def ends_with_system_exit(request):
    try:
        price_of("rabbit")
    except KeyError:
        logger.exception("no price")
    raise SystemExit(1)


def walks(request):
    logger.info("order %s of %s", 7, {"password": "hunter2", "name": "Flopsy"})
    logging.getLogger("clinic.silent").warning("card 4111 1111 1111 1111")
    logger.debug("not noted")
    capture.tag("shop", "north")
    capture.context("order", {"id": 7, "api_key": "hunter2"})
    with capture.context("step", {"name": "done"}):
        logger.warning("in the step")
    with capture.context("step", {"name": "pricing"}):
        return HttpResponse(price_of("rabbit"))


async def async_walks(request):
    return walks(request)


def walks_in_a_thread(request):
    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: context.run(logger.info, "from the thread"))
    thread.start()
    thread.join()
    return HttpResponse(price_of("rabbit"))


def logs_and_ends(request):
    try:
        price_of("rabbit")
    except KeyError:
        logger.exception("no price")
        raise SystemExit(1)  # noqa: B904


def ends_and_logs(request):
    try:
        raise SystemExit(1)
    except SystemExit:
        logger.exception("told to end")
        raise


class Timeout(BaseException):
    """As gevent's is: no `Exception`, so that nobody handles it by accident."""


class GreenletExit(BaseException):
    """As gevent's is, which cancels with it."""


ENDS = {
    "fails": (SystemExit, 1),
    "says": (SystemExit, "no price list"),
    "exits": (SystemExit, 0),
    "leaves": (SystemExit,),
    "interrupted": (KeyboardInterrupt,),
    "closed": (GeneratorExit,),
    "cancelled": (asyncio.CancelledError,),
    "timed-out": (Timeout, "5 seconds"),
    "killed": (GreenletExit,),
}


def ends(request, how):
    kind, *arguments = ENDS[how]
    raise kind(*arguments)


async def async_ends(request, how):
    kind, *arguments = ENDS[how]
    raise kind(*arguments)


def reports_and_ends(request):
    error = SystemExit(1)
    capture.capture_exception(error)
    raise error


def tells(how):
    """Fail, and tell of it here, where the request is not known."""
    try:
        price_of("rabbit")
    except KeyError:
        capture.capture_exception() if how == "reports" else logger.exception("no price")
        raise


def fails_in_a_pool(request, how, then):
    with ThreadPoolExecutor(max_workers=1) as pool:
        asked_for = pool.submit(tells, how)
    try:
        return HttpResponse(asked_for.result())
    except KeyError:
        if then == "raises":
            raise
        if then == "reports":
            capture.capture_exception()
        else:
            logger.exception("no price in a pool")
    return HttpResponse("as told", status=503 if then == "refuses" else 200)


KEPT = LookupError("kept by the module")


def raises_what_is_kept(request):
    raise KEPT


def queries(request):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT %s || 'o''hunter' || 4111111111111111", ["hunter2"])
        try:
            cursor.execute("SELECT broken FROM nowhere WHERE id = %s", ["hunter2"])
        except Exception:  # noqa: BLE001
            return HttpResponse(price_of("rabbit"))


urlpatterns = [
    path("logs/<int:status>/", logs_and_answers),
    path("async-logs/<int:status>/", async_logs_and_answers),
    path("logs-and-raises/", logs_and_raises),
    path("logs-one-raises-another/", logs_one_raises_another),
    path("logs-and-refuses/", logs_and_refuses),
    path("reports/<int:status>/", reports_and_answers),
    path("reports-and-raises-another/", reports_and_raises_another),
    path("logs-many/<int:number>/", logs_many),
    path("says/<int:status>/", says_error),
    path("streams/", streams),
    path("exits/", ends_with_system_exit),
    path("ends/<how>/", ends),
    path("async-ends/<how>/", async_ends),
    path("reports-and-ends/", reports_and_ends),
    path("logs-and-ends/", logs_and_ends),
    path("ends-and-logs/", ends_and_logs),
    path("walks/", walks),
    path("async-walks/", async_walks),
    path("thread/", walks_in_a_thread),
    path("pool/<how>/<then>/", fails_in_a_pool),
    path("kept/", raises_what_is_kept),
    path("queries/", queries),
]
