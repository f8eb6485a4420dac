"""The floor: what a capture by hand costs that does the least that deserves the name.

It walks the traceback, takes source context and bounded locals, hashes a fingerprint, encodes once and appends once.
It takes no secrets out, follows no chain, reads no body, counts nothing and survives nothing.
"""

import hashlib
import linecache
import os
import time
import zlib
from pathlib import Path

import msgspec
from django.conf import settings

_encode = msgspec.json.Encoder().encode


def _short(value, depth=0):
    if value is None or isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return repr(value[:160])
    if depth > 2:
        return "…"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_short(k, 3)}: {_short(v, depth + 1)}" for k, v in list(value.items())[:8]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_short(item, depth + 1) for item in value[:8]) + "]"
    return f"<{type(value).__name__}>"


def _frames(traceback):
    frames = []
    while traceback is not None:
        frame, lineno = traceback.tb_frame, traceback.tb_lineno
        code = frame.f_code
        lines = linecache.getlines(code.co_filename, frame.f_globals)
        own = "/site-packages/" not in code.co_filename
        frames.append(
            {
                "module": frame.f_globals.get("__name__"),
                "function": code.co_name,
                "filename": code.co_filename,
                "lineno": lineno,
                "context_line": lines[lineno - 1].rstrip() if lineno <= len(lines) else "",
                "pre_context": [line.rstrip() for line in lines[max(0, lineno - 6) : lineno - 1]],
                "post_context": [line.rstrip() for line in lines[lineno : lineno + 5]],
                "in_app": own,
                "locals": {name: _short(value) for name, value in list(frame.f_locals.items())[:40]} if own else None,
            }
        )
        traceback = traceback.tb_next
    return frames


class FloorMiddleware:
    """Appends an event for each exception of a view."""

    def __init__(self, get_response):
        self.get_response = get_response
        folder = Path(settings.CAPTURE["JOURNAL_DIR"])
        folder.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(folder / f"floor-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, request):
        """Return the response of the site, as it is."""
        response = self.get_response(request)
        error = getattr(request, "floor_error", None)
        if error is not None:
            self._keep(request, error, response.status_code)
            request.floor_error = None
        return response

    def process_exception(self, request, exception):
        """Remember the exception until the response is known."""
        request.floor_error = exception

    def _keep(self, request, error, status):
        frames = _frames(error.__traceback__)
        own = [f"{frame['function']}:{frame['context_line']}" for frame in frames if frame["in_app"]]
        encoded = _encode(
            {
                "id": os.urandom(16).hex(),
                "at": time.time(),
                "type": type(error).__name__,
                "message": str(error)[:2_000],
                "fingerprint": hashlib.blake2b("\0".join(own).encode(), digest_size=8).hexdigest(),
                "frames": frames,
                "status": status,
                "method": request.method,
                "path": request.path,
                "query": request.META.get("QUERY_STRING", ""),
                "headers": {key[5:]: value for key, value in request.META.items() if key.startswith("HTTP_")},
            }
        )
        os.write(self._fd, b"%08x %s\n" % (zlib.crc32(encoded), encoded))
