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
    password passwords passwd passwds passwort passphrase passcode pwd pw secret secrets token tokens auth authorization
    authentication dbpass userpass
    credential credentials session sessionid cookie cookies csrf xsrf csrftoken csrfmiddlewaretoken jwt bearer apikey
    signature sig ssn cvv cvc otp totp phpsessid privatekey secretkey accesskey pin pincode cardnumber ccnumber
    """
)
# A word that is innocent alone and telling beside another: a "key" is a secret only when it opens something.
_SECRET_PAIRS = words_of(
    """
    api+key private+key secret+key access+key signing+key encryption+key auth+key session+key master+key license+key
    app+key account+key shared+key storage+key webhook+key hmac+key consumer+key stripe+key
    credit+card card+number cc+number social+security mysql+pwd connect+sid forwarded+for real+ip session+id pin+code
    recovery+code backup+code mfa+code security+code verification+code
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
# Innocent before another word, as in `pass_rate`, and a secret at the end: `db_pass`, `connect.sid`.
_SECRET_LAST = words_of("pass sid")
# `max_tokens` and `password_length` say how much, not what.
_MEASURES = words_of("max min num count total limit type length len expires expiry ttl")
# `token_valid` and `password_form` tell of a secret, and `valid_token` is one.
_TELLING = words_of("used expired required valid form field")
# What the name of every secret key has in it.
KEY_HINTS = tuple(
    words_of(
        """
        pass pw secret token auth key cred cook sess sid csrf xsrf cvv cvc ssn sig jwt bearer otp card social
        recovery pin forwarded real ccn cc_n cc-n backup mfa security verif
        """
    )
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+\d?|\d+")


def may_name_secret(lowered: str) -> bool:
    """Return whether the name of a secret key could be in a text, which is given in lower case."""
    for hint in KEY_HINTS:  # noqa: SIM110  (any() with a generator takes twice as long, on every text of every event)
        if hint in lowered:
            return True
    return False


def is_secret_key(key: str) -> bool:
    """Return whether a value under this key is a secret, judging by the words of the key."""
    # Clients send keys as long as they like, and what is remembered must stay small.
    return _is_secret_name(key if len(key) <= 200 else key[:100] + key[-100:])


@lru_cache(maxsize=4096)
def _is_secret_name(key: str) -> bool:
    words = [word.lower().rstrip("0123456789") for word in _WORD.findall(key)]
    if key.lower().endswith(("password", "secret")):
        return True
    if not _MEASURES.isdisjoint(words) or words[-2:] == ["used", "tokens"]:
        return False
    pairs = [f"{first}+{second.removesuffix('s')}" in _SECRET_PAIRS for first, second in pairwise(words)]
    for index, word in enumerate(words):
        if _is_secret_word(word) or (index < len(pairs) and pairs[index]):
            return _TELLING.isdisjoint(words[index + 1 :])
    if words and words[-1] in _SECRET_LAST:
        return True
    joined = "".join(words)
    return _TELLING.isdisjoint(words) and _is_secret_word(joined)


def _is_secret_word(word: str) -> bool:
    return word in _SECRET_WORDS or word.removesuffix("s").endswith(_SECRET_ENDINGS)
