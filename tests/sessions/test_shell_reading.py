"""Shell commands are read with certainty, or not at all."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sessions.shell import NotUnderstood, Word, parse


def texts(command: str) -> list[list[str]]:
    return [simple.texts for simple in parse(command)]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("ls -la", [["ls", "-la"]]),
        ("  ls\t-la  ", [["ls", "-la"]]),
        ("cd src && ls; pwd || true", [["cd", "src"], ["ls"], ["pwd"], ["true"]]),
        ("ls\npwd\n", [["ls"], ["pwd"]]),
        ("ls;", [["ls"]]),
        ("cat a | head -5", [["cat", "a"], ["head", "-5"]]),
        ("grep 'a b' \"c d\"", [["grep", "a b", "c d"]]),
        (r"grep a\ b 'it'\''s'", [["grep", "a b", "it's"]]),
        (r'grep "a\"b\n\\"', [["grep", 'a"b\\n\\']]),
        ("pytest 2>&1 | tail -3", [["pytest"], ["tail", "-3"]]),
        ("ls >/dev/null 2> /dev/null", [["ls"]]),
        ("git diff HEAD~1", [["git", "diff", "HEAD~1"]]),
        ("echo ''", [["echo", ""]]),
        ("", []),
        ("grep '$HOME `id` > x' a", [["grep", "$HOME `id` > x", "a"]]),
    ],
)
def test_words_and_operators(command, found):
    assert texts(command) == found


@pytest.mark.parametrize(
    "command",
    [
        *("echo $HOME", "echo `id`", "echo $(id)", '"$(id)"', '"`id`"', "(ls)", "{ ls; }", "ls > out", "ls >> out"),
        *("cat < in", "cat << END", "ls &", "ls & pwd", "ls |& cat", "ls &> out", "ls 2>out", "ls ;; pwd", "&& ls"),
        *("ls | ", "ls && && pwd", "echo 'open", 'echo "open', "ls \\", "ls \\\npwd", "cat ~/.ssh/id", "# only", "!!"),
        *("echo \x1b[2J", "echo \x00", "ls\rpwd", "A=~/x ls", '"a!b"', "ls > /dev/null/../../x", "ls >&3"),
        *(
            "ls >&2.txt",
            "ls >&1/../x",
            "ls >&2'x'",
            "ls >/dev/null\xa0x",
            'cat ".\\\n./x"',
            'git diff "--outp\\\nut=x"',
        ),
    ],
)
def test_what_only_the_shell_can_resolve_is_not_understood(command):
    with pytest.raises(NotUnderstood):
        parse(command)


def test_a_pipe_and_a_glob_are_marked():
    first, second = parse("ls *.py | wc '*'")
    assert (first.piped, second.piped) == (False, True)
    assert first.words[1] == Word("*.py", globs=True)
    assert second.words[1] == Word("*", globs=False)


@given(st.lists(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20), min_size=1, max_size=6))
def test_whatever_is_quoted_comes_back_as_it_was(words):
    assert texts(shlex.join(["echo", *words])) == [["echo", *words]]
