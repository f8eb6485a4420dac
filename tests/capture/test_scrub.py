"""Secrets never leave the process, wherever they stand."""

from __future__ import annotations

import json
import time
import tracemalloc
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import scrub, secret_shapes, secrets_keyed
from capture.scrub import MAX_ITEMS, REDACTED, clean, scrub_mapping, scrub_text, scrub_value
from capture.scrub_source import redact_below, scrub_lines, scrub_source
from capture.scrub_urls import scrub_headers, scrub_query, scrub_url
from capture.secret_keys import _SECRET_PAIRS, _SECRET_WORDS, KEY_HINTS, is_secret_key

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq\nZZZZ\n-----END RSA PRIVATE KEY-----"
SHAPES = [
    JWT,
    "sk-ant-api03-abcdefghijklmnop",
    "sk_live_51HxyzABCDEFGHijklmnop",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0abcdefghijklmnop",
    "glpat-abcdefghij0123456789",
    "AKIAIOSFODNN7EXAMPLE",
    "xoxb-123456789012-abcdefghijkl",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "378282246310005",
    "5555555555554444",
]
SECRET_KEYS = [
    "password", "userPassword", "user_password", "USER-PASSWORD", "db.pwd", "X-Api-Key", "apiKey", "APIKey", "api_key",
    "HTTP_AUTHORIZATION", "Authorization", "Cookie", "Set-Cookie", "csrfmiddlewaretoken", "X-CSRFToken", "session",
    "sessionid", "access_token", "refreshToken", "client_secret", "AWS_SECRET_ACCESS_KEY", "privateKey", "creditCard",
    "card_number", "cvv", "PHPSESSID", "mysql_pwd", "passwd", "auth", "password2", "newpassword", "X-Forwarded-For",
    "jwt", "stripe_secret", "password_hash", "DJANGO_SECRET_KEY", "valid_token", "last_used_token", "form_token",
    "expiredSession", "valid_api_key", "required_password", "new_secret", "DB_PASS", "pass", "X-DB-Pass", "smtpPass",
    "dbpass", "passwords", "apikeys", "api_keys", "app_key", "AccountKey", "webhook_key", "card_numbers", "ccNumber",
    "cc_number", "security_code", "backup_codes", "mfa_code", "pin", "pincode", "sid", "sig",
]  # fmt: skip
OPEN_KEYS = [
    "author", "authority", "species", "key", "keyboard", "max_tokens", "token_count", "password_length", "passage",
    "secretary", "compass", "cooking", "pins", "card", "assessment", "tokenizer", "Content-Type", "user_agent", "id",
    "token_valid", "token_is_valid", "password_form", "session_expired", "api_key_required", "token_used_at",
    "used_tokens", "total_tokens", "token_type", "valid", "form", "pass_rate", "bypass", "design", "inside", "keys",
    "error_code", "account", "security",
]  # fmt: skip


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_key_that_holds_a_secret(key):
    assert is_secret_key(key)


@pytest.mark.parametrize("key", OPEN_KEYS)
def test_a_key_that_holds_none(key):
    assert not is_secret_key(key)


@pytest.mark.parametrize("secret", SHAPES)
@pytest.mark.parametrize("around", ["{}", "failed with {} at once", "x={}", "('{}',)", '{{"a": "{}"}}', "{}, {}"])
def test_a_secret_is_known_by_its_shape(secret, around):
    assert secret not in scrub_text(around.format(secret, secret))


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2hunter2",
        "Authorization: Token hunter2",
        "authorization=Basic aHVudGVyMjpodW50ZXIy hunter2"[:40],
        "{'password': 'hunter2'}",
        '{"password": "hunter2", "a": 1}',
        '{"password":"hun\\"hunter2"}',
        "password=hunter2&a=1",
        "token=hunter2",
        "connect with password: hunter2",
        "User(password='hunter2')",
        "postgres://clinic:hunter2@db/clinic",
        "postgresql+psycopg://clinic:hunt/er@hunter2@db/clinic",
        "https://me:hunter2@example.com/",
        "redis://:hunter2@cache:6379/0",
        "Cookie: a=hunter2; b=hunter2",
        "Set-Cookie: sessionid=hunter2",
        "headers['Authorization'] = 'hunter2'",
        PEM.replace("ZZZZ", "hunter2"),
        PEM.replace("ZZZZ", "hunter2").replace("\n", "\\n"),
        PEM.replace("ZZZZ", "hunter2")[:70],
        PEM.replace("ZZZZ", "hunter2").replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"),
        "bearer hunter2hunter2hunter2",
        "bad form <QueryDict: {'username': ['bob'], 'password': ['hunter2']}>",
        '{"tokens": ["hunter2", "hunter2"], "a": 1}',
        "{'credentials': {'user': 'bob', 'word': 'hunter2'}, 'open': 1}",
        "auth={'x': ('a', 'hunter2')} and more",
        "password=('hunter2',)",
        "password=(\"a)\", 'hunter2')",
        "password=['hunter2",
        "{'name': 'password', 'value': 'hunter2'}",
        '{"key": "api_key", "value": "hunter2"}',
        "{'name': 'password', 'value': ['x', 'hunter2']}",
        "password=[redacted, hunter2]",
        'password="""hunter2\nhunter2"""',
        "duplicate key value\nDETAIL:  Key (token)=(hunter2) already exists.",
        "DETAIL:  Key (user_id, token)=(7, hunter2) already exists.",
        "DETAIL:  Key (lower(token::text))=(hunter2) already exists.",
        "DETAIL:  Failing row contains (1, a) b, hunter2, null).",
        "Duplicate entry 'hunter2' for key 'user.token'",
    ],
)
def test_a_secret_is_known_by_what_stands_beside_it(text):
    scrubbed = scrub_text(text)
    assert "hunter2" not in scrubbed
    assert "MIIEpAIB" not in scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "'rabbit'",
        "invalid literal for int() with base 10: 'x'",
        "no such table: clinic_pet",
        "basic information is missing",
        "order 1234567890123456 not found",  # sixteen digits, and no card
        "2026-11-22T18:00:00.123456+00:00",
        "password=None",
        "http://localhost:8000/pets/1/",
        "at 12:30: nothing",
        "UNIQUE constraint failed: clinic_owner.email",
        "DETAIL:  Key (email)=(a@example.com) already exists.",
        "Duplicate entry 'Flopsy' for key 'pet.name'",
        "session: [] and password={}",
        f"password={REDACTED} and token: {REDACTED}",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text):
    assert scrub_text(text) == text


NESTED = {"a": json.dumps({"b": json.dumps({"password": 'hunter2, it\'s "mine"', "open": "still here"})})}


@pytest.mark.parametrize(
    "text",
    [
        'answered {"detail": "login failed for password=hunter2"}',
        "url=https://api.example/x?token=hunter2&page=2",
        "a=b=c=password=hunter2",
        json.dumps(json.dumps({"password": "hunter2"})),
        json.dumps(NESTED),
        repr(json.dumps(NESTED)),
        "<login><password>hunter2</password></login>",
        '<s:Login><s:accessToken type="x">hunter2</s:accessToken></s:Login>',
    ],
)
def test_a_secret_inside_of_something_open(text):
    assert "hunter2" not in scrub_text(text)
    assert "mine" not in scrub_text(text)


def test_what_stands_beside_a_nested_secret_stays():
    assert "still here" in scrub_text(json.dumps(NESTED))
    assert scrub_text('{"password": \\"\\"}') == '{"password": \\"\\"}'
    assert scrub_text("<name>Flopsy</name> <password></password>") == "<name>Flopsy</name> <password></password>"
    assert scrub_source('body = "<password>hunter2</password>"') == f'body = "<password>{REDACTED}</password>"'


@pytest.mark.parametrize(
    "line",
    [
        'password: str = "hunter2"',
        'API_KEY: Final[str] = "hunter2"',
        'self.secret: str | None = "hunter2"',
        'login(passwd=f"hunter2{number}")',
        'secret = rb"hunter2"',
        'secret = """hunter2',
        'connect("host=db user=bob password=hunter2")',
        'url = "https://example.com/?token=hunter2"',
        '"Server=x;Password=hunter2;"',
        'tokens = ["hunter2", "hunter2"]',
        'password = ("hunter2")',
        'd.setdefault("PASSWORD", "hunter2")',
        'setattr(user, "password", "hunter2")',
        '[("password", "hunter2")]',
        'config("DB_PASSWORD", default="hunter2")',
    ],
)
def test_a_literal_of_source_is_a_secret_wherever_its_key_stands(line):
    assert "hunter2" not in scrub_source(line)
    assert scrub_lines([line]) == [scrub_source(line)]


@pytest.mark.parametrize(
    "line",
    [
        'raise ValueError(f"bad token: {token}")',
        'raise ValueError("invalid token: must be a string")',
        'query = "SELECT id FROM user WHERE token=%s"',
        'url = f"/?token={token}"',
        'headers = {"Authorization": f"Bearer {token}"}',
        'fields = ["username", "password", "email"]',
        'def sign(token: str, mode="x"):',
        'session["cart"] = {"a": 1}',
        'path("reset/<token>/", view, name="reset")',
    ],
)
def test_source_that_only_speaks_of_secrets_stays(line):
    assert scrub_source(line) == line


def test_long_keys_are_judged_and_not_remembered():
    tracemalloc.start()
    try:
        for number in range(20):
            assert is_secret_key(f"{number}{'k' * 500_000}_password")
            assert not is_secret_key(f"{number}{'k' * 500_000}")
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


HOSTILE = [
    "eyJ", "eyJaaaaaaaa.", "1 ", "a=", "pass.a.-", 'token=\\"', "<token>", "token=[", "token=('", 'token="""',
    "'name':'token','value':'", "'name':'token','value':[", "Key (token)=(", "Failing row contains (",
    "Duplicate entry '",
]  # fmt: skip


@pytest.mark.parametrize("repeated", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_costs_no_more_than_its_length(repeated):
    def seconds(length):
        text, took = repeated * (length // len(repeated)), []
        for _ in range(3):
            before = time.thread_time()
            scrub_text(text, limit=length)
            took.append(time.thread_time() - before)
        return min(took)

    assert seconds(32_000) < 9 * seconds(8_000), "four times the length, and not sixteen times the time"


def test_a_secret_across_the_cut_is_not_cut_in_half():
    text = "x" * 80 + " postgres://clinic:hunter2hunter2@db/clinic"
    assert "hunt" not in scrub_text(text, limit=105)
    assert len(scrub_text(text, limit=105)) <= 105


def test_source_code_keeps_its_meaning():
    assert scrub_source("token = get_token(request)") == "token = get_token(request)"
    assert scrub_source('API_KEY = "hunter2"') == f'API_KEY = "{REDACTED}"'
    assert scrub_source('if password == "x":') == 'if password == "x":'


def test_mappings_are_scrubbed_at_every_depth():
    data = {"a": [{"b": {"userPassword": "hunter2", "ok": 1}}], "pairs": [["token", "hunter2"]], "session": {"x": 1}}
    scrubbed = scrub_mapping(data)
    assert "hunter2" not in json.dumps(scrubbed)
    assert scrubbed["a"][0]["b"]["ok"] == 1
    assert scrubbed["session"] == REDACTED


def test_what_lies_too_deep_is_redacted():
    deep: object = "hunter2"
    for _ in range(50):
        deep = {"a": deep}
    assert "hunter2" not in json.dumps(scrub_value(deep))
    assert "too deep" in json.dumps(scrub_value(deep))


def test_long_collections_are_cut():
    assert len(scrub_value(list(range(1000)))) == MAX_ITEMS + 1
    assert len(scrub_mapping({str(n): n for n in range(1000)})) == MAX_ITEMS + 1
    assert len(scrub_headers({f"HTTP_X_{n}": "v" for n in range(1000)})) == MAX_ITEMS


def test_numbers_and_oddities():
    assert scrub_value(4111111111111111) == REDACTED
    assert scrub_value(10**40) == 10**40
    assert scrub_value(1234567890123456) == 1234567890123456
    assert scrub_value([True, None, 1.5]) == [True, None, 1.5]
    assert scrub_value(object()) == "<class 'object'>"
    assert scrub_mapping({1: "a", (2,): "b", "password": None}) == {"1": "a", "tuple": "b", "password": None}


def test_queries_keep_what_is_open():
    assert scrub_query("a=1&token=hunter2&b=%20x&c") == f"a=1&token={REDACTED}&b=%20x&c"
    assert "hunter2" not in scrub_query("user%5Bpassword%5D=hunter2")
    assert "hunter2" not in scrub_query("next=" + quote("https://me:hunter2@host/"))
    assert "AKIA" not in scrub_query("AKIAIOSFODNN7EXAMPLE")


def test_urls_are_scrubbed_in_every_part():
    assert "hunter2" not in scrub_url("https://me:hunter2@host/p?token=hunter2#x")
    assert scrub_url("https://host/p?a=1") == "https://host/p?a=1"
    assert scrub_url("http://[broken") == "http://[broken"


def test_headers():
    scrubbed = scrub_headers(
        {
            "HTTP_COOKIE": "hunter2",
            "HTTP_X_API_KEY": "hunter2",
            "HTTP_REFERER": "http://a/?token=hunter2",
            "HTTP_ACCEPT": "text/html",
            "SERVER_NAME": "hunter2",
        }
    )
    assert "hunter2" not in str(scrubbed)
    assert scrubbed == {
        "Cookie": REDACTED,
        "X-Api-Key": REDACTED,
        "Referer": scrubbed["Referer"],
        "Accept": "text/html",
    }


def test_every_word_that_makes_a_key_secret_is_hinted_at():
    """The cheap look must never overlook what the exact patterns would find."""
    words = _SECRET_WORDS | {pair.replace("+", "_") for pair in _SECRET_PAIRS}
    assert [word for word in words if not any(hint in word for hint in KEY_HINTS)] == []


PIECES = [
    *SHAPES,
    "password",
    "x-api-key",
    "Cookie",
    ": ",
    "=",
    " ",
    "'",
    '"',
    "<pwd>",
    "</pwd>",
    "hunter2",
    "4111",
    "-",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_the_cheap_look_finds_what_all_patterns_together_find(text):
    every = secret_shapes._PEM.sub(REDACTED, text)
    every = secret_shapes._DSN.sub(lambda match: f"{match[1] or match[2]}:{REDACTED}@", every)
    every = secret_shapes._BEARER.sub(rf"\1 {REDACTED}", secret_shapes._SHAPES.sub(REDACTED, every))
    every = secret_shapes._CARD.sub(secret_shapes._redact_card, every)
    every = secrets_keyed._COOKIE_LINE.sub(rf"\1{REDACTED}", every)
    every = secrets_keyed._redact_values(every, secrets_keyed._VALUE)
    assert scrub_text(text) == secrets_keyed._ELEMENT.sub(secrets_keyed._redact_element, every)


# Pieces of lines of source whose keys have their values on the line below.
BELOW = ("https://a@b", "x = ", "password =", "'token':", "api_key = (", "'hunter2',", "'(password) VALUES (%s)',", ")")


@given(st.lists(st.lists(st.sampled_from([*PIECES, *BELOW]), max_size=5).map("".join), max_size=11))
def test_neighbouring_lines_are_scrubbed_as_each_alone_and_then_below_their_keys(lines):
    assert scrub_lines(lines) == redact_below([scrub_source(line) for line in lines], [True] * len(lines))


def test_lines_of_source_that_are_remembered_hold_no_secret_and_stay_few(monkeypatch):
    monkeypatch.setattr("capture.scrub_source.MAX_OPEN", 20)
    monkeypatch.setattr("capture.scrub_source._open", remembered := set())
    for number in range(60):
        key = ("password =", f"total = {number}", f"name = get({number})")[number % 3]
        shown = scrub_lines([f"x = {number}", key, "'hunter2'", 'token = "hunter2"' if number % 2 else ""])
        assert "token = " not in "".join(shown) or REDACTED in "".join(shown)
        assert (REDACTED in shown[2]) is (number % 3 == 0), "below its key, whoever met the line before"
        assert len(remembered) <= 24
    assert "x = 58" in remembered
    assert not [line for line in remembered if "token" in line or "password" in line]


def test_what_is_remembered_holds_no_secret_and_stays_small():
    for number in range(scrub.MAX_HARMLESS + 100):
        scrub_text(f"page {number}")
        scrub_text(f"password={number}-hunter2")
    assert len(scrub.harmless) <= scrub.MAX_HARMLESS
    assert not [text for text in scrub.harmless if "hunter2" in text]


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=300))
def test_any_text_becomes_one_that_every_store_can_hold(text):
    scrubbed = scrub_text(text, limit=100)
    assert "\x00" not in scrubbed
    assert len(scrubbed) <= 100
    scrubbed.encode("utf-8")
    assert clean(clean(text)) == clean(text)


@given(st.text(max_size=40), st.sampled_from(SHAPES), st.text(max_size=40))
def test_no_surroundings_hide_a_secret(before, secret, after):
    assert secret not in scrub_text(f"{before} {secret} {after}")


@pytest.mark.parametrize("text", ["no.{}", "30 {}", "{} 0", "12-{}-99 1"])
def test_a_card_is_found_among_other_numbers(text):
    assert "4111" not in scrub_text(text.format("4111 1111 1111 1111"))


_PLAIN_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(_PLAIN_DATA, st.sampled_from(SECRET_KEYS))
def test_plain_data_stays_plain_and_a_secret_key_is_redacted_anywhere(data, key):
    scrubbed = scrub_value({"outer": [data, {key: "hunter2hunter2"}]})
    assert "hunter2" not in json.dumps(scrubbed)
