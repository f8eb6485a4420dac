"""Serves requests inside this process, as its standard input says, and tells what they cost. One JSON line each way."""

import contextlib
import ctypes
import gc
import io
import json
import sys
import threading
import time
from pathlib import Path

import bench_wsgi
import psutil
from django.conf import settings

HEADERS = {
    "HTTP_HOST": "shop.example",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.7,de;q=0.3",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
    "HTTP_REFERER": "https://shop.example/visits/?page=3",
    "HTTP_COOKIE": "theme=dark; consent=yes",
    "HTTP_CONNECTION": "keep-alive",
    "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
    "HTTP_SEC_FETCH_DEST": "document",
    "HTTP_SEC_FETCH_MODE": "navigate",
    "HTTP_X_REQUEST_ID": "0e4b9a52-7f0c-4e0b-9a55-8a4f2b1c3d4e",
}


def _environ(method, path):
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "page=3&sort=-price",
        "SERVER_NAME": "shop.example",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "CONTENT_LENGTH": "0",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "https",
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **HEADERS,
    }


def _serve(method, path, status):
    """Serve one request and return the microseconds of CPU that its thread took."""
    environ, answered = _environ(method, path), []
    began = time.thread_time_ns()
    response = bench_wsgi.application(environ, lambda line, headers: answered.append(line))
    for _chunk in response:
        pass
    response.close()
    spent = (time.thread_time_ns() - began) / 1_000
    if not answered[0].startswith(str(status)):
        raise AssertionError(f"{path} answered {answered[0]}, not {status}")
    return spent


def _requests(method, paths, status):
    began = time.process_time()
    spent = [_serve(method, path, status) for path in paths]
    return {"thread": spent, "process": time.process_time() - began}


def _memory():
    """Return the MiB that only this process holds, after what is free has gone back: what it would cost to have it."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # only the C library of GNU has it
        ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_full_info().uss / 1024**2


def _state(*, memory=False):
    return {
        "cpu": time.process_time(),
        "memory": _memory() if memory else 0,
        "threads": threading.active_count(),
        "sqlmodel": "sqlmodel" in sys.modules,
    }


def _make_shop():
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command

    if not Path(settings.DATABASES["default"]["NAME"]).exists():
        call_command("migrate", verbosity=0)
        User.objects.create(pk=1, username="ada")
        Group.objects.bulk_create(Group(name=name) for name in ("vets", "desk", "night shift"))


def _answer(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main():
    """Do what each line says until there is no more."""
    _make_shop()
    _answer(_state())
    for line in sys.stdin:
        order = json.loads(line)
        _answer(_requests(**order) if "paths" in order else _state(**order))


if __name__ == "__main__":
    main()
