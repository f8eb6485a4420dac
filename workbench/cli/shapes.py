"""The shapes of `--json`. Programs build on these keys: add to them freely, never rename or remove one."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from capture.store.lifecycle import State
    from workbench.bugs.rows import BugPage, BugRow, EvidenceView, IssueLink, RelatedBug, SessionRow
    from workbench.bugs.stats import Stats
    from workbench.cli.answers import bugs, fixes
    from workbench.evidence.report import Verdict
    from workbench.tracker.health import Health


def bug(row: BugRow) -> bugs.Bug:
    """Return one bug of `bugs list --json`."""
    return {
        "number": row.label,
        "state": cast("State", row.state),
        "recurring": row.is_recurrence,
        "title": row.title,
        "kind": row.kind,
        "fingerprint": row.fingerprint,
        "exception_type": row.exception_type,
        "status_code": row.status_code,
        "method": row.method,
        "route": row.route,
        "count": row.count,
        "trend": list(row.trend),
        "level": row.level,
        "users": row.users,
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
        "project": row.project,
        "environment": row.environment,
        "release": row.release,
        "session": row.session_state,
        "assignee": row.assignee,
        "labels": list(row.labels),
        "closed_as": row.closed_as,
        "duplicate_of": _label(row.duplicate_of),
        "merged_into": _label(row.merged_into),
        "muted": {"until": row.mute_until, "events": row.mute_events, "new_release": row.mute_releases is not None}
        if row.state == "muted"
        else None,
        "issue": None if row.issue is None else _issue(row.issue),
    }


def _label(number: int | None) -> str | None:
    from capture.store.labels import label

    return label(number) if number else None


def _issue(issue: IssueLink) -> bugs.Issue:
    return {
        "repository": issue.repository,
        "number": issue.number,
        "url": issue.url,
        "state": issue.state,
        "closed_outside": issue.closed_outside,
        "closed_by": issue.closed_by,
        "pull": issue.is_pull,
        "locked": issue.is_locked,
        "labels": list(issue.labels),
        "comments": issue.comments,
        "note": issue.note,
    }


def session(row: SessionRow) -> fixes.FixSession:
    """Return one session of `sessions list --json`."""
    from capture.store.lifecycle import label

    return {
        "id": row.id,
        "bug": label(row.bug),
        "state": row.state,
        "activity": row.activity,
        "rehearsal": row.rehearsal,
        "model": row.model,
        "cost_usd": row.cost_usd,
        "tokens": row.tokens,
        "turns": row.turns,
        "branch": row.branch,
        "worktree": row.worktree,
        "repository": row.repository,
        "base_commit": row.base_commit,
        "result_commit": row.result_commit,
        "launched_by": row.launched_by,
        "host": row.host,
        "phase": row.phase,
        "sandboxed": row.is_sandboxed,
        "cost_is_estimated": row.is_cost_estimated,
        "alarm": row.alarm,
        "not_a_bug": row.not_a_bug,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
    }


def evidence(view: EvidenceView) -> fixes.Evidence:
    """Return stored evidence, with the keys that freshly collected evidence has too."""
    from workbench.bugs.evidence_text import replayed

    return {
        "id": view.id,
        "session": view.session_id,
        "base": view.base_commit,
        "result": view.result_commit,
        "verdict": cast("Verdict", view.verdict),
        "reason": view.reason,
        "flags": cast("list[fixes.Flag]", list(view.flags)),
        "runs": cast("list[fixes.TestRun]", list(view.runs)),
        "replay": replayed(view.runs) or None,
        "started_at": view.started_at,
        "ended_at": view.ended_at,
    }


def stats(found: Stats, github: Health | None) -> bugs.Stats:
    """Return the figures of `bugs stats --json`. `hours` are those of the last two days, the oldest first."""
    from capture.store.lifecycle import STATES, label

    ledger, outbox, span = found.ledger, found.outbox, found.hours
    return {
        "bugs": found.bugs,
        "states": {state: found.states.get(state, 0) for state in STATES},
        "new": found.new,
        "recurring": found.recurring,
        "hours": [{"at": span.start + place * span.step, "events": events} for place, events in enumerate(span.counts)],
        "routes": [{"route": route.route, "events": route.events} for route in found.routes],
        "sites": [
            {
                "project": site.project,
                "environment": site.environment,
                "bugs": site.bugs,
                "new": site.new,
                "recurring": site.recurring,
                "events": site.events,
                "last_seen": site.last_seen,
            }
            for site in found.sites
        ],
        "signed_off": found.signed_off,
        "seconds_to_sign_off": None if found.to_sign_off is None else found.to_sign_off.total_seconds(),
        "cost_usd": {"today": found.cost.today, "week": found.cost.week, "all": found.cost.all},
        "sessions": found.cost.sessions,
        "ledger": {
            "seen": ledger.seen,
            "stored": ledger.stored,
            "counted": ledger.counted,
            "dropped": ledger.dropped,
            "balanced": ledger.balanced,
        },
        "outbox": {
            "due": outbox.due,
            "parked": outbox.parked,
            "done": outbox.done,
            # Without GitHub, what is owed to it waits for the day that it is set up.
            "overdue_since": outbox.files_overdue if github is None else outbox.overdue,
            "given_up": [
                {"id": row.id, "bug": label(row.bug), "kind": row.kind, "attempts": row.attempts, "why": row.outcome}
                for row in outbox.given_up
            ],
        },
        "github": None if github is None else _github(github),
    }


def _github(health: Health) -> bugs.GitHub:
    return {
        "written": health.written,
        "hourly_writes": health.most,
        "spent": health.is_spent,
        "is_read": health.is_read,
        "lists": [
            {
                "repository": feed.repository,
                "kind": cast("bugs.ListKind", feed.kind),
                "seconds_behind": feed.behind.total_seconds(),
                "late": feed in health.late,
                "problem": feed.problem,
            }
            for feed in health.feeds
        ],
    }


def _related(other: RelatedBug) -> bugs.RelatedBug:
    return {"number": other.label, "state": other.state, "title": other.title, "count": other.count}


def page(page: BugPage) -> bugs.BugPage:
    """Return everything about one bug: `bugs show --json`."""
    import msgspec

    return {
        **bug(page.row),
        "fingerprints": [
            {"key": key, "parts": [msgspec.to_builtins(part) for part in parts]} for key, parts in page.fingerprints
        ],
        "event": None if page.event is None else msgspec.to_builtins(page.event),
        "occurrences": list(page.occurrences),
        "history": list(page.history),
        "sessions": [session(row) for row in page.sessions],
        "evidence": None if page.evidence is None else evidence(page.evidence),
        "sign_offs": list(page.sign_offs),
        "on_old_release": page.on_old_release,
        "false_alarm": page.false_alarm,
        "owed": list(page.owed),
        "notes": list(page.notes),
        "comments": list(page.comments),
        "mentions": list(page.mentions),
        "acts": list(page.acts),
        "merged": [_related(other) for other in page.merged],
        "alike": [_related(other) for other in page.alike],
    }
