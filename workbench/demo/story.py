"""`workbench demo`: the main job from the failing request to the evidence, told step by step.

Without a screen the whole story is told and the sign-off is left to a person. With one, the first three steps are told
and the screen goes on from there, on a site that stays up. A later run picks up where an earlier one stopped.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import Engine

from workbench import fixing
from workbench.bugs import queries
from workbench.bugs.rows import ApprovalRow, BugPage, SessionRow
from workbench.bugs.store import open_store
from workbench.config import Config
from workbench.demo import traffic, words
from workbench.demo.landing import land
from workbench.demo.serving import serve
from workbench.demo.site import Site, in_use, prepare
from workbench.errors import Exit, OutsideError
from workbench.git import Repository
from workbench.text import plain
from workbench.tracker.worker import work_once

SCENARIO = "happy"

Tell = Callable[[str], None]


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Telling:
    """One telling of the story: to whom, and with what it was asked to use."""

    out: Tell
    github: str
    environ: Mapping[str, str]
    patience: float | None
    now: Callable[[], datetime]


def story(
    config: Config,
    *,
    out: Tell,
    open_screen: Callable[[Config], int] | None = None,
    port: int = 0,
    github: str = "",
    rehearse: bool = False,
    patience: float | None = None,
    environ: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = utc_now,
) -> int:
    """Tell the story of the demo, line by line, to `out`, and return the exit code.

    `open_screen` opens the terminal program on a configuration and returns its exit code; without it the story is
    told to the end of the evidence. `github` (owner/name) gets the issues. `rehearse` keeps a login from being used,
    also by the screen. `patience` is how many seconds the agent may wait for an answer; None for any number.
    """
    telling = Telling(out, github, os.environ if environ is None else environ, patience, now)
    site = prepare(config, github=github, rehearse=SCENARIO if rehearse else "")
    _tell_site(telling, site)
    with in_use(site.folder), closing_store(site.config) as engine:
        if open_screen is not None:
            with serve(site, port=port) as served:
                _traffic(telling, site, engine, served.url)
                out(f"\nThe screen opens on it. The site stays up meanwhile: {served.url}")
                return open_screen(site.config)
        # A port that was asked for is tried even where nothing has to be sent any more.
        with serve(site, port=port) if port or not _is_sent(engine) else nullcontext() as running:
            _traffic(telling, site, engine, running.url if running else "")
        return _fix(telling, site, engine)


@contextmanager
def closing_store(config: Config) -> Iterator[Engine]:
    """Open the demo's store for a while."""
    engine = open_store(config)
    try:
        yield engine
    finally:
        engine.dispose()


def how_to_open(site: Site, github: str, environ: Mapping[str, str]) -> str:
    """Return the command that opens the workbench on the demo, whatever the user's own settings are."""
    words = [f"WORKBENCH_GITHUB_REPOSITORY={shlex.quote(github)}"] if github else []
    if site.config["agent.rehearse"]:
        words.append(f"WORKBENCH_AGENT_REHEARSE={shlex.quote(site.config['agent.rehearse'])}")
    words += [_program(environ), "--repo", shlex.quote(str(site.folder))]
    if environ.get("WORKBENCH_DATABASE_URL"):
        words += ["--db", shlex.quote(site.config.database_url)]
    return " ".join(words)


def _program(environ: Mapping[str, str]) -> str:
    """Return how a shell calls the program that is running: by its name where that finds it, else by its path."""
    ours = Path(sys.executable).with_name("workbench")
    found = shutil.which("workbench", path=environ.get("PATH", ""))
    if found and Path(found).resolve() == ours.resolve():
        return "workbench"
    near = ours.is_relative_to(Path.cwd())
    return shlex.quote(str(ours.relative_to(Path.cwd()) if near else ours))


def _tell_site(telling: Telling, site: Site) -> None:
    commit = Repository.open(site.folder).head()[:12]
    telling.out("1  A pet clinic: a Django site with capture installed, in a repository of its own")
    telling.out(f"  {'found again' if site.resumed else 'made'}: {site.folder} (commit {commit}, SQLite)")


def _is_sent(engine: Engine) -> bool:
    return queries.ledger(engine).seen >= traffic.failures()


def _traffic(telling: Telling, site: Site, engine: Engine, url: str) -> None:
    """Send the morning's requests unless an earlier run did, and tell what came of them."""
    seen = queries.ledger(engine).seen
    if _is_sent(engine):
        telling.out("\n2  Requests: sent by an earlier run")
    else:
        telling.out(f"\n2  Requests to the site, under gunicorn at {url}")
        for answer in traffic.send(url):
            telling.out(words.answered(answer))
            seen += answer.status >= 400
    landed = land(site, engine, seen=seen, environ=telling.environ, now=telling.now)
    ledger = landed.ledger
    telling.out("\n3  What capture landed")
    for line in words.bugs(landed.bugs):
        telling.out(line)
    telling.out(words.files(landed.files, site.folder))
    dropped = sum(ledger.dropped.values())
    telling.out(f"  ledger: {ledger.seen} seen = {ledger.stored} stored + {ledger.counted} counted + {dropped} dropped")
    for done in landed.done:
        if done.kind != "write_file" or done.state != "done":
            telling.out(f"  {done.kind} for B-{done.bug:03d}: {plain(done.outcome)}")


def _fix(telling: Telling, site: Site, engine: Engine) -> int:
    """Tell steps 4 to 7: the bug, its fix, the evidence, and what is left to a person."""
    page = _the_bug(engine, telling.now())
    opening = how_to_open(site, telling.github, telling.environ)
    telling.out("\n4  The terminal")
    telling.out(f"  {opening}")
    telling.out(f"  opens on these bugs; the story goes on with {page.row.label}, {plain(page.row.title)}")

    telling.out(f"\n5  A fix session of Claude Code on {page.row.label}")
    session = _session(telling, site, engine, page)
    if session is not None:
        _follow(telling, engine, session, opening)
    work_once(site.config, engine, environ=telling.environ, now=telling.now)

    page = queries.bug_page(engine, page.row.number, now=telling.now())
    telling.out("\n6  Evidence: run by the workbench itself, on clean trees")
    if page.evidence is None:
        telling.out("  none: nothing was run")
        raise OutsideError(
            f"The fix session on {page.row.label} ended without a result.",
            cure=f"See it: {opening}. To start over: `workbench demo --reset`.",
        )
    for line in words.evidence(page.evidence):
        telling.out(line)
    telling.out(f"\n7  The sign-off: {_sign_off(page)}")
    telling.out(f"  {opening}")
    return Exit.DONE


def _the_bug(engine: Engine, now: datetime) -> BugPage:
    """Return the bug that the story is about: the one whose fault is deepest in the code."""
    for row in queries.list_bugs(engine, now=now):
        if row.exception_type == "KeyError":
            return queries.bug_page(engine, row.number, now=now)
    raise OutsideError(
        "The demo's KeyError is not among the bugs.", cure="Start over: `workbench demo --reset`."
    )  # its own site was changed


def _session(telling: Telling, site: Site, engine: Engine, page: BugPage) -> SessionRow | None:
    """Return the session to follow: a new one, or one that an earlier run began; None where the work is done."""
    if page.row.state in ("review", "closed"):
        telling.out(f"  an earlier run did this: {page.row.label} is in state {page.row.state}")
        return None
    fixing.sweep(engine, now=telling.now())
    latest = next(iter(queries.sessions(engine, bug=page.row.number)), None)
    by = Repository.open(site.folder).identity()
    if latest is not None and latest.is_live:
        telling.out("  taken up where it is: an earlier run began it")
        return latest
    if latest is not None and latest.state == "interrupted":
        telling.out("  resumed: it was interrupted")
        return fixing.resume(site.config, engine, latest.id, by=by, now=telling.now())
    options = fixing.LaunchOptions()
    return fixing.launch(site.config, engine, page.row.number, by=by, options=options, now=telling.now())


def _follow(telling: Telling, engine: Engine, row: SessionRow, opening: str) -> None:
    """Tell what a session says and does until it ends. It would go on without us."""
    for line in words.session(row):
        telling.out(line)
    for news in fixing.follow(engine, row.id, patience=telling.patience, opening=opening):
        for line in [words.question(news)] if isinstance(news, ApprovalRow) else words.entry(news, row.worktree):
            telling.out(line)
    telling.out(words.ended(queries.session(engine, row.id)))


def _sign_off(page: BugPage) -> str:
    """Return what is left to a person, or what a person did."""
    if page.row.state == "closed" and page.sign_offs:
        latest = page.sign_offs[0]
        return f"{page.row.label} was {latest.decision} by {plain(latest.by)} on {latest.at:%Y-%m-%d %H:%M} UTC"
    if page.row.state == "review":
        return f"yours. Open the workbench, choose {page.row.label}, and press v to sign it off or x to reject it:"
    return f"{page.row.label} is in state {page.row.state}. Open the workbench to go on:"
