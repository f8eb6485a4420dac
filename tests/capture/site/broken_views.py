"""Every way in which a view can fail."""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import (
    FileResponse,
    Http404,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
    UnreadablePostError,
)
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET

import capture

PRICES = {"cat": 10}


def healthy(request):
    return HttpResponse("fine")


def price_of(species):
    user_password = "hunter2"
    assert user_password
    return PRICES[species]


def fault(request, pk=1):
    return HttpResponse(price_of("rabbit"))


async def async_fault(request):
    return HttpResponse(price_of("rabbit"))


def other_fault(request):
    return HttpResponse(1 / 0)


def chained(request):
    try:
        price_of("rabbit")
    except KeyError as error:
        raise ValueError("no price, token=abcdefghijkl") from error


def missing(request, pk):
    raise Http404(f"no pet {pk}")


async def async_missing(request, pk):
    raise Http404(f"no pet {pk}")


class NoSuchPet(Http404):
    pass


class NotYours(PermissionDenied):
    pass


class Odd(SuspiciousOperation):
    pass


class BadShape(BadRequest):
    pass


REFUSED = {error.__name__: error for error in (NoSuchPet, NotYours, Odd, BadShape)}


def refuses(request, name):
    raise REFUSED[name]("as a class of its own")


async def async_refuses(request, name):
    raise REFUSED[name]("as a class of its own")


class AsyncPage(View):
    async def get(self, request):
        return HttpResponse(price_of("rabbit"))


def members(request):
    faults = []
    for species in ("rabbit", "newt"):
        try:
            price_of(species)
        except KeyError as error:
            error.add_note(f"while pricing a {species}")
            faults.append(error)
    raise ExceptionGroup("no prices", faults)


def gone_uploader(request):
    raise UnreadablePostError("the client went away")


def lost_backend(request):
    raise ConnectionResetError("the backend went away")


def lost_backend_in_body(request):
    def body():
        yield b"one"
        raise ConnectionRefusedError("the backend is away")

    return StreamingHttpResponse(body())


def endless(request):
    def body():
        while True:
            yield b"one"

    return StreamingHttpResponse(body())


async def async_endless(request):
    async def body():
        while True:
            yield b"one"
            await asyncio.sleep(0)

    return StreamingHttpResponse(body())


async def waits(request):
    await asyncio.sleep(60)


async def cancelled(request):
    raise asyncio.CancelledError


def returns(request, status):
    return HttpResponse("as told", status=status)


def unprocessable(request):
    return JsonResponse({"name": ["required"]}, status=422)


def forbidden(request):
    raise PermissionDenied("not yours")


def bad(request):
    raise BadRequest("cannot read this")


def suspicious(request):
    raise SuspiciousOperation("smells")


@require_GET
def only_get(request):
    return HttpResponse("got")


@csrf_protect
def guarded(request):
    return HttpResponse("posted")


def lazy_template(request):
    return TemplateResponse(request, "broken.html", {"pet": Pet()})


def template(request):
    return render(request, "broken.html", {"pet": Pet()})


class Pet:
    def weight(self):
        raise TypeError("no weight")


def streaming(request):
    def body():
        yield b"one"
        raise RuntimeError("the body broke")

    return StreamingHttpResponse(body())


async def async_streaming(request):
    async def body():
        yield b"one"
        raise RuntimeError("the body broke")

    return StreamingHttpResponse(body())


def told_streaming(request):
    capture.tag("shop", "north")

    def body():
        yield b"one"
        try:
            raise RuntimeError("the body broke")
        except RuntimeError:
            capture.capture_exception()
            raise

    return StreamingHttpResponse(body())


async def async_told_streaming(request):
    capture.tag("shop", "north")

    async def body():
        yield b"one"
        try:
            raise RuntimeError("the body broke")
        except RuntimeError:
            capture.capture_exception()
            raise

    return StreamingHttpResponse(body())


def told_missing(request):
    try:
        raise Http404("no such pet")
    except Http404:
        capture.capture_exception()
        raise


def told_forbidden(request):
    try:
        raise PermissionDenied("not yours")
    except PermissionDenied:
        capture.capture_exception()
        raise


def gone_client(request):
    def body():
        yield b"one"
        raise ConnectionResetError

    return StreamingHttpResponse(body())


def file(request):
    return FileResponse(Path(__file__).open("rb"))


class LostStorage(BytesIO):
    def read(self, *_args):
        raise RuntimeError("the storage broke")


def lost_file(request):
    return FileResponse(LostStorage(), filename="invoice.pdf")


def by_hand(request):
    capture.tag("shop", "north")
    try:
        price_of("rabbit")
    except KeyError:
        capture.capture_exception()
    return HttpResponse("went on")


def by_hand_then_fault(request):
    try:
        price_of("rabbit")
    except KeyError as error:
        capture.capture_exception(error)
        raise


def says(request):
    capture.capture_message("stock is low: 3 left")
    return HttpResponse("said")


@sensitive_variables("diagnosis")
def with_sensitive(request):
    diagnosis = "rabies"
    weight = 12
    return HttpResponse(diagnosis[weight:][99])


@sensitive_variables()
async def async_with_sensitive(request):
    diagnosis = "rabies"
    return HttpResponse(diagnosis[99])


def reads_body(request):
    return HttpResponse(str(len(request.body)), status=422)


def reads_form(request):
    return HttpResponse(str(len(request.POST)), status=422)


@sensitive_post_parameters("chip")
def sensitive_form(request):
    return HttpResponse(str(len(request.POST)), status=422)


class SensitivePage(View):
    @method_decorator(sensitive_post_parameters("chip", "card[number]"))
    def post(self, request):
        return HttpResponse(str(len(request.POST)), status=422)


class AsyncSensitivePage(View):
    @method_decorator(sensitive_post_parameters("card[number]", "chip"))
    async def post(self, request):
        return HttpResponse(str(len(request.POST)), status=422)


@sensitive_post_parameters("chip", "card[number]")
def sensitive_body(request):
    return HttpResponse(str(len(request.body)), status=422)


@sensitive_post_parameters()
def secret_form(request):
    return HttpResponse(str(len(request.POST)), status=422)


def reads_stream(request):
    request.read(4)
    return HttpResponse("read", status=422)


def ignores_body(request):
    return HttpResponse("no", status=422)
