"""Pairs of events that must be one bug, and pairs that must be two, through the door for outside grouping sets.

The first half changes what changes without the fault changing: deploys, machines, clients, versions of Python. The
second changes the fault. Where trackers disagree, the name says which way this one decided (decision 8).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from workbench.cli.events import decode, key_of

Event = dict[str, Any]


def frame(function: str = "price_of", line: str = "return PRICES[species]", **changes: Any) -> Event:
    return {
        "module": "clinic.pricing",
        "function": function,
        "filename": "/srv/app/clinic/pricing.py",
        "lineno": 12,
        "context_line": f"    {line}",
        "in_app": True,
    } | changes


def library(module: str = "django.core.handlers.base", function: str = "_get_response", **changes: Any) -> Event:
    path = f"/srv/venv/lib/python3.11/site-packages/{module.replace('.', '/')}.py"
    return frame(function, "response = call(request)", module=module, filename=path, in_app=False) | changes


VIEW = frame("show", "total = price_of(visit.species)", module="clinic.views", filename="/srv/app/clinic/views.py")
PLACE = frame()


def fault(*frames: Event, kind: str = "KeyError", message: str = "'rabbit'", **changes: Any) -> Event:
    return {
        "exception_type": kind,
        "message": message,
        "frames": list(frames or (library(), VIEW, PLACE)),
        "status": 500,
    } | changes


def moved(old: str, new: str) -> Event:
    return json.loads(json.dumps(fault()).replace(old, new))  # type: ignore[no-any-return]


def said(message: str, **changes: Any) -> Event:
    return {"exception_type": None, "message": message, **changes}


def group(*members: Event) -> Event:
    return fault(frame("gather", "async with TaskGroup() as group:"), kind="ExceptionGroup", members=list(members))


def member(kind: str, *frames: Event) -> Event:
    return {"type": kind, "frames": list(frames)}


def refused(status: int = 404, path: str = "/api/pets/1/", **changes: Any) -> Event:
    return {"status": status, "method": "GET", "path": path} | changes


def syntax(message: str) -> Event:
    return fault(frame("<module>", "from clinic import views"), kind="SyntaxError", message=message)


def template(name: str, line: str = "<p>{{ pet.weight|floatformat }}</p>", lineno: int = 3) -> Event:
    return fault(
        library("django.template.base", "render"),
        kind="TypeError",
        template={"name": name, "lineno": lineno, "context_line": line},
    )


def jinja(path: str) -> Event:
    return frame("top-level template code", "<p>{{ pet.weight / 0 }}</p>", module=path, filename=path)


COMPREHENSION = "return [price_of(visit) for visit in visits]"
STEP = frame("walk", "return walk(node.parent)")
BACK = frame("up", "return walk(node.parent)")
LEAF = frame("label", "return str(self.name)")
HANDS_ON = frame("wrapper", "return view(request, *args, **kwargs)", module="clinic.decorators")
MAIN = frame("<module>", "main()", module="__main__", filename="/srv/app/manage.py")
NO_DATABASE = [
    library("django.contrib.sessions.middleware", "process_request"),
    library("django.db.backends.base.base", "connect"),
    library("psycopg.connection", "connect"),
]
DOWN = {"kind": "OperationalError", "message": "connection to server at 10.0.0.1, port 5432 failed"}
CAUSE = {"type": "KeyError", "frames": [PLACE], "link": "cause"}
SERVICE = frame("serve", "raise ServiceError('no price') from error")
IN_PLACE = frame("serve", "raise ServiceError('no price')")
WRAPPED = frame("serve", "raise ServiceError(", statement="    raise ServiceError(\n        'no price',\n    )")
NESTED = {"type": "ServiceError", "frames": [frame("serve", "return self.serve(part)"), SERVICE], "link": "cause"}
FALLBACK = frame("serve", "return cfg['fallback']")
TRY = frame("serve", "return price_of(species)")
DUMP = frame("Writer.dump", "return self.dump_list(value)", module="clinic.writer")
DUMP_LIST = frame("Writer.dump_list", "return [self.dump(each) for each in value]", module="clinic.writer")
DUMP_DICT = frame("Writer.dump_dict", "pairs = ((key, self.dump(each)) for ...)", module="clinic.writer")
DUMP_ANY = frame("Writer.dump", "return write(value, *args, **kwargs)", module="clinic.writer")
NO_WAY = frame("Writer.dump", "raise TypeError(type(value))", module="clinic.writer")
SOFT_LIMIT = library("billiard.pool", "soft_timeout_sighandler")
ABORT = library("gunicorn.workers.base", "Worker.handle_abort")
TOO_SLOW = {"kind": "billiard.exceptions.SoftTimeLimitExceeded", "message": "SoftTimeLimitExceeded()"}
INJECTED = {"kind": "dramatiq.middleware.time_limit.TimeLimitExceeded", "message": ""}


def cut_short(*frames: Event) -> Event:
    """A task that reports with a fault of its own that its time was over."""
    struck = {"type": "billiard.exceptions.SoftTimeLimitExceeded", "frames": [*frames, SOFT_LIMIT], "link": "cause"}
    return fault(SERVICE, kind="ServiceError", chain=[struck])


def missing(model: str, *frames: Event, message: str = "") -> Event:
    get = library("django.db.models.query", "get")
    return fault(*frames, get, kind=f"{model}.DoesNotExist", message=message, route="/pets/")


ONE_BUG: dict[str, tuple[Event, ...]] = {
    "the lines were shifted by an edit elsewhere": (fault(), moved('"lineno": 12', '"lineno": 480')),
    "the release was deployed to another folder": (fault(), moved("/srv/app/", "/srv/releases/20261122-4f2d1c0/")),
    "the application was built on Windows": (fault(), moved("/srv/app/clinic/", "C:\\\\\\\\app\\\\\\\\clinic\\\\\\\\")),
    "the virtual environment moved": (fault(), moved("/srv/venv/", "/home/deploy/.cache/venvs/4f2d/")),
    "Python was updated": (fault(), moved("python3.11", "python3.13")),
    "Windows keeps libraries elsewhere": (
        fault(),
        fault(library(filename="C:\\venv\\Lib\\site-packages\\django\\base.py", in_app=True), VIEW, PLACE),
    ),
    "a tracker called Django's files the application's own": (fault(), fault(library(in_app=True), VIEW, PLACE)),
    "a tracker did not say which files are the application's own": (
        fault(),
        fault(library(in_app=None), VIEW | {"in_app": None}, PLACE | {"in_app": None}),
    ),
    "a middleware was added": (fault(), fault(library(), library("corsheaders.middleware", "__call__"), VIEW, PLACE)),
    "the library's inside changed": (
        fault(VIEW, PLACE, library("decimal", "quantize")),
        fault(VIEW, PLACE, library("decimal", "_fix"), library("decimal", "_round")),
    ),
    "another value was missing": (fault(), fault(message="'hare'")),
    "another id was in the path": (
        fault(method="GET", path="/visits/1/", route="/visits/<int:pk>/"),
        fault(method="GET", path="/visits/2/", route="/visits/<int:pk>/"),
    ),
    "it was another method": (fault(method="GET"), fault(method="HEAD")),
    "it was answered with another status": (fault(status=500), fault(status=503)),
    "it was indented anew": (fault(VIEW, PLACE), fault(VIEW, frame(line="        return PRICES[species]"))),
    "a comment was added": (fault(VIEW, PLACE), fault(VIEW, frame(line="return PRICES[species]  # noqa: X"))),
    "a view was decorated": (fault(VIEW, PLACE), fault(HANDS_ON, VIEW, PLACE)),
    "a view was decorated twice": (fault(HANDS_ON, VIEW, PLACE), fault(HANDS_ON, HANDS_ON, VIEW, PLACE)),
    "it ran under manage.py": (fault(VIEW, PLACE), fault(MAIN, VIEW, PLACE)),
    "comprehensions have had no frame since Python 3.12": (
        fault(frame("prices", COMPREHENSION), frame("<listcomp>", COMPREHENSION), PLACE),
        fault(frame("prices", COMPREHENSION), PLACE),
    ),
    "a comprehension over several lines": (
        fault(frame("prices", "return {"), frame("<dictcomp>", "visit: price_of(visit)"), PLACE),
        fault(frame("prices", "visit: price_of(visit)"), PLACE),
    ),
    "a statement was wrapped": (
        fault(frame(line="raise Invalid(", statement="    raise Invalid(\n        'age',\n        code=1,\n    )")),
        fault(frame(line="raise Invalid(", statement="    raise Invalid(\n        'age', code=1  # why\n    )")),
        fault(frame(line="raise Invalid('age', code=1)")),
    ),
    "a comprehension inside a statement of several lines": (
        fault(
            frame("total", "x = sum([price_of(v) for v in vs],", statement="x = sum([price_of(v) for v in vs],\n  0)"),
            frame("<listcomp>", "x = sum([price_of(v) for v in vs],"),
        ),
        fault(frame("total", "x = sum([price_of(v) for v in vs], 0)")),
    ),
    "a lambda inside a comprehension": (
        fault(frame("Bill.prices.<listcomp>.<lambda>"), PLACE),
        fault(frame("Bill.prices.<lambda>"), PLACE),
    ),
    "a comprehension in a method, whose qualified name has it": (
        fault(frame("Bill.prices", COMPREHENSION), frame("Bill.prices.<listcomp>", COMPREHENSION), PLACE),
        fault(frame("Bill.prices", COMPREHENSION), PLACE),
    ),
    "a recursion went deeper": (fault(VIEW, STEP, STEP, PLACE), fault(VIEW, *[STEP] * 90, PLACE)),
    "two functions called each other": (fault(STEP, BACK, PLACE), fault(STEP, BACK, STEP, BACK, STEP, BACK, PLACE)),
    "an endless recursion ran out of room in a leaf": (
        fault(VIEW, *[STEP] * 40, kind="RecursionError"),
        fault(VIEW, *[STEP] * 41, LEAF, kind="RecursionError"),
    ),
    "an endless recursion of two ran out of room in either": (
        fault(VIEW, *[STEP, BACK] * 20, kind="RecursionError"),
        fault(VIEW, *[STEP, BACK] * 20, STEP, kind="RecursionError"),
    ),
    "a client nested its data otherwise": (
        fault(VIEW, NO_WAY),
        fault(VIEW, DUMP, DUMP_LIST, NO_WAY),
        fault(VIEW, DUMP, DUMP_DICT, NO_WAY),
        fault(VIEW, DUMP, DUMP_LIST, DUMP, DUMP_DICT, DUMP, DUMP_LIST, NO_WAY),
        fault(VIEW, DUMP_ANY, DUMP_DICT, DUMP_ANY, DUMP_LIST, NO_WAY),
    ),
    "a client nested its data otherwise around another function that fails": (
        fault(VIEW, DUMP, DUMP_LIST, LEAF),
        fault(VIEW, DUMP, DUMP_DICT, DUMP, DUMP_LIST, LEAF),
        fault(VIEW, DUMP, DUMP_LIST, DUMP, DUMP_DICT, DUMP, DUMP_LIST, LEAF),
    ),
    "a client nested its data until there was no room": (
        fault(VIEW, *[DUMP, DUMP_LIST] * 20, kind="RecursionError"),
        fault(VIEW, *[DUMP, DUMP_LIST] * 20, NO_WAY, kind="RecursionError"),
        fault(VIEW, *[DUMP, DUMP_DICT, DUMP, DUMP_LIST] * 10, DUMP, kind="RecursionError"),
        fault(VIEW, *[DUMP_ANY, DUMP_DICT] * 20, kind="RecursionError"),
    ),
    "an endless recursion without a view, whose beginning was left out": (
        fault(*[STEP, BACK] * 20, kind="RecursionError"),
        fault(*[BACK, STEP] * 20, LEAF, kind="RecursionError"),
    ),
    "a recursive function raised anew in each of its calls": (
        fault(VIEW, SERVICE, kind="ServiceError", chain=[CAUSE]),
        fault(VIEW, SERVICE, kind="ServiceError", chain=[CAUSE, NESTED]),
        fault(VIEW, SERVICE, kind="ServiceError", chain=[CAUSE, NESTED, NESTED, NESTED]),
    ),
    "a soft time limit struck at another line": (
        fault(VIEW, PLACE, SOFT_LIMIT, route="task clinic.report", **TOO_SLOW),
        fault(VIEW, SOFT_LIMIT, route="task clinic.report", **TOO_SLOW),
        fault(VIEW, PLACE, library("decimal", "quantize"), SOFT_LIMIT, route="task clinic.report", **TOO_SLOW),
        fault(library("django.db.backends.utils", "execute"), SOFT_LIMIT, route="task clinic.report", **TOO_SLOW),
    ),
    "a soft time limit, and nobody says of which task": (
        fault(HANDS_ON, VIEW, PLACE, SOFT_LIMIT, **TOO_SLOW),
        fault(HANDS_ON, VIEW | {"context_line": "visit = find(pk)"}, SOFT_LIMIT, **TOO_SLOW),
    ),
    "a soft time limit in a template": (
        fault(VIEW, SOFT_LIMIT, template={"name": "pet.html", "context_line": "{{ a }}"}, route="/a/", **TOO_SLOW),
        fault(VIEW, SOFT_LIMIT, template={"name": "pet.html", "context_line": "{{ b }}"}, route="/a/", **TOO_SLOW),
    ),
    "a task that reports that its time was over": (cut_short(TRY, PLACE), cut_short(TRY, LEAF), cut_short(TRY)),
    "the server's own time limit struck at another line": (
        fault(VIEW, PLACE, ABORT, kind="SystemExit", message="1", route="/visits/"),
        fault(VIEW, LEAF, ABORT, kind="SystemExit", message="1", route="/visits/"),
    ),
    "a time limit that was put into the thread": (
        fault(VIEW, PLACE, route="task clinic.report", **INJECTED),
        fault(VIEW, library("decimal", "quantize"), route="task clinic.report", **INJECTED),
    ),
    "a hook that the handler of a signal calls failed at one line": (
        fault(VIEW, PLACE, ABORT, frame("worker_abort", "stats.send()", module="gunicorn_conf")),
        fault(VIEW, ABORT, frame("worker_abort", "stats.send()", module="gunicorn_conf")),
    ),
    "the module was made up for this run": (
        fault(frame(module="tmpx3k9_a1b", function="run")),
        fault(frame(module="tmpq7zz81ph", function="run")),
    ),
    "the module is named after a hash": (
        fault(frame(module="compiled.t_4f2d1c0aab99", function="render")),
        fault(frame(module="compiled.t_90ffee1234ab", function="render")),
    ),
    "the module is named after the second in which it was made": (
        fault(frame(module="jobs.run_1732270272", function="run")),
        fault(frame(module="jobs.run_20261122101112", function="run")),
    ),
    "the type is named after an address or an id": (
        fault(kind="Error_0x7fb9d6dc5d00"),
        fault(kind="Error_0x7fb9d6ffffff"),
        fault(kind="Error_123e4567_e89b_12d3_a456_426614174000"),
        fault(kind="Error_4f2d1c0aab994f2d1c0aab99"),
    ),
    "the type is named after an id, without anything between": (
        fault(kind="Err123e4567-e89b-12d3-a456-426614174000"),
        fault(kind="Errffffffff-e89b-12d3-a456-426614174fff"),
        fault(kind="Err123e4567e89b12d3a456426614174000"),
        fault(kind="Err140234567891200"),
    ),
    "a cause and a member are named after an id": (
        fault(SERVICE, kind="ServiceError", chain=[CAUSE | {"type": "Error_0x7fb9d6dc5d00"}]),
        fault(SERVICE, kind="ServiceError", chain=[CAUSE | {"type": "Error_0x7fb9d6ffffff"}]),
    ),
    "a member is named after an id": (group(member("Error_140234567891")), group(member("Error_140234569999"))),
    "an object is missing, and a line of ours tells which": (
        missing("clinic.models.Pet", VIEW),
        missing("clinic.models.Owner", VIEW),
    ),
    "no line of ours: an object of a model is missing": (
        missing("clinic.models.Pet", message="Pet matching query does not exist."),
        missing("clinic.models.Pet", message="None of them exists"),
    ),
    "the function is named after an address": (
        fault(frame("handler_0x7fb9d6dc5d00")),
        fault(frame("handler_0x7fb9d6ffffff")),
    ),
    "there is no module, and the file moved": (
        fault(frame(module=None, filename="/srv/a/Jobs.py")),
        fault(frame(module=None, filename="D:\\b\\jobs.py")),
    ),
    "another name for the missing type's module": (
        fault(kind="clinic.errors.PriceMissing"),
        fault(kind="PriceMissing"),
    ),
    "what was handled when it broke is no part": (
        fault(VIEW, chain=[{"type": "ValueError", "frames": [frame("other", "int(x)")], "link": "context"}]),
        fault(VIEW, chain=[{"type": "OSError", "frames": [frame("third", "open(x)")], "link": "context"}]),
    ),
    "what was handled when the handler itself broke is no part": (
        fault(FALLBACK, chain=[{"type": "ValueError", "frames": [TRY, PLACE], "link": "context"}]),
        fault(FALLBACK, chain=[{"type": "KeyError", "frames": [TRY, LEAF], "link": "context"}]),
        fault(FALLBACK),
    ),
    "what was handled when a library broke under the handler is no part": (
        fault(IN_PLACE, library(), chain=[{"type": "ValueError", "frames": [TRY, PLACE], "link": "context"}]),
        fault(IN_PLACE, library(), chain=[{"type": "KeyError", "frames": [TRY, LEAF], "link": "context"}]),
    ),
    "a group in another order and number": (
        group(member("KeyError", PLACE), member("OSError", VIEW)),
        group(member("OSError", VIEW), member("KeyError", PLACE), member("KeyError", PLACE)),
    ),
    "a template of the same name elsewhere": (
        template("clinic/pet.html"),
        template("/srv/releases/7/clinic/templates/clinic/pet.html", lineno=40),
        template("C:\\app\\templates\\clinic\\pet.html".replace("\\clinic\\pet", "/clinic/pet")),
    ),
    "a template of Jinja's in another release": (
        fault(VIEW, jinja("/srv/releases/42/clinic/templates/pets/pet.html")),
        fault(VIEW, jinja("/srv/releases/43/clinic/templates/pets/pet.html")),
        fault(VIEW, jinja("/app/jinja2/pets/pet.html")),
        fault(VIEW, jinja("C:\\app\\templates\\pets\\pet.html")),
    ),
    "a template of Jinja's in a folder of any name": (
        fault(VIEW, jinja("/srv/releases/42/html/pet.html")),
        fault(VIEW, jinja("/srv/releases/43/html/pet.html")),
    ),
    "a syntax error whose line moved": (
        syntax("invalid syntax (views.py, line 12)"),
        syntax("invalid syntax (views.py, line 90)"),
    ),
    "a syntax error in a file of another deploy": (
        syntax("('invalid syntax', ('/srv/releases/7/clinic/views.py', 12, 5, 'x = (', 12, 6))"),
        syntax("('invalid syntax', ('/app/clinic/views.py', 90, 5, 'x = (', 90, 6))"),
    ),
    "no line of ours: another server was away": (
        fault(*NO_DATABASE, **DOWN),
        fault(*NO_DATABASE, **DOWN | {"message": "connection to server at 10.0.0.2, port 5433 failed: Timeout"}),
    ),
    "no line of ours: another middleware was first": (
        fault(library("corsheaders.middleware", "__call__"), *NO_DATABASE, **DOWN),
        fault(*NO_DATABASE, **DOWN),
    ),
    "no line of ours: what a client wrote is in the message": (
        fault(library("http.cookies", "load"), kind="CookieError", message="Illegal key 'a b'"),
        fault(library("http.cookies", "load"), kind="CookieError", message="Illegal key <script> x y z"),
    ),
    "no frame: ids": (
        fault(frames=[], message='savepoint "s140234567_x1" does not exist'),
        fault(frames=[], message='savepoint "s140999999_x22" does not exist'),
    ),
    "messages with numbers": (said("stock is low: 3 left"), said("stock is low: 12,000 left")),
    "messages with uuids": (
        said("order 123e4567-e89b-12d3-a456-426614174000 is gone"),
        said("order ffffffff-e89b-12d3-a456-426614174fff is gone"),
    ),
    "messages with dates in any form": (
        said("expired at 2026-11-22T10:11:12Z"),
        said("expired at Mon, 23 Nov 2026 10:11:12 GMT"),
        said("expired at Nov 24, 2026 10:11 PM"),
        said("expired at 2026/11/25"),
    ),
    "messages with addresses": (said("refused by 10.0.0.1"), said("refused by 2001:db8::7")),
    "messages with mail and hosts": (
        said("bounced: ada@example.com via mx1.example.com"),
        said("bounced: bob.b+x@mail.example.org via smtp.example.net"),
    ),
    "messages with URLs": (said("GET https://a.example/x?y=1 failed"), said("GET tcp://b.example:80/z failed")),
    "messages with hashes": (
        said("no object 0x7fb9d6dc5d00 of 4f2d1c0aab99"),
        said("no object 0x1 of ffee0011223344"),
    ),
    "messages with opaque ids": (
        said("451 4.3.0 queued as 4bXyZ12pQ9zc"),
        said("451 4.3.0 queued as 9aKq77LmP2x1"),
    ),
    "messages with values after a colon": (said("no species: 'rabbit'"), said("no species: 'guinea pig'")),
    "messages with lists": (said("unknown ids [1, 2, 3]"), said("unknown ids [9]")),
    "messages with tuples": (said("unknown ids (1,)"), said("unknown ids (1, 2)")),
    "messages with tuples in lists": (said("at [(1, 2)]"), said("at [(1, 2), (3, 4), (5, 6)]")),
    "messages with numbers as values": (said("bad weight=3"), said("bad weight=3.25")),
    "messages with truths as values": (said("active: True, 3 left"), said("active: False, 4 left")),
    "messages with places in a row": (said("the 1st of them"), said("the 22nd of them")),
    "messages with cards' addresses": (said("lost 00:1b:44:11:3a:b7"), said("lost 00-1B-44-AA-BB-CC")),
    "messages with amounts of any kind": (
        said("took 3 seconds for 900 KB, 85% full"),
        said("took 3.2 s for 1.5GiB, 99.9% full"),
    ),
    "messages with durations and sizes": (said("took 5ms for 10MB"), said("took 1200ms for 7MB")),
    "messages with paths": (said("cannot read /tmp/a1/x.csv"), said("cannot read /home/ada/y.csv")),
    "only the start of a long message counts": (said("a b\nc\nd 1"), said("a b\nc\nquite another")),
    "another missing object": (
        refused(path="/api/pets/1/", route="/api/pets/<int:pk>/"),
        refused(path="/api/pets/999/", route="/api/pets/<int:pk>/"),
    ),
    "a route with and without a slash or anchors": (
        refused(route="api/pets/<int:pk>/"),
        refused(route="/api/pets/<int:pk>/"),
    ),
    "a regular expression as it is and as it reads": (
        refused(route=r"^pets/(?P<pk>[0-9]+)/$"),
        refused(route="/pets/<pk>/"),
    ),
    "a router's format at the end": (
        refused(route=r"^pets/(?P<pk>[^/.]+)/$"),
        refused(route=r"^pets/(?P<pk>[^/.]+)\.(?P<format>[a-z0-9]+)/?$"),
    ),
    "paths that nobody knows": (refused(), refused(path="/api/owners/7/"), refused(path="/x")),
    "scanners": (refused(path="/wp-login.php"), refused(path="/.env"), refused(path="/cgi-bin/x?y")),
    "a method that somebody made up": (
        refused(405, route="/a/", method="FOO123"),
        refused(405, route="/a/", method="BAR9"),
    ),
    "a status that somebody made up": (refused(460, route="/a/"), refused(499, route="/a/")),
    "a forged origin": (
        refused(403, route="/a/", reason="Origin checking failed - null does not match any trusted origins."),
        refused(403, route="/a/", reason="Origin checking failed - https://x.y does not match any trusted origins."),
    ),
    "broken links of one page, whatever the path": (
        refused(path="/old/a/", referer="https://clinic.example/pets/1/", referer_route="/pets/<int:pk>/"),
        refused(path="/old/b/c/", referer="https://clinic.example/pets/2/", referer_route="/pets/<int:pk>/"),
    ),
}

TWO_BUGS: dict[str, tuple[Event, ...]] = {
    "another type at one place": (fault(), fault(kind="TypeError")),
    "another function": (fault(), fault(VIEW, frame("cost_of"))),
    "two statements over several lines": (
        fault(frame(line="raise Invalid(", statement="    raise Invalid(\n        'age',\n    )")),
        fault(frame(line="raise Invalid(", statement="    raise Invalid(\n        'weight',\n    )")),
    ),
    "the same line in the methods of two classes": (
        fault(frame("Login.post", "data = json.loads(request.body)")),
        fault(frame("Checkout.post", "data = json.loads(request.body)")),
    ),
    "another module": (fault(), fault(VIEW, frame(module="clinic.costs"))),
    "another statement of one function": (fault(), fault(VIEW, frame(line="return COSTS[species]"))),
    "two faults in one view": (
        fault(frame("show", "total = visit.price")),
        fault(frame("show", "owner = visit.pet.owner")),
    ),
    "another index in the same statement": (fault(frame(line="return a[0]")), fault(frame(line="return a[1]"))),
    "a # in a string is no comment": (fault(frame(line="x = f('# a')")), fault(frame(line="x = f('# b')"))),
    "another caller, which may be the one at fault": (
        fault(),
        fault(frame("invoice", "price_of(None)", module="clinic.billing"), PLACE),
    ),
    "other callers of a helper that checks": (
        fault(frame("save", "require(name)"), frame("require", "raise ValueError(value)")),
        fault(frame("load", "require(path)"), frame("require", "raise ValueError(value)")),
    ),
    "another caller in a script": (
        fault(frame("first", "check(1)", module="__main__"), frame("check", "raise ValueError", module="__main__")),
        fault(frame("second", "check(2)", module="__main__"), frame("check", "raise ValueError", module="__main__")),
    ),
    "a lambda is a function": (
        fault(frame("<lambda>", "key=lambda v: v.a")),
        fault(frame("<lambda>", "key=lambda v: v.b")),
    ),
    "a library raised it for another line of ours": (
        fault(VIEW, library("json.decoder", "decode")),
        fault(PLACE, library("json.decoder", "decode")),
    ),
    "another explicit cause": (
        fault(SERVICE, kind="ServiceError", chain=[CAUSE]),
        fault(SERVICE, kind="ServiceError", chain=[CAUSE | {"type": "OSError"}]),
    ),
    "a cause at another place": (
        fault(SERVICE, kind="ServiceError", chain=[CAUSE]),
        fault(SERVICE, kind="ServiceError", chain=[CAUSE | {"frames": [frame("cost_of")]}]),
    ),
    "raised in the place of another, without `from`": (
        fault(IN_PLACE, kind="ServiceError", chain=[{"type": "KeyError", "frames": [TRY, PLACE], "link": "context"}]),
        fault(IN_PLACE, kind="ServiceError", chain=[{"type": "OSError", "frames": [TRY, LEAF], "link": "context"}]),
    ),
    "raised over several lines in the place of another": (
        fault(WRAPPED, kind="ServiceError", chain=[{"type": "KeyError", "frames": [TRY, PLACE], "link": "context"}]),
        fault(WRAPPED, kind="ServiceError", chain=[{"type": "OSError", "frames": [TRY, LEAF], "link": "context"}]),
    ),
    "another member of a group": (group(member("KeyError", PLACE)), group(member("OSError", PLACE))),
    "a member from another place": (group(member("KeyError", PLACE)), group(member("KeyError", VIEW))),
    "another endless recursion": (
        fault(VIEW, *[STEP] * 40, kind="RecursionError"),
        fault(VIEW, *[BACK] * 40, kind="RecursionError"),
    ),
    "two decorated functions of which one calls the other": (
        fault(HANDS_ON, VIEW, HANDS_ON, PLACE),
        fault(HANDS_ON, frame("invoice", "price_of(None)", module="clinic.billing"), HANDS_ON, PLACE),
    ),
    "another way on from the function that calls itself": (
        fault(VIEW, DUMP, DUMP_LIST, LEAF),
        fault(VIEW, DUMP | {"context_line": "return self.dump_dict(value)"}, DUMP_DICT, LEAF),
    ),
    "two lambdas of one module": (
        fault(frame("<lambda>", "key=lambda v: first(v)"), STEP, frame("<lambda>", "key=lambda v: v.b")),
        fault(frame("<lambda>", "key=lambda v: other(v)"), STEP, frame("<lambda>", "key=lambda v: v.b")),
    ),
    "a time limit of another task": (
        fault(VIEW, SOFT_LIMIT, route="task clinic.report", **TOO_SLOW),
        fault(VIEW, SOFT_LIMIT, route="task clinic.invoice", **TOO_SLOW),
    ),
    "a soft time limit, and nobody says of which of two tasks": (
        fault(VIEW, PLACE, SOFT_LIMIT, **TOO_SLOW),
        fault(frame("report"), PLACE, SOFT_LIMIT, **TOO_SLOW),
    ),
    "a time limit, and an exit of the application's own": (
        fault(VIEW, ABORT, kind="SystemExit", message="1", route="/visits/"),
        fault(VIEW, kind="SystemExit", message="1", route="/visits/"),
    ),
    "a type of the application's own that is called as one that strikes": (
        fault(VIEW, kind="clinic.errors.TimeLimitExceeded", route="/visits/"),
        fault(PLACE, kind="clinic.errors.TimeLimitExceeded", route="/visits/"),
    ),
    "a hook that the handler of a signal calls failed at two lines": (
        fault(VIEW, ABORT, frame("worker_abort", "stats.send()", module="gunicorn_conf")),
        fault(VIEW, ABORT, frame("worker_abort", "log.flush()", module="gunicorn_conf")),
    ),
    "another module that somebody named after a month": (
        fault(frame(module="clinic.reports_202401", function="run")),
        fault(frame(module="clinic.reports_202402", function="run")),
    ),
    "another module that somebody named after a day": (
        fault(frame(module="clinic.fix_20240105", function="run")),
        fault(frame(module="clinic.fix_20240212", function="run")),
    ),
    "another module whose name begins as those of temporary files": (
        fault(frame(module="clinic.tmp_uploads")),
        fault(frame(module="clinic.tmp_reports")),
        fault(frame(module="clinic.tmpl_config")),
        fault(frame(module="clinic.tmpl_render")),
    ),
    "another migration": (
        fault(frame("forwards", "create()", module="clinic.migrations.0001_first")),
        fault(frame("forwards", "create()", module="clinic.migrations.0002_second")),
    ),
    "another template of Jinja's": (
        fault(VIEW, jinja("/srv/clinic/templates/pets/pet.html")),
        fault(VIEW, jinja("/srv/clinic/templates/pets/owner.html")),
        fault(VIEW, jinja("/srv/clinic/templates/owners/pet.html")),
    ),
    "another template": (template("clinic/pet.html"), template("clinic/owner.html")),
    "another line of a template": (template("clinic/pet.html"), template("clinic/pet.html", "{{ pet.age|add:x }}")),
    "another syntax error": (
        syntax("invalid syntax (views.py, line 12)"),
        syntax("'(' was never closed (a.py, line 1)"),
    ),
    "no line of ours: another place of a library": (
        fault(*NO_DATABASE, **DOWN),
        fault(*NO_DATABASE[:1], library("django.db.backends.utils", "execute"), **DOWN),
    ),
    "no line of ours: another route, such as the admin's": (
        fault(library("django.db.models.sql.query", "names_to_path"), kind="FieldError", route="/admin/clinic/pet/"),
        fault(library("django.db.models.sql.query", "names_to_path"), kind="FieldError", route="/admin/clinic/owner/"),
    ),
    "no line of ours: an object of another model is missing": (
        missing("clinic.models.Pet"),
        missing("clinic.models.Owner"),
        missing("shop.models.Pet"),
    ),
    "files without a module": (
        fault(frame(module=None, filename="/a/jobs.py")),
        fault(frame(module=None, filename="/a/tasks.py")),
    ),
    "no frame: another message": (fault(frames=[], message="pet is gone"), fault(frames=[], message="owner is gone")),
    "another message": (said("stock is low: 3 left"), said("stock is out: 3 ordered")),
    "other words with the status that every event of a tracker was given": (
        said("stock is low: 3 left", status=500),
        said("stock is out: 3 ordered", status=500, path="/x/"),
    ),
    "the same words from another logger": (said("failed", logger="clinic.mail"), said("failed", logger="clinic.sms")),
    "messages with words that hold a number": (said("bad utf-8"), said("bad utf-16"), said("bad iso-8859-1")),
    "messages with qualified names": (said("Fee::add() failed"), said("Fee::sub() failed")),
    "messages with keys of a mapping": (said('bad {"age": 1}'), said('bad {"weight": 1}')),
    "messages with truths as words": (said("expected True here"), said("expected False here")),
    "messages with quoted lists of names": (said("choices are ['a', 'b']"), said("choices are ['c']")),
    "messages with a quoted name": (said("No module named 'yaml'"), said("No module named 'redis'")),
    "a fault and a refusal": (fault(route="/a/"), refused(route="/a/")),
    "another status": (refused(404, route="/a/"), refused(410, route="/a/")),
    "another route": (refused(route="/a/<int:pk>/"), refused(route="/b/<int:pk>/")),
    "another converter": (refused(route="/a/<int:pk>/"), refused(route="/a/<slug:name>/")),
    "another method": (refused(405, route="/a/", method="PUT"), refused(405, route="/a/", method="DELETE")),
    "another reason": (
        refused(403, route="/a/", reason="CSRF cookie not set."),
        refused(403, route="/a/", reason="CSRF token missing."),
    ),
    "another refusal": (
        refused(403, route="/a/", exception_type="PermissionDenied"),
        refused(403, route="/a/", exception_type="rest_framework.exceptions.NotAuthenticated"),
    ),
    "the three classes of a missing page": (
        refused(route="/api/pets/<int:pk>/"),
        refused(path="/old/", referer="https://clinic.example/pets/"),
        refused(path="/wp-login.php"),
        refused(path="/old/"),
    ),
    "broken links on two pages": (
        refused(path="/old/", referer="https://clinic.example/pets/", referer_route="/pets/"),
        refused(path="/old/", referer="https://clinic.example/owners/", referer_route="/owners/"),
    ),
    "a page of another site that links to us": (
        refused(path="/old/", host="clinic.example", referer="https://clinic.example/pets/"),
        refused(path="/old/", host="clinic.example", referer="https://elsewhere.example/"),
    ),
}


def keys(events: tuple[Event, ...]) -> list[str]:
    return [key_of(decode(json.dumps(event))).key for event in events]


@pytest.mark.parametrize("case", ONE_BUG)
def test_one_bug(case: str) -> None:
    assert len(set(keys(ONE_BUG[case]))) == 1


@pytest.mark.parametrize("case", TWO_BUGS)
def test_two_bugs(case: str) -> None:
    assert len(set(keys(TWO_BUGS[case]))) == len(TWO_BUGS[case])


def test_the_set_is_large_enough_to_mean_something() -> None:
    assert len(ONE_BUG) >= 55
    assert len(TWO_BUGS) >= 40
