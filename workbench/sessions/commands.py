"""Which shell commands an agent may run without asking, and which not at all."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.sessions.environment import ASSIGNMENT
from workbench.sessions.paths import Paths, is_secret
from workbench.sessions.shell import NotUnderstood, Simple, Word, parse

Verdict = Literal["allow", "ask", "deny"]


@dataclass(frozen=True)
class Decision:
    """What the guard says to one call of a tool, and why. `shared` is the part that is in the event's file.

    `early`: it is refused only because the session's first phase is not over.
    """

    verdict: Verdict
    reason: str = ""
    shared: str | None = None
    early: bool = False


ALLOWED = Decision("allow")

_NETWORK = frozenset(
    {
        *("curl", "wget", "ssh", "scp", "sftp", "rsync", "nc", "ncat", "netcat", "socat", "telnet", "ftp", "tftp"),
        *("ssh-add", "ssh-agent", "ssh-keygen", "gh", "hub", "glab", "sudo", "su", "doas", "pkexec", "crontab", "at"),
        *("systemctl", "launchctl", "security", "keyring", "pass", "op"),
    }
)
_GIT_NEVER = frozenset(
    {
        *("push", "config", "remote", "fetch", "pull", "clone", "worktree", "update-ref", "symbolic-ref", "submodule"),
        *(
            "commit",
            "tag",
            "stash",
            "replace",
            "filter-branch",
            "gc",
            "prune",
            "reflog",
            "hook",
            "credential",
            "daemon",
        ),
        *("send-email", "send-pack", "fetch-pack", "ls-remote", "bundle", "am", "notes", "maintenance", "init"),
    }
)
_GIT_READS = frozenset({"status", "diff", "log", "show", "blame", "ls-files", "grep", "rev-parse", "describe"})
_GIT_AWAY = re.compile(r"-C.*|-c.*|--git-dir.*|--work-tree.*|--exec-path.*|--namespace.*|--config-env.*")
_IN_RAW = re.compile(
    r"(?:^|[\s;&|()`'\"/=$\\])(?:" + "|".join(sorted(map(re.escape, _NETWORK), key=len, reverse=True)) + r")(?![\w./-])"
)
_GIT_IN_RAW = re.compile(r"\bgit\b[^;&|\n]*?\b(?:" + "|".join(sorted(_GIT_NEVER)) + r")\b")

# Programs that only read, each with the options that make it write, run or reach elsewhere (long ones, short letters).
_READS: dict[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys(("ls", "cat", "head", "tail", "wc", "cut", "tr", "nl", "pwd", "basename", "dirname"), ((), "")),
    **dict.fromkeys(("echo", "true", "false", "du", "stat", "cmp", "which", "realpath"), ((), "")),
    **dict.fromkeys(("grep", "egrep", "fgrep"), (("--file",), "f")),
    "rg": (("--pre", "--hostname-bin", "--file", "--search-zip"), "fz"),
    "diff": (("--output",), ""),
    "sort": (("--output", "--compress-program", "--temporary-directory", "--files0-from"), "oT"),
    "tree": (("--fromfile",), "o"),
    "file": (("--compile", "--files-from", "--magic-file", "--uncompress"), "Cfmz"),
}
_PATTERN_FIRST = frozenset({"grep", "egrep", "fgrep", "rg"})
_FIND_WORDS = re.compile(
    r"-(?:name|iname|type|path|ipath|not|maxdepth|mindepth|size|newer|print|print0|o|a|or|and|regex|iregex|prune|empty)"
)
_SED_LINES = re.compile(r"\d+(?:,\d+)?p(?:;\d+(?:,\d+)?p)*")
_GIT_WRITES = ("--output", "--open-files-in-pager", "--ext-diff", "--textconv", "--no-index", "--exec")
_TEST_FLAGS = re.compile(
    r"-[xqvsl]+|-r\w+|-v[0-3]|--tb=\w+|--maxfail=\d+|--durations=\d+|--color=\w+|--verbosity=\d|--(?:lf|ff|nf|co|sw|quiet"
    r"|verbose|exitfirst|last-failed|failed-first|collect-only|no-header|no-summary|showlocals|stepwise|failfast|keepdb"
    r"|noinput|no-input|parallel|create-db|reuse-db|no-migrations|nomigrations|buffer|traceback|no-cov|capture=no)"
)
_TEST_FLAGS_WITH_VALUE = frozenset({"-k", "-m", "--maxfail", "--tb", "--durations", "-n", "-v", "--verbosity", "-p"})


@dataclass(frozen=True)
class Commands:
    """The rules for shell commands. `tests` is the command that runs the tests, its program as an absolute path."""

    paths: Paths
    tests: Sequence[str]

    def judge(self, command: str, cwd: Path) -> Decision:
        """Return what is said to a command: the strictest of what is said to its parts."""
        try:
            simples = parse(command)
        except NotUnderstood as what:
            return _raw(command) or Decision("ask", f"the command holds {what}")
        worst = ALLOWED if simples else Decision("ask", "an empty command")
        if simples and simples[0].texts[0] == "cd" and len(simples[0].words) == 2 and not simples[0].words[1].globs:
            folder, *simples = simples
            why = self._why_not_in(folder.texts[1], cwd)
            if why or (simples and simples[0].piped):
                worst = Decision("ask", f"cd {folder.texts[1]}: {why or 'it goes nowhere in a pipe'}")
            cwd = cwd / folder.texts[1]
        for simple in simples:
            decision = self._simple(simple, cwd)
            worst = max(worst, decision, key=lambda each: ("allow", "ask", "deny").index(each.verdict))
        return worst

    def _why_not_in(self, folder: str, cwd: Path) -> str | None:
        """Return why it is not certain that `cd` leads to this folder of the worktree, or None where it is."""
        here = os.path.realpath(cwd)
        there = os.path.normpath(Path(here, folder))
        if folder.startswith("-") or not os.path.isdir(there) or os.path.realpath(Path(here, folder)) != there:  # noqa: PTH112
            return "only the shell knows where it leads"
        return self.paths.why_not_read(folder, cwd)

    def _simple(self, simple: Simple, cwd: Path) -> Decision:
        texts = simple.texts
        if judged := self._run_of_tests(simple, cwd):
            return judged
        if "=" in texts[0]:
            return _raw(" ".join(texts)) or Decision("ask", f"it sets {texts[0].partition('=')[0]}")
        program = texts[0].rpartition("/")[2]
        if program in _NETWORK:
            return Decision("deny", f"{program} is not for agents here")
        if program != texts[0]:
            return _raw(" ".join(texts)) or Decision("ask", f"{texts[0]} is not a command that runs unasked")
        if program == "git":
            return self._git(simple, cwd)
        if program == "find":
            return self._find(simple, cwd)
        if program == "sed":
            return self._sed(simple, cwd)
        if program in _READS:
            return self._reads(simple, cwd, *_READS[program])
        return _raw(" ".join(texts)) or Decision("ask", f"{program} is not a command that runs unasked")

    def _run_of_tests(self, simple: Simple, cwd: Path) -> Decision | None:
        """Return what is said to the command that runs the tests, or None where this is another one."""
        variables = list(itertools.takewhile(ASSIGNMENT.match, self.tests))
        front = simple.words[: len(variables)]
        has_variables = [word.text for word in front] == variables and all(word.assigns for word in front)
        words = simple.words[len(variables) :] if has_variables else simple.words
        own = self._length_of_own([word.text for word in words], self.tests[len(variables) :])
        if not own:
            return None
        if not has_variables:  # they may be what keeps the tests from a database that is in use
            return Decision("ask", f"the tests run with {' '.join(variables)} in front")
        return self._test_arguments(list(words[own:]), cwd)

    def _length_of_own(self, texts: list[str], wanted: Sequence[str]) -> int:
        """Return how many words of a command are the project's own way to run its tests; 0 where it is none."""
        program = wanted[0].rpartition("/")[2]
        if list(wanted[1:]) == ["-m", "pytest"] and texts[:1] == ["pytest"]:
            return 1
        names = {wanted[0], program} | ({"python", "python3"} if program.startswith("python") else set())
        is_own = bool(texts) and texts[0] in names and texts[1 : len(wanted)] == list(wanted[1:])
        return len(wanted) if is_own else 0

    def _test_arguments(self, rest: list[Word], cwd: Path) -> Decision:
        while rest:
            word = rest.pop(0)
            if word.text in _TEST_FLAGS_WITH_VALUE and rest and (word.text != "-v" or rest[0].text.isdecimal()):
                value = rest.pop(0).text
                if word.text == "-p" and not value.startswith("no:"):
                    return Decision("ask", "-p loads a plugin")
            elif word.text.startswith("-"):
                if not _TEST_FLAGS.fullmatch(word.text):
                    return Decision("ask", f"the option {word.text} of the test command does not run unasked")
            elif word.text.startswith("@"):
                return Decision("ask", f"{word.text} may be a file of options")
            elif refused := self._path(Word(word.text.partition("::")[0], word.globs and "::" not in word.text), cwd):
                return refused
        return ALLOWED

    def _git(self, simple: Simple, cwd: Path) -> Decision:
        texts = simple.texts[1:]
        while texts and texts[0] in ("--no-pager", "-P", "--no-optional-locks"):
            texts = texts[1:]
        if not texts or texts[0].startswith("-"):
            away = bool(texts) and _GIT_AWAY.fullmatch(texts[0])
            return Decision("deny" if away else "ask", f"git {' '.join(texts[:1])} leads out of the worktree")
        if texts[0] in _GIT_NEVER:
            return Decision("deny", f"git {texts[0]} is not for agents: leave your result in the files")
        if texts[0] not in _GIT_READS:
            return Decision("ask", f"git {texts[0]} does not run unasked")
        return self._reads(Simple(simple.words[-len(texts) :]), cwd, _GIT_WRITES, "Of")

    def _find(self, simple: Simple, cwd: Path) -> Decision:
        for word in simple.words[1:]:
            if word.text.startswith("-") and not _FIND_WORDS.fullmatch(word.text):
                return _raw(" ".join(simple.texts)) or Decision("ask", f"find {word.text} does not run unasked")
            if refused := self._path(word, cwd):
                return refused
        return ALLOWED

    def _sed(self, simple: Simple, cwd: Path) -> Decision:
        words = simple.words[1:]
        if len(words) < 2 or words[0].text != "-n" or not _SED_LINES.fullmatch(words[1].text):
            return Decision("ask", "sed runs unasked only to show lines: sed -n 1,20p FILE")
        return next((refused for word in words[2:] if (refused := self._path(word, cwd))), ALLOWED)

    def _reads(self, simple: Simple, cwd: Path, long: Sequence[str], short: str) -> Decision:
        # Whether the next word that is no option is a pattern, and so no path.
        pattern, options = simple.texts[0] in _PATTERN_FIRST, True
        for word in simple.words[1:]:
            text = word.text
            if options and text == "--":
                options = False
                continue
            if options and text.startswith("--"):
                option, _, value = text.partition("=")
                if len(option) > 2 and any(name.startswith(option) or option.startswith(name) for name in long):
                    return Decision("ask", f"{simple.texts[0]} {text} does not only read")
                pattern &= not ("--regexp".startswith(option) or "--files".startswith(option))
                text = value
            elif options and text.startswith("-"):
                if word.globs or set(text[1:]) & set(short):
                    return Decision("ask", f"{simple.texts[0]} {text} does not only read")
                pattern &= "e" not in text
                continue
            elif pattern and not word.globs:
                pattern = False
                continue
            if refused := self._path(Word(text, word.globs), cwd):
                return refused
        return ALLOWED

    def _path(self, word: Word, cwd: Path) -> Decision | None:
        """Return what stands against reading a word, if it is a path at all."""
        names = [word.text]
        if word.globs:
            if "[" in word.text:  # shells differ in what they make of it, and from us
                return Decision("ask", f"{word.text}: only the shell knows which files that names")
            # As the shell does it, hidden files included; what matches nothing stays as it is.
            found = glob.glob(word.text, root_dir=cwd, include_hidden=True)  # noqa: PTH207
            names = [".."] if ".." in word.text else [*found, word.text]
            if option := next((name for name in found if name.startswith("-")), None):
                return Decision("ask", f"{word.text} names the file {option}, which would be an option")
        for name in names:
            if ":" in name and is_secret(Path(name.rpartition(":")[2])):  # a file of a commit
                return Decision("ask", f"{name}: it may hold secrets")
            if "/" not in name and name != ".." and not (cwd / name).exists():
                continue  # a word, a number, a pattern
            if name and (why := self.paths.why_not_read(name, cwd)):
                return Decision("ask", f"{name}: {why}")
        return None


def _raw(command: str) -> Decision | None:
    """Return a refusal when a command that is not understood holds a word that is never allowed."""
    flat = command.replace("\\\n", "").replace("\\", "").replace("''", "").replace('""', "")
    for text in (command, flat):
        if found := _IN_RAW.search(text) or _GIT_IN_RAW.search(text):
            return Decision("deny", f"{found[0].strip()!r} is not for agents here")
    return None
