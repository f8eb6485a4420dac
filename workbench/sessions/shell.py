"""Read a shell command as far as it can be read with certainty: words, and what joins the simple commands.

Whatever the shell would replace, run or redirect on the way (variables, substitutions, globs in odd places, here
documents, files) raises `NotUnderstood`: the guard then asks a person instead of guessing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Whatever else stands behind the number or the name makes another file of it.
_HARMLESS_REDIRECT = re.compile(r"(?:>&[12]|>{1,2}[ \t]*/dev/null)(?=[ \t\n;&|>]|$)")
_OPERATOR = re.compile(r"&&|\|\||;|\||\n")
_REPLACED = frozenset("$`(){}<!#")


class NotUnderstood(Exception):
    """The command holds something that only the shell itself can resolve."""


@dataclass(frozen=True)
class Word:
    """One word of a command, without its quotes.

    `globs`: the shell would replace it by the names of files. `assigns`: in front of a program, it would set a
    variable by it; with quotes in the name it would look for a program of that name.
    """

    text: str
    globs: bool = False
    assigns: bool = False


@dataclass(frozen=True)
class Simple:
    """One program with its arguments. `piped`: its input is the output of the one before."""

    words: tuple[Word, ...]
    piped: bool = False

    @property
    def texts(self) -> list[str]:
        """The words as plain strings."""
        return [word.text for word in self.words]


def parse(command: str) -> list[Simple]:
    """Return the simple commands of a command line. Raises `NotUnderstood`."""
    return _Reader(command).read()


class _Reader:
    def __init__(self, command: str) -> None:
        if any((ord(char) < 32 and char not in "\t\n") or char == "\x7f" for char in command):
            raise NotUnderstood("a control character")
        self.command = command
        self.at = 0
        self.found: list[Simple] = []
        self.words: list[Word] = []
        self.word: list[str] | None = None
        self.globs = False
        self.quoted = False
        self.assigns = False
        self.piped = False

    def read(self) -> list[Simple]:
        while self.at < len(self.command):
            self._next()
        self._end_command(last=True)
        return self.found

    def _next(self) -> None:
        char = self.command[self.at]
        if char in " \t":
            self._end_word()
            self.at += 1
        elif char in "'\"":
            self._quoted(char)
        elif char == "\\":
            self._escaped()
        elif char == ">":
            self._redirect()
        elif char in "&|;\n":
            self._operator()
        elif char in _REPLACED or (char == "~" and (self.word is None or self.word[-1] in (":", "="))):
            raise NotUnderstood(f"an unquoted {char}")
        else:
            self.globs |= char in "*?["
            self.assigns |= char == "=" and not self.quoted
            self._add(char)
            self.at += 1

    def _add(self, text: str) -> None:
        self.word = [*(self.word or []), text]

    def _quoted(self, quote: str) -> None:
        end = self.at + 1
        text = []
        while end < len(self.command) and self.command[end] != quote:
            char = self.command[end]
            if quote == '"' and char in "$`!":
                raise NotUnderstood(f"a {char} in double quotes")
            if quote == '"' and char == "\\":
                following = self.command[end + 1 : end + 2]
                if following == "\n":
                    raise NotUnderstood("a backslash at the end of a line")
                end += following in ('"', "\\", "$", "`")
                char = self.command[end]
            text.append(char)
            end += 1
        if end >= len(self.command):
            raise NotUnderstood("a quote without its end")
        self._add("".join(text))
        self.quoted = True
        self.at = end + 1

    def _escaped(self) -> None:
        following = self.command[self.at + 1 : self.at + 2]
        if following in ("", "\n"):
            raise NotUnderstood("a backslash at the end of a line")
        self._add(following)
        self.quoted = True
        self.at += 2

    def _redirect(self) -> None:
        found = _HARMLESS_REDIRECT.match(self.command, self.at)
        if found is None:
            raise NotUnderstood("a redirection")
        if self.word is not None and "".join(self.word) in ("1", "2"):
            self.word = None  # the number of the stream, not an argument
        self._end_word()
        self.at = found.end()

    def _operator(self) -> None:
        found = _OPERATOR.match(self.command, self.at)
        if found is None or self.command[found.end() : found.end() + 1] in ("&", "|", ";"):
            raise NotUnderstood("a job in the background or an odd operator")
        self._end_command(last=found[0] in (";", "\n"))
        self.piped = found[0] == "|"
        self.at = found.end()

    def _end_word(self) -> None:
        if self.word is not None:
            self.words.append(Word("".join(self.word), self.globs, self.assigns))
        self.word, self.globs, self.quoted, self.assigns = None, False, False, False

    def _end_command(self, *, last: bool) -> None:
        self._end_word()
        if self.words:
            self.found.append(Simple(tuple(self.words), self.piped))
        elif not last or self.piped:
            raise NotUnderstood("an operator without a command")
        self.words, self.piped = [], False
