"""How states, times and numbers are said on a screen: always a glyph and a word, never colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from capture.store.labels import label
from workbench.tui.lines import Ink

STATES: dict[str, tuple[str, Ink]] = {
    "open": ("●", "bad"),
    "fixing": ("◆", "accent"),
    "review": ("◇", "warn"),
    "closed": ("✓", "good"),
    "muted": ("–", "muted"),
}
SESSIONS: dict[str, tuple[str, str, Ink]] = {
    "starting": ("▹", "starting", "accent"),
    "working": ("▸", "working", "accent"),
    "queued": ("·", "queued", "muted"),
    "needs_input": ("?", "asks you", "warn"),
    "waiting": ("▸", "waiting", "accent"),
    "quiet": ("▸", "quiet", "muted"),
    "done": ("✓", "done", "muted"),
    "failed": ("✗", "failed", "bad"),
    "interrupted": ("‖", "interrupted", "warn"),
}
VERDICTS: dict[str, tuple[str, Ink]] = {
    "demonstrated": ("✓", "good"),
    "partial": ("◐", "warn"),
    "inconclusive": ("?", "warn"),
    "refuted": ("✗", "bad"),
    "not run": ("–", "muted"),
}
_BARS = "▁▂▃▄▅▆▇█"
LOW = 4  # events in a bar that fill it where no bar has more: a single event is not a peak


def state_mark(state: str) -> tuple[str, Ink]:
    """Return glyph and ink of a bug's state."""
    return STATES.get(state, ("·", "muted"))


def session_mark(state: str) -> tuple[str, str, Ink]:
    """Return glyph, word and ink of a session's state."""
    return SESSIONS.get(state, ("·", state, "muted"))


def verdict_mark(verdict: str) -> tuple[str, Ink]:
    """Return glyph and ink of an evidence verdict."""
    return VERDICTS.get(verdict, ("·", "muted"))


def age(moment: datetime, now: datetime) -> str:
    """Return how long ago `moment` was, in at most four characters: now, 3m, 2h, 5d, 7w, 2y.

    Never in seconds: a screen that counted them would write all the time.
    """
    seconds = int((now - moment).total_seconds())
    if seconds < 60:
        return "now"
    for size, unit in ((3_600, "m"), (86_400, "h"), (14 * 86_400, "d"), (730 * 86_400, "w")):
        if seconds < size:
            return f"{seconds // {'m': 60, 'h': 3_600, 'd': 86_400, 'w': 7 * 86_400}[unit]}{unit}"
    return f"{seconds // (365 * 86_400)}y"


def ago(moment: datetime, now: datetime) -> str:
    """Return `age` as a phrase: just now, 3m ago."""
    short = age(moment, now)
    return "just now" if short == "now" else f"{short} ago"


def clock_time(moment: datetime) -> str:
    """Return a moment as it stands in lists of what happened, in UTC."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def duration(span: timedelta) -> str:
    """Return a span of time as 0:07, 12:34 or 1:02:03."""
    seconds = max(int(span.total_seconds()), 0)
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def short_count(count: int) -> str:
    """Return a count in at most five characters: 999, 1.2k, 35k, 1.2M."""
    if count < 1_000:
        return str(count)
    for size, unit in ((1_000, "k"), (1_000_000, "M"), (1_000_000_000, "G")):
        scaled = count / size
        if scaled < 999.5:
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"
    return "lots"


def bugs_named(numbers: Sequence[int]) -> str:
    """Return bugs as a message names them, the first five of many: B-001, B-002."""
    labels = [label(number) for number in numbers]
    return ", ".join(labels[:5]) + (f" and {len(labels) - 5} more" if len(labels) > 5 else "")


def plural(count: int, one: str, many: str = "") -> str:
    """Return `1 event`, `1,204 events`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sparkline(values: Sequence[int], width: int) -> str:
    """Return `values` as bars in `width` cells: neighbours are added up, nothing is drawn as a dot."""
    if not values or width < 1:
        return "·" * max(width, 0)
    bins = [sum(values[len(values) * i // width : len(values) * (i + 1) // width]) for i in range(width)]
    most = max(*bins, LOW)
    return "".join("·" if not value else _BARS[-(-value * len(_BARS) // most) - 1] for value in bins)


def money(usd: float) -> str:
    """Return a cost in dollars, with a fraction of a cent not hidden as nothing."""
    return "$0.00" if usd == 0 else (f"${usd:.2f}" if usd >= 0.01 else f"${usd:.4f}")
