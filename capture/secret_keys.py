"""Whether a key names a secret, judged by its words: `userPassword`, `X-Api-Key`, `db.pwd`."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

REDACTED = "[redacted]"


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text that lists them."""
    return frozenset(text.split())


_SECRET_WORDS = words_of(
    """
    password passwd passwort passphrase passcode pwd pw secret secrets token tokens auth authorization authentication
    credential credentials session sessionid cookie cookies csrf xsrf csrftoken csrfmiddlewaretoken jwt bearer apikey
    signature ssn cvv cvc otp totp phpsessid privatekey secretkey accesskey
    """
)
# A word that is innocent alone and telling beside another: a "key" is a secret only when it opens something.
_SECRET_PAIRS = words_of(
    """
    api+key private+key secret+key access+key signing+key encryption+key auth+key session+key master+key license+key
    credit+card card+number social+security mysql+pwd connect+sid forwarded+for real+ip session+id pin+code
    recovery+code
    """
)
_SECRET_ENDINGS = (
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "passphrase",
    "privatekey",
    "creditcard",
    "sessionid",
)
# `max_tokens` and `password_length` say how much, not what.
_MEASURES = words_of(
    "max min num count total limit used type length len expires expiry ttl expired required valid form field"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+\d?|\d+")


def is_secret_key(key: str) -> bool:
    """Return whether a value under this key is a secret, judging by the words of the key."""
    # Clients send keys as long as they like, and what is remembered must stay small.
    return _is_secret_name(key if len(key) <= 200 else key[:100] + key[-100:])


@lru_cache(maxsize=4096)
def _is_secret_name(key: str) -> bool:
    words = [word.lower().rstrip("0123456789") for word in _WORD.findall(key)]
    if any(word in _MEASURES for word in words) and not key.lower().endswith(("password", "secret")):
        return False
    if any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS) for word in words):
        return True
    if any(f"{first}+{second}" in _SECRET_PAIRS for first, second in pairwise(words)):
        return True
    joined = "".join(words)
    return joined in _SECRET_WORDS or joined.endswith(_SECRET_ENDINGS)
