"""The views of the small site: each failure names itself, so that it can be found again."""

import os

from django.http import HttpResponse
from django.urls import path


def healthy(request):
    return HttpResponse("fine")


def fault(request):
    number = request.GET["n"]
    raise LookupError(f"failure {number}")


def missing(request, number):
    return HttpResponse("gone", status=404)


class Raises:
    def __repr__(self):
        raise RuntimeError("a repr that raises")

    __str__ = __repr__


class Hangs:
    def __repr__(self):
        import time

        time.sleep(60)
        return ""

    __str__ = __repr__


class Huge:
    def __repr__(self):
        return "x" * 100_000_000

    __str__ = __repr__


def poisonous(request, kind):
    poison = {
        "raises": Raises,
        "hangs": Hangs,
        "huge": Huge,
        "recursive": _recursive,
        "surrogate": lambda: "half \ud800 of a pair",
        "nul": lambda: "a \0 in the middle",
        "long": lambda: "y" * 10_000_000,
        "bytes": lambda: bytes(range(256)) * 10_000,
        "deep": _deep,
    }[kind]()
    if isinstance(poison, (str, bytes)):
        raise ValueError(poison)
    raise ValueError("poison", kind)


def _recursive():
    mapping = {}
    listed = [mapping]
    mapping["self"], mapping["list"] = mapping, listed
    listed.append(listed)
    return mapping


def _deep():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return nested


def pid(request):
    return HttpResponse(str(os.getpid()))


urlpatterns = [
    path("", healthy),
    path("pid/", pid),
    path("fault/", fault),
    path("missing/<int:number>/", missing),
    path("poisonous/<str:kind>/", poisonous),
]
