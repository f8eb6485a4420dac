"""One of each, for the examples of what `--json` prints: the same on every day."""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.bugs import rows

AT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)

_ISSUE = rows.IssueLink("acme/clinic", 34, "https://github.com/acme/clinic/issues/34", "open")
BUG = rows.BugRow(
    number=12,
    state="review",
    is_recurrence=False,
    title="KeyError: 'price' in detail",
    kind="exception",
    count=41,
    trend=(*(0,) * 22, 3, 38),
    first_seen=AT,
    last_seen=AT,
    exception_type="KeyError",
    status_code=500,
    method="GET",
    route="/api/pets/<int:pk>/",
    fingerprint="5f0c1d2e3a4b5968",
    project="clinic",
    environment="production",
    release="8c1f0aa",
    issue=_ISSUE,
    session_state="done",
    users=7,
)
SESSION = rows.SessionRow(
    id="0198f0c2",
    bug=12,
    state="done",
    activity="",
    rehearsal=None,
    model="",
    launched_by="Ada <ada@example.com>",
    cost_usd=0.42,
    tokens=61_200,
    turns=14,
    repository="/srv/clinic",
    branch="workbench/B-012-1",
    worktree="/home/ada/.local/state/bug-workbench/worktrees/B-012-1",
    base_commit="8c1f0aa",
    result_commit="b71e4d9",
    host="laptop",
    pid=None,
    heartbeat_at=None,
    started_at=AT,
    ended_at=AT,
)
EVIDENCE = rows.EvidenceView(
    id=3,
    session_id="0198f0c2",
    base_commit="8c1f0aa",
    result_commit="b71e4d9",
    verdict="demonstrated",
    reason="The new test fails on the base with the recorded fault and passes on the fix; nothing else broke.",
    flags=(),
    runs=(),
    started_at=AT,
    ended_at=AT,
)
PAGE = rows.BugPage(
    row=BUG,
    fingerprints=(),
    event=None,
    occurrences=(),
    history=(rows.TransitionRow(AT, "system", "capture", None, "open", "first seen"),),
    sessions=(),
    evidence=None,
    sign_offs=(),
    owed=(),
)
