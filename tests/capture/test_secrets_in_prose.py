"""Secrets that a sentence or a command line tells, in messages, logs and locals; what is said of one stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import breadcrumbs
from capture.messages import message_of
from capture.scrub import scrub_text
from capture.values import describe

SECRET = "hunter2x"
TOLD = [
    "the password is hunter2x",
    "The password is: hunter2x.",
    "password was hunter2x, which is wrong",
    'Your password was "hunter2x"',
    "new password is now 'hunter2x'!",
    "PASSWORD IS hunter2x",
    "user_password is hunter2x",
    "password for ada is hunter2x",
    "the password of user ada@example.com was hunter2x",
    "password set to hunter2x",
    "password has been changed to hunter2x",
    "API key is hunter2x",
    "the access token was hunter2x and is spent",
    "secret is hunter2x\nnext line",
    "session id is hunter2x",
    "valid token is hunter2x",
    "the expired token was hunter2x",
    "Required password is 'hunter2x'",
    "the last used token is hunter2x",
    "a valid API key is hunter2x",
    "curl -u ada:hunter2x https://example.com",
    "curl -uada:hunter2x https://example.com",
    "curl -sS --user ada:hunter2x https://example.com",
    "curl --user=ada:hunter2x https://example.com",
    "curl -u 'ada:hunter2x' https://example.com",
    "curl -x proxy --proxy-user ada:hunter2x https://example.com",
    "mysql -u root -phunter2x clinic",
    "mysqldump -uroot '-phunter2x' clinic > dump.sql",
    "mysql -u root -p'hunter2x' clinic",
    "mariadb -phunter2x",
    "curl -U ada:hunter2x https://example.com",
]
# Passwords of one plain word.
PLAIN = ["the password is swordfish", "password was swordfish.", "secret is swordfish", "token is 'swordfish'"]
HARMLESS = [
    "password is required",
    "The password is too short. It must be longer.",
    "Your old password was entered incorrectly.",
    "password is not set",
    "token is invalid or expired",
    "token was issued at 12:30",
    "Given token is not valid for any token type",
    "CSRF cookie is missing",
    "the session is closed",
    "session was deleted",
    "The signature is bad",
    "authentication is disabled for 127.0.0.1",
    "password length is 8",
    "valid token is required",
    "a valid token is missing",
    "The used token was expired",
    "the token type is bearer",
    "total used tokens is 350",
    "a valid session is needed",
    "the password form is bound",
    "token field is 3 long",
    "max tokens is 4096",
    "the author is ada",
    "this is a cat that was 3 years old",
    "docker run -u 1000:1000 web",
    "docker run -p3306:3306 mysql",
    "mysql -u root -p clinic",
    "mysql -P 3306",
    "mkdir -p/srv/shop",
    "curl -X POST https://example.com:8443/a",
]


@pytest.mark.parametrize("text", TOLD)
def test_what_a_sentence_or_a_command_tells_is_redacted(text):
    assert "hunter2x" not in scrub_text(text)
    assert "[redacted]" in scrub_text(text)
    assert SECRET not in message_of(ValueError(text))
    assert SECRET not in breadcrumbs.formatted("it said: %s", (text,), limit=300)
    assert SECRET not in describe(text)
    assert SECRET not in describe({"said": [text]})


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_word_is_redacted_where_a_password_stands(text):
    assert "swordfish" not in scrub_text(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_a_sentence_about_a_secret_keeps_its_sense(text):
    assert scrub_text(text) == text


@pytest.mark.parametrize(
    "command", [["curl", "-u", "ada:hunter2x", "https://example.com"], ["mysql", "-uroot", "-phunter2x"]]
)
def test_arguments_of_a_command_are_redacted(command):
    assert SECRET not in describe(command)


@given(st.text(max_size=20), st.sampled_from(TOLD), st.text(max_size=20))
def test_whatever_stands_around_it(before, told, after):
    assert SECRET not in scrub_text(f"{before} {told}\n{after}")


@pytest.mark.parametrize(
    "piece",
    ["password ", "password is ", "is ", "password for a ", "password of a a a a ", "set to ", "a ", "curl -u ",
     "curl -u a", "curl -u a: ", "mysql -p", "mysql -p ", "password is '", "api key ", "-u", "' -u ' "],
)  # fmt: skip
def test_a_line_of_a_megabyte_takes_no_time(piece):
    text = f"curl mysql password {piece * (1_000_000 // len(piece))}"
    began = time.thread_time()
    scrub_text(text, limit=1_000_000)
    assert time.thread_time() - began < 5
