"""A session's transcript as lines: what the agent said, what it ran, and what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.text import plain, plain_lines
from workbench.tui.lines import BLANK, Ink, Line, Span, heading, line, paragraphs
from workbench.tui.words import money, plural, verdict_mark

if TYPE_CHECKING:
    from workbench.bugs.rows import ApprovalRow, TranscriptRow
    from workbench.tui.actions import KeyOf

TEXT_LINES = 200
INPUT_LINES = 12
RESULT_LINES = 8
APPROVAL_LINES = 60
# The one input of a tool that says most, shown beside its name.
_TELLING = ("command", "file_path", "path", "pattern", "url", "query", "description", "prompt")


def entry_lines(entry: TranscriptRow, width: int, *, worktree: str = "") -> list[Line]:
    """Return one entry as lines; paths below `worktree` are shown from there."""
    body = entry.body
    if entry.kind == "tool_use":
        return _tool_use(body, worktree)
    if entry.kind == "tool_result":
        return _tool_result(body)
    if entry.kind == "evidence":
        return _evidence(body, width)
    if entry.kind == "result":
        return _result(body, width)
    text = _text(body)
    if entry.kind == "prompt":
        by = plain(body.get("by") or "", 60)
        return [BLANK, heading(f"› {by or 'brief'}"), *_block(text, width, ink="muted" if not by else "", most=30)]
    if entry.kind == "phase":
        return [BLANK, *_phase(body, width)]
    if entry.kind == "alarm":
        return [BLANK, *_marked(plain_lines(text, most=20), width, mark="  ⚠ ", ink="bad")]
    if entry.kind == "notice":
        return _marked(plain_lines(text, most=20), width, mark="  · ", ink="warn")
    if entry.kind == "thinking":
        return _block(text, width, ink="comment", most=30)
    return [BLANK, *_block(text, width, most=TEXT_LINES)]


def _phase(body: Mapping[str, Any], width: int) -> list[Line]:
    """Return what was decided between the phases, under the name of the one that follows."""
    name = {"test": "Phase 1: a failing test", "fix": "Phase 2: the fix"}.get(str(body.get("phase")), "Phase")
    ok = bool(body.get("ok"))
    texts = plain_lines(_text(body), most=20)
    return [heading(name), *_marked(texts, width, mark="  ✓ " if ok else "  ✗ ", ink="good" if ok else "warn")]


def _text(body: Mapping[str, Any]) -> str:
    for name in ("text", "message", "content"):
        if isinstance(body.get(name), str):
            return str(body[name])
    return as_text(body)


def as_text(value: object) -> str:
    """Return any plain data as text to read."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = [item.get("text") if isinstance(item, dict) and "text" in item else as_text(item) for item in value]
        return "\n".join(str(part) for part in parts)
    if isinstance(value, dict):
        return "\n".join(f"{name}: {as_text(item)}" for name, item in value.items())
    return json.dumps(value)


def _marked(texts: list[str], width: int, *, mark: str, ink: Ink) -> list[Line]:
    """Return wrapped lines with `mark` before the first and room for it before the others."""
    first, *others = paragraphs(texts, width - len(mark), ink=ink) or [BLANK]
    return [line(mark, *first.spans), *(line(" " * len(mark), *other.spans) for other in others)]


def _block(text: str, width: int, *, ink: Ink = "", most: int) -> list[Line]:
    return paragraphs(plain_lines(text, most=most), width, indent="  ", ink=ink)


def _tool_use(body: Mapping[str, Any], worktree: str) -> list[Line]:
    given = body.get("input")
    inputs: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    telling = next((name for name in _TELLING if inputs.get(name)), "")
    told = as_text(inputs.get(telling, ""))
    file = str(inputs.get("file_path") or "")  # what the editor opens on these lines
    first = plain_lines(told.replace(f"{worktree}/", "") if worktree else told, most=1)[0]
    out = [
        line(("  ▸ ", "accent"), (body.get("name") or body.get("tool") or "tool", "strong"), "  ", (first, "accent"),
             key=file)
    ]  # fmt: skip
    for name in ("content", "new_string"):
        if isinstance(inputs.get(name), str):
            texts = plain_lines(inputs[name], most=INPUT_LINES)
            out += [line(("    + ", "add"), (text, "add"), key=file) for text in texts]
    return out


def _tool_result(body: Mapping[str, Any]) -> list[Line]:
    content = next((body[name] for name in ("text", "content", "output") if body.get(name)), "")
    failed = bool(body.get("is_error") or body.get("error"))
    texts = plain_lines(as_text(content), most=RESULT_LINES)
    return [
        line(("    │ ", "bad" if failed else "muted"), (text, "bad" if failed else "muted")) for text in texts if text
    ]


def _evidence(body: Mapping[str, Any], width: int) -> list[Line]:
    verdict = body.get("verdict")
    if not isinstance(verdict, str):
        return _marked(plain_lines(_text(body), most=20), width, mark="  ⚖ ", ink="accent")
    glyph, ink = verdict_mark(verdict)
    out = [BLANK, line("  Evidence: ", (f"{glyph} {verdict}", ink))]
    return out + _block(str(body.get("reason") or ""), width, most=10)


def _result(body: Mapping[str, Any], width: int) -> list[Line]:
    cost, turns = body.get("cost_usd"), body.get("turns")
    facts = [
        "interrupted" if body.get("interrupted") else "",
        money(cost) if isinstance(cost, int | float) else "",
        plural(turns, "turn") if isinstance(turns, int) else "",
    ]
    out = [line(("  ■ the agent's turn ended  ", "muted"), (" · ".join(fact for fact in facts if fact), "muted"))]
    if not body.get("ok"):  # a turn that went well ends in the agent's own words, which stand above already
        out += _block(_text(body), width, ink="warn", most=20)
    return out


def _answers(approval: ApprovalRow, key: KeyOf) -> Line:
    why = approval.why_not_always
    last: list[Span] = [(why, "muted")] if why else [(key("always"), "key"), (" yes, and always in this session", "")]
    return line((f"  {key('allow')}", "key"), " yes   ", (key("deny"), "key"), " no, with a word   ", *last)


def approval_lines(approval: ApprovalRow, width: int, key: KeyOf | None = None) -> list[Line]:
    """Return what the agent asks for, with the exact tool and the whole of its input; with `key`, how to answer."""
    body = approval.body
    out = [
        line((" ASKS YOU ", "rehearsal"), " May the agent use ", (body.get("tool") or "a tool", "strong"), "?",
             (f"  {body.get('title') or ''}", "muted")),
    ]  # fmt: skip
    if body.get("reason"):
        out += paragraphs([plain(body["reason"])], width, indent="  ", ink="muted")
    given = body.get("input")
    items = given.items() if isinstance(given, Mapping) else (("input", given),)
    for name, value in items:
        texts = plain_lines(as_text(value), most=APPROVAL_LINES)
        out += paragraphs([f"{plain(name, 60)}: {texts[0]}"], width, indent="  ")
        out += paragraphs(texts[1:], width, indent="    ")
    if key is not None:
        out.append(_answers(approval, key))
    return out
