"""What varies between two messages of a kind is replaced, whole, and nothing else; hostile text costs no time."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capture.parameterise import KEPT, parameterised

VARYING = {
    "int": ("5", "-5", "4,150,908", "123456789012", "1_000"),
    "float": ("0.5", "-1.25", "1e-5", "1.5E+10"),
    "version": ("1.2.3", "10.0.0.1.7"),
    "ip": ("10.0.0.1", "255.255.255.255", "::1", "fe80::1ff:fe23:4567:890a", "2001:db8:0:0:0:0:2:1"),
    "uuid": ("123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"),
    "sha1": ("da39a3ee5e6b4b0d3255bfef95601890afd80709",),
    "md5": ("d41d8cd98f00b204e9800998ecf8427e",),
    "hex": ("0x7fb9d6dc5d00", "0x1", "4f2d1c0aab"),
    "git_sha": ("4f2d1c0",),
    "duration": ("5ms", "1.5s", "1h30m", "200µs", "3 s", "3.2 s", "1 second", "30.0 seconds", "2 days", "1,200 ms"),
    "size": ("10MB", "1.5 GiB", "1 byte", "4,150,908 bytes"),
    "percent": ("85%", "85.5%", "3 percent"),
    "ordinal": ("1st", "22nd", "1,003rd"),
    "mac": ("00:1B:44:11:3a:b7", "00-1b-44-11-3a-b7", "001b.4411.3ab7", "10:11:12:13:14:15"),
    "url": ("https://a.example/b?c=1#d", "tcp://10.0.0.1:80", "postgres://u@h/db", "urn+x://y"),
    "email": ("ada@example.com", "a.b+c@x-y.example.com"),
    "hostname": ("node1.example.com", "a.b.io", "db.internal"),
    "random_id": ("req_a8Xk29dQ2", "4bXyZ12abc", "cus_Nf9s8dHJ1k"),
    "traceparent": (
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "1-67891233-abcdef012345678912345678",
        "Root=1-67891233-abcdef012345678912345678;Sampled=1",
    ),
    "swift_txn_id": ("tx274a77a8975c4a66aeb24-0052d95365",),
    "savepoint": ("s140234567891200_x12",),
    "path": ("/tmp/tmpab12cd/x.png", "/home/ada/y.csv", r"C:\Users\ada\z.txt"),
    "date": (
        "2024-01-05",
        "2024-01-05T10:11:12Z",
        "2024-01-05 10:11:12.123456+00:00",
        "2024-01-05T10:11:12,123+0200",
        "20240105T101112Z",
        "2024/01/05 10:11:12",
        "05/01/2024",
        "05/01/24, 10:11 PM",
        "05.01.2024",
        "Mon, 15 Nov 1988 12:00:01 GMT",
        "Sat, 01 Jan 2022 00:00:00 +0000",
        "15 Nov 88 12:00 GMT",
        "Monday, 15-Nov-88 12:00:01 GMT",
        "Mon Jan  5 10:11:12 2024",
        "Mon Jan 05 2024 10:11:12 GMT+0200 (Central European Time)",
        "Jan 5, 2024",
        "January 5, 2024 10:11 AM",
        "5 January 2024",
        "10:11:12",
        "10:11:12.123",
        "10:11 PM",
        "datetime.datetime(2024, 1, 5, 10, 11, tzinfo=datetime.timezone.utc)",
    ),
}
AROUND = ("{}", "foo {}", "{} bar", "foo {} bar", "foo {}, bar", "(got {})", "[{}]", "at {}.")
CONSTANT = (
    "no numbers",
    "utf-8 codec",
    "utf8",
    "iso-8859-1",
    "sha256 mismatch",
    "x86_64",
    "base64",
    "HTTP2",
    "s3",
    "E1234",
    "v1.2.3",
    "Fee::add()",
    "std::vector<int>",
    "module clinic.models",
    "No module named 'yaml'",
    "'NoneType' object has no attribute 'name'",
)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in VARYING.items() for text in texts])
def test_what_varies_is_replaced_as_a_whole_wherever_it_stands(kind: str, text: str) -> None:
    for around in AROUND:
        assert parameterised(around.format(text)) == around.format(f"<{kind}>")


@pytest.mark.parametrize("text", CONSTANT)
def test_what_does_not_vary_stays(text: str) -> None:
    assert parameterised(text) == text


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("a='x' b=True c=\"y\"", "a=<quoted_str> b=<bool> c=<quoted_str>"),
        ('{"id": "abc", "n": 5, "k": [1, 2, 3]}', '{"id": <quoted_str>, "n": <number>, "k": [<int>]}'),
        ("invalid literal for int() with base 10: 'abc'", "invalid literal for int() with base 10: <quoted_str>"),
        ("'rabbit'", "<quoted_str>"),
        ("worker_17 order12345 worker-3 PET-0042", "worker_<int> order<int> worker-<int> PET-<int>"),
        ("10MB of 1.5GiB, 5th", "<size> of <size>, <ordinal>"),
        ("(451, b'4.3.0 queued as 4bXyZ12pQ9z')", "(<int>, b'<version> queued as <random_id>')"),
        (
            "weight=3 weight=-3.5 weight: 1e3 at 5.5 or 5",
            "weight=<number> " * 2 + "weight: <number> at <float> or <int>",
        ),
        ("version: 1.2.3", "version: <version>"),
        ("active=True, {'dog': False} x = true", "active=<bool>, {'dog': <bool>} x = <bool>"),
        ("(True, 5) [False, True] (True,)", "(<bool>, <int>) [<bool>] (<bool>)"),
        ("got (True,)", "got (<bool>)"),
        ("expected True, False given", "expected True, False given"),
        ("(1,) (1, 2) [(1, 2), (3, 4)] {1: 2, 3: 4}", "(<int>) (<int>) [(<int>)] {<int>: <number>}"),
        ("50%% of it, %20", "<int>%% of it, %<int>"),
        ("first\n\n  second\nthird", "first second"),
        ("", ""),
    ],
)
def test_messages_as_they_are_met(message: str, expected: str) -> None:
    assert parameterised(message) == expected


@given(st.lists(st.sampled_from([*(text for texts in VARYING.values() for text in texts), *CONSTANT]), max_size=12))
def test_what_is_parameterised_stays_so(pieces: list[str]) -> None:
    once = parameterised(" ".join(pieces))
    assert parameterised(once) == once


@given(st.text(max_size=600) | st.text("09afgz.:-_/@='\"<> ,\\Tx", max_size=600))
@example("0" * 2_000)
@example("a" * 299 + " 12")
@example("\ud800 7")
def test_any_text_is_parameterised_once_and_for_all(text: str) -> None:
    once = parameterised(text)
    assert parameterised(once) == once
    assert len(once) <= KEPT


@pytest.mark.parametrize(
    "piece",
    [
        *("a", "1", "a.", "1:", "'", '"', "a@", "-1", "<a", " ", "x/", "\\", "1,234", "0a", "mon ", "a_1", "1s", "a1b"),
        *("1%", "1 s", "1, ", "(1,", "(<aa>, ", "<aa>: ", "true, ", "(true, ", "00:", "00-", "1st", "= 1", ": "),
        *("=", "\n", "datetime.datetime((", "/tmp", "jan 1 ", "0x", "::", "a-", "1.1", "b'", "00-", "é"),
    ],
)
def test_ten_megabytes_take_no_longer_than_their_start(piece: str) -> None:
    text = piece * (10_000_000 // len(piece))
    started = time.thread_time()
    parameterised(text)
    assert time.thread_time() - started < 0.5  # some 5 ms; a pattern that backtracks takes minutes
