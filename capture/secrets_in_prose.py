"""Secrets that a sentence tells (`the password was hunter2`), and those a command line takes without naming them."""

from __future__ import annotations

import re

from capture.secret_keys import REDACTED, is_secret_key, words_of

_TELLS = re.compile(
    r"(?<![\w.-])((?:[a-z][\w.-]{0,60}+[ \t]{1,3})?[a-z][\w.-]{0,60}+)"
    r"(?:[ \t]{1,3}(?:for|of|to)(?:[ \t]{1,3}[^\s]{1,64}+){1,3}?)?"
    r"[ \t]{1,3}(?:(?:(?:is|was|has been|had been)[ \t]{1,3})?(?:set|changed|reset)[ \t]{1,3}to|is|was)"
    r"(?:[ \t]{1,3}(?:now|still|currently))?(?![\w.-])[ \t]{0,3}[:=]?[ \t]{0,3}",
    re.IGNORECASE,
)
_TOLD = re.compile(r"(\\?[\"'`])[^\"'`\\\n]{1,200}|[^\s\"'`,;<>\\]{1,200}")
_AROUND = "\"'`\\.,;:!?()[]{}"
# Keys that a single plain word may follow; of a session or a signature much else is said.
_STRONG = ("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "key")
# What sentences say of a secret without telling it. So does what ends like a participle or an adverb.
_SAID_OF = words_of(
    """
    a an the no not never none null nil true false now too very only also always still so as at by in on of for to from
    with within without and or but what where when which this that it its yours ours his her here there one
    required optional missing empty blank wrong right correct incorrect valid invalid good bad ok okay fine weak strong
    short long longer shorter old new unknown secret private public sensitive same different equal identical similar
    common simple numeric safe unsafe secure insecure unique random null unset set sent lost found gone kept known seen
    given shown hidden broken stolen taken forgotten written due up out off over under present absent available ready
    active inactive stale fresh undefined malformed corrupt unavailable case mandatory necessary temporary permanent
    """
)
_ENDINGS = ("ed", "ing", "able", "ible", "ly", "ive", "less", "ful")

_CURL = re.compile(
    r"(?<![\w-])((?:-u|-U|--user|--proxy-user)[\"']?[,=]?\s{0,3}[\"']?(?!\d{1,5}:\d{1,5}(?!\w))[^\s:\"'@/,]{1,100}:)"
    r"[^\s\"']{1,200}"
)
_MYSQL = re.compile(r"(?<![\w-])(-p[\"']?)(?!\d{1,5}:\d)[^\s\"'/,\])-][^\s\"']{0,200}")


def redact_commands(text: str, lowered: str) -> str:
    """Return the text without passwords of `curl -u name:password` and `mysql -ppassword`."""
    if "curl" in lowered and ("-u" in lowered or "-user" in lowered):
        text = _CURL.sub(rf"\1{REDACTED}", text)
    if "-p" in text and ("mysql" in lowered or "mariadb" in lowered):
        text = _MYSQL.sub(rf"\1{REDACTED}", text)
    return text


def may_tell(lowered: str) -> bool:
    """Return whether the text has a verb that tells what something is."""
    return " is" in lowered or " was" in lowered or "set to" in lowered or "changed to" in lowered


def redact_told(text: str) -> str:
    """Return the text without secrets that a sentence tells."""
    parts, at = [], 0
    for key in _TELLS.finditer(text):
        if key.start() < at or not is_secret_key("_".join(key[1].split())):
            continue
        told = _TOLD.match(text, key.end())
        if told is not None and _is_told(key[1], told[0]):
            bare = told[0].rstrip(_AROUND)
            parts += [text[at : key.end()], told[1] or "", REDACTED, told[0][len(bare) :]]
            at = told.end()
    return "".join([*parts, text[at:]]) if parts else text


def _is_told(key: str, value: str) -> bool:
    """Return whether what follows is the secret itself, and nothing that is said of it."""
    value = value.strip(_AROUND)
    if not value or "redacted" in value or value[0] in "%*" or value.startswith("$"):
        return False
    words = value.split("-")
    if not all(word.isalpha() and (word.islower() or word.istitle() or word.isupper()) for word in words):
        return True
    last = words[-1].lower()
    return key.lower().rstrip("0123456789").endswith(_STRONG) and last not in _SAID_OF and not last.endswith(_ENDINGS)
