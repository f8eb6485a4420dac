"""Reads a filter: text in, a tree out, and errors that point at the place.

    query  = every { "or" every }
    every  = one { one }                    all of them
    one    = "!" one | "(" query ")" | [field ":"] value
    value  = word | "quoted words"

What a field means is not known here, only whether there is one: see `fields`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.bugs.filters.fields import FIELDS, FilterError, Wanted, nearest, read

__all__ = ["Every", "FilterError", "Node", "Not", "Some", "Term", "Token", "parse", "tokens"]

MAX_LENGTH = 2_000
MAX_DEPTH = 50
MAX_PIECES = 200  # SQLite takes expressions of a depth of 1,000, and a word makes several of them


@dataclass(frozen=True)
class Term:
    """One field and what is asked of it: any of `wanted`. `field` is "" for a word of free text."""

    field: str
    wanted: tuple[Wanted, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Not:
    """Whatever `node` does not match."""

    node: Node


@dataclass(frozen=True)
class Every:
    """What all of `nodes` match; everything where there are none."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Some:
    """What at least one of `nodes` matches."""

    nodes: tuple[Node, ...]


Node = Term | Not | Every | Some


@dataclass(frozen=True)
class Token:
    """A piece of a filter. `kind` is open, close, not, or, field or word; `field` and `value` without the quotes."""

    kind: str
    start: int
    end: int
    field: str = ""
    value: str = ""
    is_quoted: bool = False
    is_closed: bool = True  # its quote, where it has one, ends


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>\()
      | (?P<close>\))
      | (?P<not>!)
      | (?P<name>[A-Za-z_]+):(?P<given>"[^"]*(?P<given_end>"?)|[^\s()"]*)
      | "(?P<quoted>[^"]*)(?P<quoted_end>"?)
      | (?P<word>[^\s()"!][^\s()"]*)
    )""",
    re.VERBOSE,
)


def tokens(text: str) -> Iterator[Token]:
    """Yield the pieces of `text` in order. Every text has some: what is wrong with them is for `parse` to say."""
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        assert found is not None, "every character begins one of the alternatives"
        at = found.end()
        yield _token(found, len(found[0]) - len(found[0].lstrip()))


def _token(found: re.Match[str], blanks: int) -> Token:
    start, end = found.start() + blanks, found.end()
    for kind in ("open", "close", "not"):
        if found[kind]:
            return Token(kind, start, end)
    if found["name"] is not None:
        given, is_quoted = found["given"], found["given"].startswith('"')
        is_closed = not is_quoted or bool(found["given_end"])
        name = found["name"].lower()
        return Token("field", start, end, name, given.strip('"'), is_quoted=is_quoted, is_closed=is_closed)
    if found["quoted"] is not None:
        return Token("word", start, end, "", found["quoted"], is_quoted=True, is_closed=bool(found["quoted_end"]))
    if found["word"] in ("or", "OR"):
        return Token("or", start, end)
    return Token("word", start, end, "", found["word"])


def parse(text: str) -> Node:
    """Return the tree of a filter. Raises `FilterError`, which names the place in `text`."""
    if len(text) > MAX_LENGTH:
        raise FilterError(f"A filter has at most {MAX_LENGTH:,} characters.", MAX_LENGTH, len(text))
    found = list(tokens(text))
    if len(found) > MAX_PIECES:
        raise FilterError(f"A filter has at most {MAX_PIECES} parts.", found[MAX_PIECES].start, len(text))
    reader = _Reader(found)
    node = reader.query(0)
    left = reader.peek()
    if left is not None:
        raise FilterError("This bracket closes nothing.", left.start, left.end)
    return node


def term(field: str, value: str) -> str:
    """Return the text that asks for one value of a field; "" where the language has none for it."""
    if not value.strip() or '"' in value or "*" in value:
        return ""
    return f'{field}:"{value}"' if re.search(r"[\s(),]", value) else f"{field}:{value}"


def fields_of(node: Node) -> frozenset[str]:
    """Return the fields that a filter asks for; "" stands for words of free text."""
    match node:
        case Term(name, _):
            return frozenset({name})
        case Not(inner):
            return fields_of(inner)
        case Every(nodes) | Some(nodes):
            return frozenset().union(*map(fields_of, nodes))


def asks(node: Node, field: str, value: Wanted) -> bool:
    """Say whether a filter asks for this value of a field anywhere, be it for what has it not."""
    match node:
        case Term(name, wanted):
            return name == field and value in wanted
        case Not(inner):
            return asks(inner, field, value)
        case Every(nodes) | Some(nodes):
            return any(asks(each, field, value) for each in nodes)


class _Reader:
    """Walks over the tokens once."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0

    def peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def query(self, depth: int) -> Node:
        nodes = [self._every(depth)]
        while (token := self.peek()) is not None and token.kind == "or":
            self._next()
            if nodes == [Every(())]:
                raise FilterError("Something has to stand before “or”.", token.start, token.end)
            nodes.append(self._every(depth))
            if nodes[-1] == Every(()):
                raise FilterError("Something has to stand after “or”.", token.start, token.end)
        return nodes[0] if len(nodes) == 1 else Some(tuple(nodes))

    def _every(self, depth: int) -> Node:
        nodes: list[Node] = []
        while (token := self.peek()) is not None and token.kind not in ("or", "close"):
            nodes.append(self._one(depth))
        return nodes[0] if len(nodes) == 1 else Every(tuple(nodes))

    def _one(self, depth: int) -> Node:
        token = self._next()
        if depth > MAX_DEPTH:
            raise FilterError("This is nested too deeply.", token.start, token.end)
        if token.kind == "not":
            following = self.peek()
            if following is None or following.kind in ("or", "close"):
                raise FilterError("Something has to stand after “!”.", token.start, token.end)
            return Not(self._one(depth + 1))
        if token.kind == "open":
            return self._bracket(token, depth)
        return _term(token)

    def _bracket(self, opening: Token, depth: int) -> Node:
        node = self.query(depth + 1)
        if self.peek() is None:
            raise FilterError("This bracket is not closed.", opening.start, opening.end)
        closing = self._next()
        if node == Every(()):
            raise FilterError("There is nothing in this bracket.", opening.start, closing.end)
        return node


def _term(token: Token) -> Term:
    if not token.is_closed:
        raise FilterError("This quotation has no end.", token.start, token.end)
    if token.field and token.field not in FIELDS:
        near = nearest(token.field, FIELDS)
        hint = f"Did you mean {near}:?" if near else 'To look for the text itself, put it in "quotes".'
        raise FilterError(f"There is no field “{token.field}”. {hint}", token.start, token.start + len(token.field))
    if token.field:
        wanted = read(token.field, token.value, token.start, token.end, is_quoted=token.is_quoted)
        return Term(token.field, wanted, token.start, token.end)
    return Term("", (token.value,), token.start, token.end)
