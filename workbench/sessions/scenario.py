"""What the rehearsal model plays: scenario files, read and checked.

    name = "happy"
    summary = "one line"

    [[script]]                       # the first whose conditions fit the bug's event; without conditions it fits any
    exception_type = "KeyError"      # also: function (innermost of the application), template, status

    [[script.turn]]                  # the answer to the n-th prompt of a person: 0 is the brief, 1 the first message
    [[script.turn.step]]             # one reply of the model; one without tools ends the turn
    text = "I write the test first."
    delay = 0.5                      # seconds to wait before replying
    [[script.turn.step.tool]]
    name = "Write"
    input.file_path = "${worktree}/tests/test_x.py"

    [[script.turn.step]]             # a step may fail before it is played
    status = 529                     # answered with this HTTP status instead (429 with retry_after, in seconds)
    times = 2                        # so often; 0 for always, 1 where nothing is said
    cut = true                       # instead of a status: the connection ends in the middle of the reply
    output_tokens = 90000            # what the reply claims to have used, and so to have cost; also input_tokens

In texts and inputs, `${worktree}` is the session's worktree and `${python}` the interpreter that runs the tests.
A step without tools ends the turn; what stands after it is played when the workbench sends a prompt of its own, as it
does between the two phases. Source that is written before the test was judged is refused, unless the test shows the
fault by then, and is written again in phase two. A message that a person sends while the model works is no prompt of
its own: the turn is played to its end.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capture.event import Event
from workbench.errors import ConfigurationError, UsageError

OURS = Path(__file__).parent / "scenarios"
CONDITIONS: Mapping[str, type] = {"exception_type": str, "function": str, "template": str, "status": int}

_STEP: Mapping[str, Any] = {
    "text": str,
    "delay": (int, float),
    "tool": list,
    "status": int,
    "times": int,
    "retry_after": int,
    "cut": bool,
    "input_tokens": int,
    "output_tokens": int,
}


@dataclass(frozen=True)
class Tool:
    """One call of a tool."""

    name: str
    input: dict[str, Any]


@dataclass(frozen=True)
class Trouble:
    """What happens in place of a reply, the first `times` that it is asked for; 0 for every time.

    `status` 0: the connection is cut in the middle of it.
    """

    status: int = 0
    times: int = 1
    retry_after: int | None = None


@dataclass(frozen=True)
class Step:
    """One reply of the model."""

    text: str = ""
    tools: tuple[Tool, ...] = ()
    delay: float = 0.0
    trouble: Trouble | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True)
class Script:
    """What is played for the bugs that fit `conditions`: a list of steps for each prompt."""

    conditions: dict[str, Any]
    turns: tuple[tuple[Step, ...], ...]

    def fits(self, event: Event | None) -> bool:
        """Say whether this script is for a bug with `event` as its latest."""
        known = _facts(event)
        return all(wanted in known[name] for name, wanted in self.conditions.items())


@dataclass(frozen=True)
class Scenario:
    """A scenario file."""

    name: str
    summary: str
    scripts: tuple[Script, ...]

    def script_for(self, event: Event | None) -> Script | None:
        """Return the first script that fits, or None."""
        return next((script for script in self.scripts if script.fits(event)), None)


def names() -> list[str]:
    """Return the scenarios that come with the workbench."""
    return sorted(path.stem for path in OURS.glob("*.toml"))


def load(name: str) -> Scenario:
    """Return the scenario `name`: one of ours, or the path of a file that ends in .toml."""
    path = Path(name) if name.endswith(".toml") else OURS / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        raise UsageError(f"There is no rehearsal scenario {name!r}.", cure=f"Choose one of: {', '.join(names())}.")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The scenario {path} cannot be read: {error.strerror}.", cure="Name a readable file."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}", cure="Mend the file.") from error
    return parse(table, str(path))


def parse(table: Mapping[str, Any], source: str) -> Scenario:
    """Return the scenario of a parsed file. Raises `ConfigurationError` naming the place of the first mistake."""
    _known(table, {"name": str, "summary": str, "script": list}, source)
    scripts = tuple(_script(each, f"{source}: script {i}") for i, each in enumerate(table.get("script", ()), 1))
    if not table.get("name") or not scripts:
        raise _mistake(source, "a scenario has a name and at least one [[script]]")
    return Scenario(table["name"], table.get("summary", ""), scripts)


def _script(table: Mapping[str, Any], place: str) -> Script:
    _known(table, {**CONDITIONS, "turn": list}, place)
    turns = []
    for i, turn in enumerate(table.get("turn", ()), 1):
        where = f"{place}, turn {i}"
        _known(turn, {"step": list}, where)
        turns.append(tuple(_step(each, f"{where}, step {j}") for j, each in enumerate(turn.get("step", ()), 1)))
        if not turns[-1]:
            raise _mistake(where, "a turn has at least one [[script.turn.step]]")
    if not turns:
        raise _mistake(place, "a script has at least one [[script.turn]]")
    return Script({name: table[name] for name in CONDITIONS if name in table}, tuple(turns))


def _step(table: Mapping[str, Any], place: str) -> Step:
    _known(table, _STEP, place)
    tools = []
    for i, tool in enumerate(table.get("tool", ()), 1):
        where = f"{place}, tool {i}"
        _known(tool, {"name": str, "input": dict}, where)
        if not tool.get("name"):
            raise _mistake(where, "a tool has a name")
        tools.append(Tool(tool["name"], tool.get("input", {})))
    if not tools and not table.get("text"):
        raise _mistake(place, "a step has a text or a tool")
    used = table.get("input_tokens"), table.get("output_tokens")
    return Step(table.get("text", ""), tuple(tools), float(table.get("delay", 0)), _trouble(table, place), *used)


def _trouble(table: Mapping[str, Any], place: str) -> Trouble | None:
    status, cut = table.get("status"), table.get("cut", False)
    if status is None and not cut:
        if "times" in table or "retry_after" in table:
            raise _mistake(place, "times and retry_after go with a status or a cut")
        return None
    if status is not None and (cut or not 400 <= status <= 599):
        raise _mistake(place, "status is from 400 to 599, and stands without cut")
    return Trouble(status or 0, table.get("times", 1), table.get("retry_after"))


def _known(table: Any, keys: Mapping[str, Any], place: str) -> None:
    if not isinstance(table, Mapping):
        raise _mistake(place, "a table is expected")
    for key, value in table.items():
        if key not in keys:
            raise _mistake(place, f"unknown key {key!r}; known are {', '.join(keys)}")
        if not isinstance(value, keys[key]) or isinstance(value, bool) != (keys[key] is bool):
            raise _mistake(place, f"{key} has a value of the wrong kind")


def _mistake(place: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"{place}: {what}.", cure="The format is described in workbench/sessions/scenario.py.")


def _facts(event: Event | None) -> dict[str, tuple[Any, ...]]:
    surfaced = event.surfaced if event else None
    in_app = [frame for frame in surfaced.frames if frame.in_app] if surfaced else []
    return {
        "exception_type": (surfaced.type,) if surfaced else (),
        "function": (in_app[-1].function, in_app[-1].plain_name) if in_app else (),
        "template": (event.template.name,) if event and event.template else (),
        "status": (event.status,) if event else (),
    }
