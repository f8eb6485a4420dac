"""The table of the terminal's settings: what can be set, its default, and what it is for."""

from __future__ import annotations

from typing import Any, NamedTuple


class Setting(NamedTuple):
    """One key: its name in the file, the variable that overrides it, its type and default, and what it is for."""

    key: str
    variable: str
    kind: type
    default: Any
    purpose: str


SETTINGS: tuple[Setting, ...] = (
    Setting("database_url", "WORKBENCH_DATABASE_URL", str, "sqlite:///workbench.db", "the shared database"),
    Setting(
        "database.read_only",
        "WORKBENCH_DATABASE_READ_ONLY",
        str,
        "off",
        "on: nothing is changed, neither in the database nor outside; the same as --read-only",
    ),
    Setting(
        "database.ssh",
        "WORKBENCH_DATABASE_SSH",
        str,
        "",
        "user@host through which ssh leads to the database's server; the same as --ssh",
    ),
    Setting("repository", "WORKBENCH_REPO", str, ".", "the checkout that bugs are fixed in"),
    Setting(
        "bugs.directory", "WORKBENCH_BUGS_DIRECTORY", str, "bugs", "where bug files are written, below the repository"
    ),
    Setting(
        "bugs.branch",
        "WORKBENCH_BUGS_BRANCH",
        str,
        "",
        "a branch of the repository that bug files are committed to as well, which nobody has checked out; empty: none",
    ),
    Setting(
        "github.repository", "WORKBENCH_GITHUB_REPOSITORY", str, "", "owner/name of the repository that gets the issues"
    ),
    Setting(
        "github.base_url",
        "WORKBENCH_GITHUB_BASE_URL",
        str,
        "https://api.github.com",
        "GitHub's API; https://HOST/api/v3 for Enterprise",
    ),
    Setting(
        "github.ca_file",
        "WORKBENCH_GITHUB_CA_FILE",
        str,
        "",
        "certificates that GitHub's own is checked with, as a PEM file; empty: REQUESTS_CA_BUNDLE, or the usual ones",
    ),
    Setting(
        "github.poll_seconds",
        "WORKBENCH_GITHUB_POLL_SECONDS",
        int,
        60,
        "so often the worker asks GitHub what changed there; 0: never",
    ),
    Setting(
        "github.status_minutes",
        "WORKBENCH_GITHUB_STATUS_MINUTES",
        int,
        60,
        "so often at most the status comment of an issue tells new counts; 0: never",
    ),
    Setting(
        "github.hourly_writes",
        "WORKBENCH_GITHUB_HOURLY_WRITES",
        int,
        400,
        "so many writes an hour, of all workers together; GitHub itself ends them at some 500; 0: no limit",
    ),
    Setting(
        "github.adopt",
        "WORKBENCH_GITHUB_ADOPT",
        str,
        "off",
        "whether issues that people open with the label bug become bugs by themselves: on or off",
    ),
    Setting(
        "agent.cli_path",
        "WORKBENCH_AGENT_CLI_PATH",
        str,
        "",
        "your own `claude`; empty: the one that comes with claude-agent-sdk",
    ),
    Setting(
        "agent.model", "WORKBENCH_AGENT_MODEL", str, "", "the model of a fix session; empty: Claude Code's default"
    ),
    Setting(
        "agent.max_cost_usd",
        "WORKBENCH_AGENT_MAX_COST_USD",
        float,
        5.0,
        "a fix session ends when it has cost this much",
    ),
    Setting(
        "agent.daily_usd",
        "WORKBENCH_AGENT_DAILY_USD",
        float,
        0.0,
        "no further session begins on a day (UTC) whose sessions have cost this much; 0: no cap",
    ),
    Setting(
        "agent.parallel",
        "WORKBENCH_AGENT_PARALLEL",
        int,
        8,
        "so many sessions work at once on this machine; further ones wait for a place",
    ),
    Setting("agent.max_turns", "WORKBENCH_AGENT_MAX_TURNS", int, 60, "a fix session ends after so many turns"),
    Setting("agent.max_minutes", "WORKBENCH_AGENT_MAX_MINUTES", int, 60, "a fix session ends after so many minutes"),
    Setting(
        "agent.permission_mode",
        "WORKBENCH_AGENT_PERMISSION_MODE",
        str,
        "default",
        "what becomes of a command that the guard does not allow by itself: default asks a person, dontAsk refuses it",
    ),
    Setting(
        "agent.rehearse",
        "WORKBENCH_AGENT_REHEARSE",
        str,
        "",
        "the scenario that a rehearsal model plays in fix sessions; empty: only where there is no login",
    ),
    Setting(
        "agent.offer_repro",
        "WORKBENCH_AGENT_OFFER_REPRO",
        str,
        "on",
        "whether an agent gets a failing test written from what was recorded, where that shows the fault: on or off",
    ),
    Setting(
        "worktree.setup",
        "WORKBENCH_WORKTREE_SETUP",
        str,
        "",
        "a command that runs in each new worktree before an agent works there, such as: make venv; no shell",
    ),
    Setting(
        "worktree.copy",
        "WORKBENCH_WORKTREE_COPY",
        str,
        "",
        "ignored files that each new worktree gets from the checkout: names and patterns, with spaces between them",
    ),
    Setting(
        "worktree.teardown",
        "WORKBENCH_WORKTREE_TEARDOWN",
        str,
        "",
        "a command that runs in the checkout before a worktree is removed; no shell",
    ),
    Setting(
        "worktree.timeout",
        "WORKBENCH_WORKTREE_TIMEOUT",
        int,
        600,
        "seconds after which a setup or a teardown is ended",
    ),
    Setting(
        "signoff.then",
        "WORKBENCH_SIGNOFF_THEN",
        str,
        "leave",
        "what becomes of a fix that was signed off: leave (its branch), merge, or pull_request",
    ),
    Setting(
        "signoff.branch",
        "WORKBENCH_SIGNOFF_BRANCH",
        str,
        "main",
        "the branch that a fix is merged into, or that its pull request is for",
    ),
    Setting(
        "signoff.tag",
        "WORKBENCH_SIGNOFF_TAG",
        str,
        "signed",
        "whether a sign-off makes a tag: signed (where git has a signing key), always, or never",
    ),
    Setting(
        "signoff.quiet_minutes",
        "WORKBENCH_SIGNOFF_QUIET_MINUTES",
        int,
        60,
        "so long after a sign-off an event without a release is no recurrence: the fix is still on its way",
    ),
    Setting(
        "screen.bell",
        "WORKBENCH_SCREEN_BELL",
        str,
        "on",
        "whether the screen calls you when a session asks or ends, or a fix waits: on, bell (no notification), or off",
    ),
    Setting(
        "tests.command",
        "WORKBENCH_TESTS_COMMAND",
        str,
        "",
        "how the repository runs its tests; empty: what its tox.ini, runtests.py or manage.py say, or python -m pytest",
    ),
    Setting("tests.timeout", "WORKBENCH_TESTS_TIMEOUT", int, 900, "seconds after which one test run is ended"),
    Setting(
        "tests.network",
        "WORKBENCH_TESTS_NETWORK",
        str,
        "auto",
        "whether evidence lets tests use the network: off, on, or auto: off, unless they fail for want of a service",
    ),
    Setting(
        "tests.at_once",
        "WORKBENCH_TESTS_AT_ONCE",
        int,
        2,
        "so many runs of evidence at the same time, 1 or 2; two only where each has a network of its own",
    ),
)
