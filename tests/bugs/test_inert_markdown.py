"""Captured text in Markdown is read and does nothing, whatever it says."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from capture.event import ExceptionInfo, Frame, Request
from capture.testing import make_event
from workbench.bugs.markdown import code_block, inert

HOSTILE = {
    "mention": "@octocat and @org/team",
    "reference": "#1 GH-1 o/r#2 gh-3",
    "closing": "fixes #1, Closes #2, resolves o/r#3",
    "link": "see https://github.com/o/r/issues/1 or www.example.com or mailto:a@b.example",
    "markdown link": "[click](https://evil.example) ![x](//evil.example/x.png) [a]: //evil.example",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)><a href='x'>y</a>",
    "comment": "<!-- hidden --> <!-- workbench:end summary --> -->",
    "entity": "&lt;script&gt; &#64;octocat &commat;octocat",
    "fence": "```\n# out\n```` ~~~",
    "code": "a `b` ``c`` \\` d",
    "emphasis": "**a** _b_ __init__ *c* ~~d~~",
    "heading": "# one",
    "table": "a | b\n|---|---|\n| c | d",
    "list": "- a\n* b\n+ c\n1. d\n2) e",
    "rule": "---\n===\n***",
    "quote": "> a",
    "lines": "a\r\nb\x0bc\x0cd\x85e\u2028f\u2029g",
    "control": "a\x00b\x1b[31mc\x07\x9b31m\x7f",
    "bidi": "a\u202eb\u2066c\u200fd",
    "zero width": "a\u200bb\u200cc\u200dd\ufeffe\u2060f",
    "tags": "a\U000e0001\U000e0041b",
    "surrogate": "a\ud800b",
    "zalgo": "a" + "\u0301" * 500,
    "tab": "\ta\t\tb",
    "math": "$a$ $$b$$",
    "huge": "x" * 1_000_000,
    "many ticks": "`" * 10_000,
    "escape": "\\@octocat \\#1 \\<b> \\",
}

# Dangling references are found in the text that a reader gets, as GitHub finds them after rendering.
DANGEROUS = re.compile(r"(?i)@\w|#\d|\bgh-\d|://|\bwww\.|\bmailto:\w")


def rendered(text: str) -> list[Any]:
    """The tokens of CommonMark with GitHub's tables, strikethrough and raw HTML."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def spoken(text: str) -> str:
    """What a reader sees, having checked that there is nothing but one paragraph of plain text."""
    tokens = rendered(text)
    assert [token.type for token in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"]), tokens
    children = tokens[1].children if tokens else []
    assert {child.type for child in children} <= {"text", "text_special"}, children
    return "".join(child.content for child in children)


def harmless(text: str) -> None:
    shown = spoken(text)
    assert not DANGEROUS.search(shown), shown
    for character in text:
        assert character in "\u200b" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_one_paragraph_of_plain_words(text: str) -> None:
    harmless(inert(text))
    harmless(inert(text, 5_000))


@given(st.text(st.characters(codec=None), max_size=60))
def test_no_text_becomes_more_than_words(text: str) -> None:
    harmless(inert(text))


@given(st.text(r"ab1@#<>!-`*_[]()\~|$&;:/.w+= ", max_size=30))
def test_no_mix_of_markdown_becomes_more_than_words(text: str) -> None:
    shown = spoken(inert(text)).replace("\u200b", "")
    assert shown == text.strip().replace("\u200b", "")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("KeyError: 'rabbit' in price_of", "KeyError: 'rabbit' in price_of"),
        ("a_b __init__", "a_b \\_\\_init\\_\\_"),
        ("@octocat", "@\u200boctocat"),
        ("fixes #1", "fixes \\#\u200b1"),
        ("<b>", "&lt;b&gt;"),
        ("1. one", "1\\. one"),
        (12, "12"),
    ],
)
def test_what_is_written(text: object, written: str) -> None:
    assert inert(text) == written


def test_long_text_is_cut_and_says_so() -> None:
    assert inert("x" * 1_000, 10) == "xxxxxxxxxx… (990 more)"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_line_ends_the_block_it_stands_in(text: str) -> None:
    tokens = rendered(code_block([text, "after"], language="text") + "\n\nbehind")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].content.endswith("\nafter\n")
    assert len(tokens[0].content.splitlines()) == 2


def test_an_empty_block_is_a_block() -> None:
    assert code_block([]) == "```\n```"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_bug_file_made_of_hostile_text_keeps_its_shape(page_of: Any, text: str) -> None:
    from workbench.bugs import files
    from workbench.bugs.weave import generated

    text = text.encode("utf-8", "replace").decode()  # an event crosses the journal as UTF-8
    frame = Frame(module=text, function=text, filename=text, lineno=1, context_line=text, locals={text: text})
    event = make_event(
        title=text,
        message=text,
        reason=text,
        release=text,
        environment=text,
        exceptions=(ExceptionInfo(type=text, module=text, message=text, frames=(frame,)),),
        request=Request(method=text, path=text, route=text, view=text, headers={text: text}, body=text, query=text),
    )
    page = page_of(event)
    written = files.render(page)
    assert [name for name, _start, _end in generated(written)] == ["summary", "stack", "request", "history", "sign-off"]
    body = written.partition("\n---\n\n")[2]
    tokens = rendered(body)
    comments = [token.content for token in tokens if token.type == "html_block"]
    assert all(re.fullmatch(r"<!-- workbench:(begin|end) [a-z-]+ -->\n", comment) for comment in comments)
    assert len(comments) == 10
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2", "h2", "h2", "h2", "h2"]
    for token in tokens:
        for child in token.children or []:
            assert child.type in ("text", "text_special")
        if token.type == "inline":
            assert not DANGEROUS.search("".join(child.content for child in token.children or []))
    front = written.partition("\n---\n")[0]
    assert not re.search(r"[@#<]", front)
    assert len(written) < 40_000
