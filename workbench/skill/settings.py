"""Our hook in Claude Code's settings.json: put in beside what is there, and taken out again, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from workbench.errors import ConfigurationError

EVENT = "SessionStart"
# Colleagues share a repository's settings, and one of them may not have the workbench: then it says so and no more.
COMMAND = (
    "command -v workbench >/dev/null || { echo 'Bug workbench: `workbench` is not on the PATH.'; exit 0; }; "
    "workbench skill session-start"
)
HANDLER = {"type": "command", "command": COMMAND, "timeout": 10}

_OURS = "workbench skill session-start"
_INDENT = re.compile(r"^([ \t]+)\S", re.MULTILINE)


def with_hook(text: str | None, path: Path) -> str:
    """Return the settings with our hook in them, exactly as they are where it is there already.

    Raises `ConfigurationError` for a file that is not JSON, or not of the form that Claude Code reads.
    """
    data = _parsed(text, path)
    found = [handler for group in _groups(data, path) for handler in _handlers(group, path) if _is_ours(handler)]
    if text is not None and [handler["command"] for handler in found] == [COMMAND]:
        return text
    if found:  # another version's: brought up to date where it stands; a time limit may be a person's own
        found[0]["command"] = COMMAND
        _remove(data, path, keep=found[0])
    else:
        data.setdefault("hooks", {}).setdefault(EVENT, []).append({"hooks": [dict(HANDLER)]})
    return _written(data, text)


def without_hook(text: str | None, path: Path) -> str | None:
    """Return the settings without our hook, exactly as they are where it is not there; None when nothing is left."""
    data = _parsed(text, path)
    if not _remove(data, path):
        return text
    return _written(data, text) if data else None


def hook_state(text: str | None, path: Path) -> str:
    """Say whether our hook is missing, current or older (than this version's, or changed)."""
    data = _parsed(text, path)
    if not any(_is_ours(handler) for group in _groups(data, path) for handler in _handlers(group, path)):
        return "missing"
    return "current" if with_hook(text, path) == text else "older"


def _remove(data: dict[str, Any], path: Path, keep: dict[str, Any] | None = None) -> bool:
    """Take our handlers out, but for `keep`, and whatever they alone had filled. Say whether there were any."""
    removed = False
    groups = _groups(data, path)
    for group in list(groups):
        handlers = _handlers(group, path)
        left = [handler for handler in handlers if handler is keep or not _is_ours(handler)]
        if len(left) == len(handlers):
            continue
        removed = True
        group["hooks"] = left
        if not left:
            groups.remove(group)
    if removed and not groups:
        del data["hooks"][EVENT]
        if not data["hooks"]:
            del data["hooks"]
    return removed


def _is_ours(handler: Any) -> bool:
    return isinstance(handler, dict) and _OURS in str(handler.get("command", ""))


def _groups(data: dict[str, Any], path: Path) -> list[Any]:
    hooks = data.get("hooks", {})
    groups = hooks.get(EVENT, []) if isinstance(hooks, dict) else None
    if not isinstance(groups, list):
        raise _unfit(path, f"its hooks.{EVENT} is not a list")
    return groups


def _handlers(group: Any, path: Path) -> list[Any]:
    handlers = group.get("hooks", []) if isinstance(group, dict) else None
    if not isinstance(handlers, list):
        raise _unfit(path, f"its hooks.{EVENT} holds something that is no list of hooks")
    return handlers


def _parsed(text: str | None, path: Path) -> dict[str, Any]:
    if text is None or not text.strip():
        return {}
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except ValueError as error:
        raise _unfit(path, f"it is not JSON that we can read: {error}") from error
    if not isinstance(data, dict):
        raise _unfit(path, "it is not a JSON object")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice: writing the object again would lose one of the two."""
    data: dict[str, Any] = {}
    for name, value in pairs:
        if name in data:
            raise ValueError(f"the name {name!r} stands twice in one object")
        data[name] = value
    return data


def _written(data: dict[str, Any], before: str | None) -> str:
    """Return the data as JSON, indented and ended as the text was that it came from."""
    before = before or ""
    found = _INDENT.search(before)
    text = json.dumps(data, indent=found[1] if found else 2, ensure_ascii=False)
    text += "\n" if not before.strip() or before.endswith("\n") else ""
    return text.replace("\n", "\r\n") if "\r\n" in before else text


def _unfit(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} stays as it is: {why}.", cure="Mend the file (or move it away), then run it again."
    )
