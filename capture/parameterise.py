"""A message without what varies between two of its kind: `pet 17 is gone` is `pet <int> is gone`.

Only for messages that are part of a fingerprint: where no frame tells faults apart. It reads a bounded start of the
text, and each pattern looks at a bounded stretch of it, so that no message takes long.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address

READ, LINES, LINE, KEPT, PASSES = 8_000, 2, 1_000, 300, 10

_DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_ZONE = r"(?: ?(?:z|utc|gmt|[a-z]{2,4}t)(?:[+-]\d{2}:?\d{2})?| ?[+-]\d{2}:?\d{2})"
_CLOCK = rf"\d{{1,2}}:\d{{2}}(?::\d{{2}}(?:[.,]\d{{1,9}})?)?(?: ?[ap](?:m\b|\.m\.))?{_ZONE}?(?: \([a-z ]{{1,40}}\))?"
_DATES = (
    r"datetime\.(?:datetime|date|time|timedelta)\([^()]{0,120}(?:\([^()]{0,60}\)[^()]{0,20})?\)",
    rf"\d{{4}}-\d{{2}}-\d{{2}}(?:(?:[t ]|, ){_CLOCK})?",
    rf"\d{{8}}t\d{{4}}(?:\d{{2}}(?:[.,]\d{{1,9}})?)?{_ZONE}?",
    rf"(?:{_DAY},? )?\d{{1,2}}(?:st|nd|rd|th)?[ -]{_MONTH}\.?,?[ -]\d{{2,4}}(?:,? (?:at )?{_CLOCK})?",
    rf"(?:{_DAY},? )?{_MONTH}\.? {{1,2}}\d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?(?:,? (?:at )?{_CLOCK})?(?: \d{{4}})?",
    rf"(?:\d{{4}}/\d{{1,2}}/\d{{1,2}}|\d{{1,2}}/\d{{1,2}}/(?:\d{{4}}|\d{{2}}))(?:,? {_CLOCK})?",
    rf"\d{{1,2}}\.\d{{1,2}}\.\d{{4}}(?:,? {_CLOCK})?",
    rf"(?=\d{{1,2}}:\d{{2}}(?::\d{{2}}| ?[ap](?:m\b|\.m\.))){_CLOCK}",
)
_DOMAINS = (
    "com|net|org|edu|gov|mil|io|co|dev|cloud|ai|uk|de|fr|nl|eu|ca|au|jp|cn|ru|br|es|ch|se|pl|cz|biz|xyz|online|site|tech"
    "|local|localdomain|internal|lan|example|invalid"
)
# Names that hold a number and are no number.
_NAMES = (
    r"utf|ucs|iso|latin|cp|windows|sha|md|aes|rsa|rfc|base|covid|http|tls|ssl|ipv|oauth|python|ecma|x86|amd|arm|int"
)
_AMOUNT = r"(?<![\w.-])\d+(?:,\d{3}){0,6}(?:\.\d+)?"
_NUMBER = r"[-+]?\d[\d_]*(?:,\d{3})*(?:\.\d+)*(?:e[-+]?\d+)?"
# Right of these stands a value: Python writes 3 or 3.2 of the same thing, as its client did.
_VALUE = r"(?:(?<==)|(?<== )|(?<=:)|(?<=: ))"
_BOOL = r"(?:true|false)"
_QUOTED = r"(?:'[^']{0,400}'|\"[^\"]{0,400}\")"
_TOKENS = (
    ("placeholder", r"<[a-z_]{2,20}[0-9]?>"),
    ("url", r"(?<![a-z0-9+])[a-z][a-z0-9+.-]{1,20}://[^\s'\"<>]*[^\s'\"<>.,;:!?)\]}]"),
    ("email", r"(?<![\w.+%-])[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    ("traceparent", r"\b[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b"),
    ("aws_trace", r"\b(?:root=)?1-[0-9a-f]{8}-[0-9a-f]{24}\b(?:;[a-z]{1,10}=[\w:-]{1,64}){0,6}"),
    ("uuid", r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"),
    (
        "mac",
        r"(?<![\w:.-])(?:(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})"
        r"(?![\w:-])",
    ),
    ("date", rf"\b(?:{'|'.join(_DATES)})(?![\w:])"),
    ("swift_txn_id", r"\btx[0-9a-f]{21}-[0-9a-f]{10}\b(?:-[a-z0-9]{1,20})?"),
    ("savepoint", r"\bs\d{2,20}_x\d{1,10}\b"),
    ("ip", r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.]*\w)"),
    ("ipv6", r"(?<![\w:.])(?=[0-9a-f]{0,4}:[0-9a-f:]*[0-9a-f:])[0-9a-f:]{3,39}(?:%\w{1,15})?(?![\w:(])"),
    ("path", r"(?<![\w/.])(?:/(?:tmp|var|private|home|users|root|srv|opt|mnt)|[a-z]:\\)[\w./@%+~\\-]+[\w/~]"),
    ("host", rf"(?<![\w.@-])(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,8}}(?:{_DOMAINS})(?![\w(.-]*\w)"),
    ("sha1", r"\b[0-9a-f]{40}\b"),
    ("md5", r"\b[0-9a-f]{32}\b"),
    ("hex", r"\b0x[0-9a-f]+\b|\b(?=[0-9a-f]{0,128}\d)(?=\d{0,128}[a-f])[0-9a-f]{8,128}\b"),
    ("git_sha", r"\b(?=[0-9a-f]{0,6}\d)(?=\d{0,6}[a-f])[0-9a-f]{7}\b"),
    ("name", rf"\b(?:{_NAMES})[-_ ]?\d+(?:[-_.]\d+)*\b"),
    (
        "duration",
        r"(?<![\w.-])(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|sec|min|m|h)){1,6}\b"
        rf"|{_AMOUNT} (?:ns|us|µs|μs|ms|s|(?:milli|micro|nano)?sec(?:ond)?s?|min(?:ute)?s?|hours?|days?|weeks?)\b",
    ),
    ("size", rf"{_AMOUNT} ?(?:[kmgtp]i?b|(?:kilo|mega|giga)?bytes?)\b"),
    ("percent", rf"{_AMOUNT}(?: ?%(?![\w%])| percent\b)"),
    ("ordinal", r"(?<![\w.])\d+(?:,\d{3}){0,6}(?:st|nd|rd|th)\b"),
    (
        "random_id",
        r"\b(?:[a-z]{2,10}[_-](?=[a-z]*\d+[a-z]+\d)[a-z0-9]{8,}|(?=[a-z]*\d+[a-z]+\d)[a-z0-9]{10,})\b",
    ),
    ("quoted_str", rf"(?:(?<==)|(?<==b)|(?<=: )|(?<=:)){_QUOTED}(?!:)|^{_QUOTED}$"),
    ("bool", rf"{_VALUE}{_BOOL}\b|(?<=[(\[]){_BOOL}(?:, {_BOOL}){{0,20}}(?=, |,?[)\]])"),
    ("value", rf"{_VALUE}{_NUMBER}(?!\w)"),
    ("number", rf"(?<![\w.]){_NUMBER}(?=(?:b|px)\b|(?!\w))"),
    ("int", r"(?<=_)\d+(?![a-z0-9])|(?<=[a-z])\d{5,}(?![a-z0-9])"),
)
# Every pattern needs one of these; most messages of a refusal have none.
_MAY_VARY = re.compile(r"[\d@=:/'\"\\]|\.\w|[(\[][tTfF]")
# As many as there are of one kind: placeholders, pairs of them, and tuples of one; and the comma of a tuple of one.
_ITEM = r"[(\[]?<[a-z_]{2,20}[0-9]?>(?:: ?<[a-z_]{2,20}[0-9]?>)?[)\]]?"
_LIST = re.compile(rf"({_ITEM})(?:, ?\1)+|(?<=>),(?=[)\]])")
_SPACE = re.compile(r"\s+")
_SHOWN = {"aws_trace": "traceparent", "ipv6": "ip", "host": "hostname"}


def parameterised(message: str) -> str:
    """Return the first two lines of a message with what varies in it replaced, at most 300 characters."""
    lines = [line.strip()[:LINE] for line in message[:READ].splitlines() if line.strip()]
    return _replaced(_SPACE.sub(" ", " ".join(lines[:LINES])))


@lru_cache(maxsize=512)
def _replaced(text: str) -> str:
    if _MAY_VARY.search(text):
        # What was glued to something that varied may be seen only now. Twice is the rule, and the bound is never met.
        for _ in range(PASSES):
            before, text = text, _LIST.sub(_once, _varying().sub(_placeholder, text)).strip()
            if text == before:
                break
    return _cut(text)


@lru_cache(maxsize=1)
def _varying() -> re.Pattern[str]:
    """Return the pattern of all that varies, made when it is first needed: a third of what importing us would cost."""
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _TOKENS), re.IGNORECASE)


def _placeholder(match: re.Match[str]) -> str:
    kind, text = str(match.lastgroup), match[0]
    if kind in ("placeholder", "name"):
        return text
    if kind == "ipv6":
        return "<ip>" if _is_ipv6(text) else re.sub(r"(?<!\w)\d+(?!\w)", "<int>", text)
    if kind in ("number", "value"):
        dots = text.count(".")
        if kind == "value" and dots < 2:
            return "<number>"
        return "<version>" if dots > 1 else "<float>" if dots or "e" in text.lower() else "<int>"
    return f"<{_SHOWN.get(kind, kind)}>"


def _once(match: re.Match[str]) -> str:
    return match[1] or ""


def _is_ipv6(text: str) -> bool:
    """Tell an address from a qualified name: `Fee::add` reads like one."""
    if not any(character.isdigit() for character in text) and text != "::":
        return False
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _cut(text: str) -> str:
    """Cut a long text between two words, so that half a number is not taken for another."""
    if len(text) <= KEPT:
        return text
    start = text[:KEPT].rpartition(" ")[0].rstrip(" ,")
    return start or "<long>"
