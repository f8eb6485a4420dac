"""Secrets that stand apart from their keys: found all the same."""

from __future__ import annotations

import time
import uuid
from urllib.parse import quote, unquote

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.test import RequestFactory
from django.urls import ResolverMatch, path
from django.utils import translation

from capture import requests, scrub
from capture.frames import source
from capture.scrub import scrub_text, scrub_value
from capture.scrub_source import scrub_lines
from capture.values import describe

SECRET = "Zq17hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"mysql --host h --password {SECRET} pets",
        f"run --api-key '{SECRET}'",
        rf"'password: ginger\nclient-secret: {SECRET}'",
        rf"'user: me\npassword: ginger\r\ntoken: {SECRET}\nx: 1'",
        f'Content-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--b--',
        rf'b\'form-data; name="password"\r\n\r\n{SECRET}\r\n--b--\'',
        f"clinic:{SECRET}@db.example:5432/pets",
        f"Invalid HTTP_HOST header: 'u:{SECRET}@evil.example'",
    ],
)
def test_secrets_in_text(text):
    assert SECRET not in scrub_text(text)
    assert len(scrub_text(text)) > 10


@pytest.mark.parametrize("text", ["--verbose", "a -- token", "joe@example.com", "at 12:30@office.example", "--token"])
def test_text_without_secrets_stays(text):
    assert scrub_text(text) == text


@pytest.mark.parametrize(
    "piece", ['name="a"', 'form-data; name="a"', "a:", "--password ", "password=\\n a", "a@b:c ", "--a '", "x:y@"]
)
def test_hostile_text_takes_no_longer_than_its_length(piece):
    started = time.thread_time()
    scrub_text(piece * (8_000 // len(piece)))
    assert time.thread_time() - started < 0.2, "one of these took half a second"


@pytest.mark.parametrize("names", [("name", "value"), ("key", "value")])
def test_a_pair_in_two_fields(names):
    name, value = names
    pair = [{name: "password", value: SECRET}, {name: "species", value: "rabbit"}]
    assert SECRET not in str(scrub_value(pair))
    assert SECRET not in describe(pair)
    assert "rabbit" in str(scrub_value(pair))
    assert "rabbit" in describe(pair)


@pytest.mark.parametrize(
    "token", [uuid.UUID("f30f63a5-a3cf-42fb-bde8-f11e3bd8a1c7"), "Zq17hunter2", "Zq17:hunt er2", 48151623]
)
def test_a_secret_part_of_the_path_in_path_and_referer(django_site, token):
    page = quote(f"/invite/{token}/")
    request = RequestFactory().post(page, HTTP_REFERER=f"http://testserver{page}?x=1")
    request.resolver_match = ResolverMatch(lambda request: None, (), {"token": token}, route="invite/<token>/")
    described = requests.describe(request, route="/invite/<token>/", path=requests.path_of(request), body_max=1000)
    assert str(token) not in unquote(str(described))
    assert described.path == "/invite/[redacted]/"
    assert described.referer == "http://testserver/invite/[redacted]/?x=1"


def test_a_secret_part_of_the_referers_page_in_another_language(django_site):
    pages = tuple(i18n_patterns(path("reset/<str:token>/", lambda request, token: None), path("a/<str:name>/", print)))
    request = RequestFactory().get("/de/", HTTP_REFERER=f"http://testserver/en/reset/{SECRET}/")
    request.urlconf = pages
    with translation.override("de"):
        described = requests.describe(request, route="/", path="/de/", body_max=1000)
        request.META["HTTP_REFERER"] = "http://testserver/en/a/rabbit/"
        assert requests.describe(request, route="/", path="/de/", body_max=1).referer.endswith("/en/a/rabbit/")
        assert translation.get_language() == "de"
        for hostile in ("/" + "a" * 3_000, "/en/%ff%00/", "/%"):
            request.META["HTTP_REFERER"] = f"http://testserver{hostile}"
            assert requests.describe(request, route="/", path="/de/", body_max=1).referer
    assert described.referer == described.headers["Referer"] == "http://testserver/en/reset/[redacted]/"


@pytest.mark.parametrize("host", [f"u:{SECRET}@evil.example", f"password={SECRET}"])
def test_a_secret_in_the_host(django_site, host):
    request = RequestFactory().get("/", HTTP_HOST=host)
    assert SECRET not in str(requests.describe(request, route=None, path="/", body_max=1000))


SOURCES = [
    """cursor.execute("UPDATE vet SET password = %s WHERE id = %s", ["Zq17hunter2", 7])""",
    """cursor.execute(
    "INSERT INTO vet (name, password) VALUES (%s, %s)",
    ["ada", "Zq17hunter2"],
)""",
    """SETTINGS = {
    "password":
        "Zq17hunter2",
}""",
    '''KEY = """-----BEGIN RSA PRIVATE KEY-----
MIIEpAIBAAKCAQEA7bqZq17hunter2PEMbody0123456789abcdefABCDEF
Zm9vYmFyZq17hunter2Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFy
-----END RSA PRIVATE KEY-----"""''',
]


@pytest.mark.parametrize("text", SOURCES, ids=["on one line", "on the next", "value below its key", "private key"])
def test_secrets_in_source_lines(tmp_path, text):
    path = tmp_path / "clinic.py"
    path.write_text(text + "\nprices = {'cat': 10}\n")
    for lineno in range(1, len(text.splitlines()) + 2):
        before, line, after = source(str(path), lineno)
        assert SECRET not in "\n".join((*before, line, *after)), lineno
        assert "cat" in "\n".join((*before, line, *after))


@pytest.mark.parametrize("end", ['"', '" + \\', '" ,', '\\n" )'])
def test_lines_of_a_private_key_whose_beginning_is_out_of_sight(end):
    lines = [f'    "{number}IEpAIBAAKCAQEA7bqZq17hunter2PEMbody0123456789abcdef{end}' for number in range(3)]
    assert scrub_lines(lines) == ["[redacted]"] * 3


def test_source_without_secrets_stays(tmp_path):
    text = (
        'raise ValueError("the password is too short")\nlog.info("no price for %s", "rabbit")\ntoken = get_token("x")\n'
    )
    path = tmp_path / "clinic.py"
    path.write_text(text)
    before, line, after = source(str(path), 2)
    assert [*before, line, *after] == text.splitlines()


def test_what_was_redacted_is_not_remembered_as_harmless(monkeypatch):
    monkeypatch.setattr(scrub, "harmless", set())
    pairs = [["password", SECRET], ["species", "rabbit"]]
    assert scrub_value(pairs) == [["password", "[redacted]"], ["species", "rabbit"]]
    assert SECRET not in describe([("password", SECRET * 20), ("species", "rabbit " * 30)])
    assert "rabbit" in str(scrub.harmless)
    assert SECRET not in str(scrub.harmless)
