"""All bugs in figures, as lines: what needs a look, how the site does, and whether our own work gets done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from rich.cells import cell_len

from workbench.text import plain
from workbench.tui.cures import in_keys
from workbench.tui.documents.outside import OWED_WORDS
from workbench.tui.documents.plot import bars, plot_lines
from workbench.tui.lines import BLANK, Ink, Line, Span, cell, heading, line, paragraphs
from workbench.tui.words import age, ago, money, plural, state_mark

if TYPE_CHECKING:
    from workbench.bugs.queries import Ledger
    from workbench.bugs.sites import Site
    from workbench.bugs.stats import Outbox, Stats
    from workbench.tracker.health import FeedHealth, Health
    from workbench.tui.actions import KeyOf

STATES = ("open", "fixing", "review", "closed", "muted")
_FIGURES = (("BUGS", 7), ("NEW", 6), ("BACK", 6), ("EVENTS", 11), ("SEEN", 6))  # of a site, and their cells


def dashboard_lines(
    stats: Stats, github: Health | None, width: int, now: datetime, *, key: KeyOf | None = None
) -> list[Line]:
    """Return the dashboard. `github` is how it stands with GitHub, where that is used."""
    parts = (
        _bugs(stats),
        *([_sites(stats.sites, width, now, key=key)] if len(stats.sites) > 1 else []),
        _hours(stats, width),
        _routes(stats, width),
        _fixes(stats),
        _ledger(stats.ledger),
        _outbox(stats.outbox, width, now, key=key, has_github=github is not None),
        _github(github, width),
    )
    out: list[Line] = []
    for part in parts:
        out += [*part, BLANK]
    return out[:-1]


def _bugs(stats: Stats) -> Iterator[Line]:
    yield heading("Bugs", section="bugs", note=f"{stats.bugs:,} in all")
    if not stats.bugs:
        yield line(("  None yet: ", "muted"), "manage.py capture_test", (" in your site makes one.", "muted"))
        return
    spans: list[Span] = [("  ", "")]
    for state in STATES:
        glyph, ink = state_mark(state)
        spans.append(
            (f"{glyph} {stats.states.get(state, 0):,} {state}   ", ink if stats.states.get(state) else "muted")
        )
    yield line(*spans)
    yield line(
        (f"  {stats.new:,} new", "strong" if stats.new else "muted"),
        (" within a day   ", "muted"),
        (f"↻ {stats.recurring:,} recurring", "bad" if stats.recurring else "muted"),
        (" after a sign-off", "muted"),
    )


def _sites(sites: tuple[Site, ...], width: int, now: datetime, *, key: KeyOf | None) -> Iterator[Line]:
    shows = f"; {key('open')} shows a site's bugs" if key else ""
    yield heading("Sites", section="sites", note=f"bugs that stand, events within a day{shows}")
    room = max(width - 4 - sum(cells for _name, cells in _FIGURES), 20)
    names = [max(cell_len(plain(name, 60)) for name in each) + 2 for each in _names(sites)]
    first, second = min(names[0], room - min(names[1], room // 2)), min(names[1], room // 2)
    heads = [cell(name, cells, right=True) for name, cells in _FIGURES]
    yield line((f"    {cell('PROJECT', first)}{cell('ENVIRONMENT', second)}{''.join(heads)}", "muted"))
    for place, site in enumerate(sites):
        figures = (f"{site.bugs:,}", f"{site.new:,}", f"{site.recurring:,}", f"{site.events:,}")
        seen = (*figures, age(site.last_seen, now))
        said = [cell(figure, cells, right=True) for figure, (_name, cells) in zip(seen, _FIGURES, strict=True)]
        inks: tuple[Ink, ...] = ("strong" if site.bugs else "muted", "", "bad" if site.recurring else "", "", "muted")
        yield line(
            f"    {cell(site.project or '-', first)}{cell(site.environment or '-', second)}",
            *zip(said, inks, strict=True),
            key=f"site:{place}",
        )


def _names(sites: tuple[Site, ...]) -> tuple[list[str], list[str]]:
    """Return what stands in the two columns of names, their heads with it."""
    return ["PROJECT", *(site.project for site in sites)], ["ENVIRONMENT", *(site.environment for site in sites)]


def _hours(stats: Stats, width: int) -> Iterator[Line]:
    span = stats.hours
    note = f"two days, UTC: {plural(sum(span.counts), 'event')}, {span.counts[-1]:,} in this hour"
    yield heading("Errors per hour", section="errors", note=note)
    yield from plot_lines(span, width)


def _routes(stats: Stats, width: int) -> Iterator[Line]:
    yield heading("Top routes", section="routes", note="events within a day")
    if not stats.routes:
        yield line(("  No event of a route within a day.", "muted"))
    of = sum(stats.hours.counts[-24:])
    yield from bars([(route.route, route.events) for route in stats.routes], of, width)


def _fixes(stats: Stats) -> Iterator[Line]:
    yield heading("Fixes", section="fixes")
    if stats.to_sign_off is None:
        yield line(("  No fix has been signed off yet.", "muted"))
    else:
        signed = plural(stats.signed_off, "sign-off")
        yield line(
            ("  from first seen to sign-off  ", "muted"),
            (_long(stats.to_sign_off), "strong"),
            (f"  (median of {signed})", "muted"),
        )
    cost = stats.cost
    yield line(
        ("  agents cost  ", "muted"),
        (money(cost.today), "strong"),
        (" today (UTC)  ", "muted"),
        money(cost.week),
        (" in 7 days  ", "muted"),
        money(cost.all),
        (f" in all, {plural(cost.sessions, 'session')}; rehearsals cost nothing", "muted"),
    )


def _long(span: timedelta) -> str:
    """Return a span of time as people say it: 45 minutes, 7.5 hours, 12 days."""
    for size, word in ((86_400 * 2, "days"), (3_600, "hours"), (60, "minutes")):
        if span.total_seconds() >= size:
            amount = span.total_seconds() / (86_400 if word == "days" else size)
            return f"{amount:.0f} {word}" if amount >= 10 else f"{amount:.1f} {word}"
    return f"{span.total_seconds():.0f} seconds"


def _ledger(ledger: Ledger) -> Iterator[Line]:
    said, ink = _balance(ledger)
    yield heading("Ledger", section="ledger", note="every failure that the sites met")
    yield line(
        (f"  {said}  ", ink),
        f"{ledger.seen:,} seen = {ledger.stored:,} stored + {ledger.counted:,} counted only + ",
        f"{sum(ledger.dropped.values()):,} dropped",
    )
    for reason, events in sorted(ledger.dropped.items(), key=lambda pair: (-pair[1], pair[0])):
        yield line((f"      {events:,} dropped: ", "muted"), plain(reason, 100))


def _balance(ledger: Ledger) -> tuple[str, Ink]:
    if ledger.balanced:
        return "✓ balances", "good"
    return "○ on its way: journals are being carried over", "warn"


def _outbox(outbox: Outbox, width: int, now: datetime, *, key: KeyOf | None, has_github: bool) -> Iterator[Line]:
    yield heading("Owed to the outside", section="outbox")
    # Without GitHub, what is owed to it waits for the day that it is set up.
    due, overdue = (outbox.due, outbox.overdue) if has_github else (outbox.files, outbox.files_overdue)
    late = f", the oldest due {ago(overdue, now)}" if overdue else ""
    yield line(
        (f"  ✓ {outbox.done:,} done   ", "muted"),
        (f"○ {due:,} owed{late}   ", "warn" if overdue else ""),
        (f"✗ {outbox.parked:,} parked", "bad" if outbox.parked else "muted"),
    )
    if outbox.due > due:
        told = f"{plural(outbox.due - due, 'action')} for GitHub will be done once github.repository names one."
        yield from paragraphs([told], width, indent="  ", ink="muted")
    if outbox.given_up and key:
        again, shows = " on a parked action lets it be tried again, ", " shows its bug"
        yield line((f"  {key('retry')}", "key"), (again, "muted"), (key("open"), "key"), (shows, "muted"))
    for row in outbox.given_up:
        name = f"parked:{row.id}:{row.bug}"
        what = OWED_WORDS.get(row.kind, row.kind)
        tried = plural(row.attempts, "attempt")
        yield line(("  ✗ ", "bad"), f"B-{row.bug:03d}  {what}", (f"  given up after {tried}", "muted"), key=name)
        outcome = in_keys(row.outcome, key) if key else row.outcome
        yield from paragraphs([plain(outcome)], width, indent="      ", ink="warn", key=name)
    if outbox.parked > len(outbox.given_up):
        yield line((f"  … and {outbox.parked - len(outbox.given_up):,} more", "muted"))


def _github(github: Health | None, width: int) -> Iterator[Line]:
    yield heading("GitHub", section="github", note="what the workers on this database wrote and read" if github else "")
    if github is None:
        told = "No repository gets issues: github.repository names one. Bug files alone are the tracker."
        yield from paragraphs([told], width, indent="  ", ink="muted")
        return
    if github.is_spent:
        told = f"! all {github.most:,} writes of this hour are used up: the others wait for the next"
        yield from paragraphs([told], width, indent="  ", ink="warn")
    else:
        most = f" of {github.most:,}" if github.most else ""
        yield line(("  ✓ ", "good"), f"{github.written:,}{most} writes", (" within the last hour", "muted"))
    if not github.is_read:
        yield line(("  Reading is switched off: github.poll_seconds is 0.", "muted"))
    elif not github.feeds:
        yield line(("  Nothing has been read yet: a worker begins with it.", "muted"))
    for repository, feeds in groupby(github.feeds, key=lambda feed: feed.repository):
        yield from _repository(github, repository, list(feeds), width)


def _repository(github: Health, repository: str, feeds: list[FeedHealth], width: int) -> Iterator[Line]:
    name = plain(repository, 100)
    late = [feed for feed in feeds if feed in github.late and not feed.problem]
    for problem in dict.fromkeys(feed.problem for feed in feeds if feed.problem):
        same = [feed for feed in feeds if feed.problem == problem]
        told = f"✗ {_kinds(same)} of {name}: {plain(problem, 500)}"
        yield from paragraphs([told], width, indent="  ", ink="bad")
    if late:
        minutes = max(feed.behind for feed in late).total_seconds() / 60
        told = f"! {name}: nobody has read its {_kinds(late)} for {minutes:.0f} minutes longer than was meant."
        yield from paragraphs([told, "Let a worker run: workbench worker"], width, indent="  ", ink="warn")
    well = [feed for feed in feeds if not feed.problem and feed not in late]
    if well and github.is_read:
        yield line(("  ✓ ", "good"), name, (f"  {_kinds(well)} are read in time", "muted"))


def _kinds(feeds: list[FeedHealth]) -> str:
    return ", ".join(feed.kind for feed in feeds)
