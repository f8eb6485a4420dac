"""A URL as its route pattern, and a path without a route as its class."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_NAMED_GROUP = re.compile(r"\(\?P<(\w+)>")
_ANCHORS = re.compile(r"\^|\$|\\Z|\\A|\\z")

# What only a scanner asks a Django site for.
PROBE = re.compile(
    r"\.(?:php\d?|phtml|asp|aspx|jsp|jspx|cgi|pl|env|ini|conf|cfg|bak|old|sql|swp|log|ya?ml|toml|pem|key|zip|tar|gz|tgz|rar|7z|git|svn|hg|DS_Store)(?:$|[/.~?])"
    r"|/\.(?!well-known)|/wp-|/wordpress|/xmlrpc|phpmyadmin|/pma/|/cgi-bin|/actuator|/vendor/|/solr/|/boaform|/HNAP1|/owa/|/manager/html"
    r"|/etc/passwd|\.\./|%2e%2e|/\+CSCO|/telescope/|/_ignition|/server-status|<script|\$\{",
    re.IGNORECASE,
)
# Each kind under one name: a scanner may ask for `/favicon-1`, `/favicon-2` and so on for ever.
BROWSER_FILES = (
    (re.compile(r"^/favicon[^/]*$"), "favicon.ico"),
    (re.compile(r"^/robots\.txt$"), "robots.txt"),
    (re.compile(r"^/sitemap[^/]*\.xml$"), "sitemap.xml"),
    (re.compile(r"^/apple-touch-icon[^/]*$"), "apple-touch-icon.png"),
    (re.compile(r"^/browserconfig\.xml$"), "browserconfig.xml"),
    (re.compile(r"^/[^/]*manifest\.json$"), "manifest.json"),
    (re.compile(r"^/ads\.txt$"), "ads.txt"),
    (re.compile(r"^/\.well-known/"), ".well-known"),
)
ASSET = re.compile(r"\.(?:js|mjs|css|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|eot|mp4|webm)$", re.IGNORECASE)
# What the routers of REST framework add to a route: `.json` instead of a header.
_FORMAT = re.compile(r"(?:\.<format>|<drf_format_suffix(?:_\w+)?:format>)/?$")
BROKEN_LINK = "broken link"
_UUID = re.compile(r"^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$", re.IGNORECASE)
_HEX = re.compile(r"^(?=.*\d)[0-9a-f]{7,}$", re.IGNORECASE)
_OPAQUE = re.compile(r"^(?=.*\d)(?=.*[A-Za-z])[\w=~-]{16,}$")


def from_match(match: Any) -> str | None:
    """Return the route of a resolver match with a leading slash, or None where no pattern matched.

    Regular expressions are shown by the names of their groups: `^pets/(?P<pk>[0-9]+)/$` is `/pets/<pk>/`.
    """
    route = getattr(match, "route", None)
    return _readable(route) if isinstance(route, str) else None


@lru_cache(maxsize=1024)
def _readable(route: str) -> str:
    if "(" in route or "^" in route or "$" in route or "\\" in route:
        route = _ANCHORS.sub("", _name_groups(route)).replace("\\", "").replace("?", "")
    return route if route.startswith("/") else f"/{route}"


@lru_cache(maxsize=1024)
def canonical(route: str) -> str:
    """Return a route as it counts: the same with and without a format at its end (`/pets.<format>`, `/pets/`)."""
    if route.startswith(("task ", "command ")):  # what stands for a route where there is no request
        return route
    route = _readable(route)
    plain = _FORMAT.sub("", route)
    return route if plain == route else f"{plain.rstrip('/')}/"


def _name_groups(route: str) -> str:
    """Replace every group of a regular expression, with all that is nested in it, by `<name>` or `<value>`."""
    result, depth, skip = [], 0, False
    for index, character in enumerate(route):
        if skip:
            skip = False
        elif character == "\\" and depth:
            skip = True
        elif character == "(":
            if depth == 0:
                named = _NAMED_GROUP.match(route, index)
                if named:
                    result.append(f"<{named[1]}>")
                elif not route.startswith("(?:", index):
                    result.append("<value>")
            depth += 1
        elif character == ")" and depth:
            depth -= 1
        elif depth == 0:
            result.append(character)
    return "".join(result)


def shape(path: str) -> str:
    """Return a path with what varies in it replaced: `/api/pets/17/` is `/api/pets/<int>/`."""
    return "/".join(_segment_shape(segment) for segment in path[:500].split("/")[:12])


def _segment_shape(segment: str) -> str:
    if not segment:
        return segment
    if segment.isdigit():
        return "<int>"
    if _UUID.match(segment):
        return "<uuid>"
    if _HEX.match(segment):
        return "<hex>"
    if _OPAQUE.match(segment) or len(segment) > 60:
        return "<id>"
    return segment


def path_class(path: str, *, referer: str = "") -> tuple[str, str]:
    """Return the class of a path that no route matches, and in words why; a scanner's thousands share a handful.

    `referer` is given only where it is a page of the same site.
    """
    if PROBE.search(path):
        return "probe", "a path that only scanners ask for"
    for pattern, name in BROWSER_FILES:
        if pattern.match(path):
            return f"browser file {name}", "a file that browsers and crawlers ask for unasked"
    if ASSET.search(path):
        return "asset", "a static file that is not there"
    if referer:
        return BROKEN_LINK, "a page of this site links to a path that has no route"
    return "unknown path", "no route matches, and no page of this site led here"
