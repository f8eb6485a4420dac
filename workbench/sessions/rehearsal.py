"""The rehearsal model: a server on loopback that answers the real Claude Code as a model would, from a scenario.

It speaks the streaming Messages API and keeps no state between requests, but for how often a step has failed. Where a
session stands is read from the messages of each request, so that an interrupted session that is taken up again goes on
where it stopped.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from capture.event import Event
from workbench.sessions.brief import CONTINUE, ONLY_TESTS, OURS, PHASE_TWO
from workbench.sessions.scenario import Scenario, Step, Tool, Trouble

_ID = "toolu_rehearsal"
# What Claude Code itself writes into the conversation; not words of a person.
_NOT_A_PROMPT = ("<system-reminder>", "[Request interrupted", CONTINUE)
# What stands for the result of a call that was interrupted, or whose client was killed: it is made again.
# A person's no is not among these: it comes with other words.
_CUT_SHORT = (
    *("[Request interrupted", "[Tool call interrupted", "[Tool result missing"),
    "The user doesn't want to take this action right now. STOP",  # what it says where its decision never came
)
_CUT_AFTER = 3  # pieces of a stream
_ERRORS = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
_ERRORS |= {429: "rate_limit_error", 529: "overloaded_error"}
_CURE = "Those that come along are of the pet clinic of `workbench demo`; --rehearse FILE.toml plays one of yours."
_CHUNK = 200  # characters in one piece of a stream


@dataclass(frozen=True)
class Position:
    """Where a conversation stands: the prompt that is being answered, and the step that comes next."""

    turn: int
    step: int


def position(messages: Iterable[Mapping[str, Any]]) -> Position:
    """Return where the conversation of a request stands.

    Each call of a tool carries its place in its id, and comes back with the next request. A prompt of the workbench
    itself goes on in the same turn: at what was refused as too early where phase two begins, else after the reply
    that ended the turn.
    """
    turn, step, played, early = -1, 0, None, None
    ended_by_words = False
    for role, block in _blocks(messages):
        kind = block.get("type")
        words = str(block.get("text", "")) if kind == "text" else ""
        if role == "assistant":
            ended_by_words = kind != "tool_use"
        if role == "user" and words.startswith(OURS):
            if words.startswith(PHASE_TWO) and early is not None:
                step, early = early, None
            elif ended_by_words:
                step += 1
        elif role == "user" and words and not words.startswith(_NOT_A_PROMPT):
            turn, step, played, early = turn + 1, 0, None, None
        elif kind == "tool_use" and str(block.get("id")).startswith(_ID):
            played = int(str(block["id"]).removeprefix(_ID).split("_")[2])
            step = played  # until its result is there
        elif kind == "tool_result" and played is not None:
            said = json.dumps(block.get("content"))
            step = played if any(words in said for words in _CUT_SHORT) else played + 1
            early = played if ONLY_TESTS in said and early is None else early
    return Position(max(turn, 0), step)


def reply(scenario: Scenario, event: Event | None, request: Mapping[str, Any], names: Mapping[str, str]) -> Step:
    """Return the step that answers a request. `names` are the values of `${worktree}` and `${python}`."""
    if not request.get("tools"):
        return Step(text="Rehearsal")  # a side request, for a title, say
    script = scenario.script_for(event)
    if script is None:
        return Step(text=f"The rehearsal {scenario.name!r} has no script for this bug. Nothing was changed. {_CURE}")
    at = position(request.get("messages", ()))
    if at.turn >= len(script.turns):
        return Step(text=f"The rehearsal {scenario.name!r} has no answer to this message. Nothing was changed.")
    steps = script.turns[at.turn]
    # A scenario whose last step calls a tool ends with a word of ours.
    return _filled(steps[at.step], names) if at.step < len(steps) else Step(text="That is all.")


class RehearsalModel:
    """The server, running in a thread while the `with` block lasts."""

    def __init__(
        self,
        scenario: Scenario,
        event: Event | None,
        *,
        worktree: str,
        python: str,
        port: int = 0,
        key: str = "",
        is_event_known: bool = True,
    ) -> None:
        """Play `scenario` for a bug with this event; where it is not known yet, requests wait until `tell`."""
        self.scenario = scenario
        self.event = event
        self._known = threading.Event()
        if is_event_known:
            self._known.set()
        self.names = {"worktree": worktree, "python": python}
        self.key = key or secrets.token_hex(16)
        self.ended = threading.Event()
        self._failed: Counter[Position] = Counter()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.model = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="rehearsal", daemon=True)

    @property
    def environ(self) -> dict[str, str]:
        """What sends a client here."""
        return {
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self._server.server_port}",
            "ANTHROPIC_API_KEY": self.key,
            "NO_PROXY": "127.0.0.1",
        }

    def tell(self, event: Event | None) -> None:
        """Say what the bug's latest event is, so that its script is found."""
        self.event = event
        self._known.set()

    def reply(self, request: Mapping[str, Any]) -> Step:
        """Return the step that answers a request, once the event is known."""
        self._known.wait()
        return reply(self.scenario, self.event, request, self.names)

    def trouble(self, step: Step, at: Position) -> Trouble | None:
        """Return what happens in place of a reply this time, if anything does."""
        if step.trouble is None or 0 < step.trouble.times <= self._failed[at]:
            return None
        self._failed[at] += 1
        return step.trouble

    def __enter__(self) -> RehearsalModel:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._known.set()  # nobody waits for what will not come
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    """A server that its handlers find the model through."""

    model: RehearsalModel


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._json({})

    def do_GET(self) -> None:
        self._json({})

    def do_POST(self) -> None:
        model = self.server.model
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not secrets.compare_digest(self.headers.get("x-api-key", ""), model.key):
            return self._refuse(401, "authentication_error", "not you")
        if self.path.partition("?")[0] != "/v1/messages":
            return self._json({"input_tokens": len(body) // 4})
        try:
            request = json.loads(body)
            step = model.reply(request)
            at = position(request.get("messages", ()))
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            return self._refuse(400, "invalid_request_error", f"not a request: {type(error).__name__}")
        model.ended.wait(step.delay)
        trouble = model.trouble(step, at)
        if trouble is not None and trouble.status:
            kind = _ERRORS.get(trouble.status, "api_error")
            return self._refuse(trouble.status, kind, "rehearsed", trouble.retry_after)
        used = step.input_tokens if step.input_tokens is not None else len(body) // 4
        return self._stream(step, at, str(request.get("model", "rehearsal")), used, cut=trouble is not None)

    def _stream(self, step: Step, at: Position, name: str, input_tokens: int, *, cut: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        # A client that has hung up was interrupted, or is gone.
        with suppress(BrokenPipeError, ConnectionResetError):
            for number, (kind, data) in enumerate(frames(step, at, name, input_tokens)):
                if cut and number == _CUT_AFTER:
                    return
                line = json.dumps({"type": kind, **data})
                self.wfile.write(f"event: {kind}\ndata: {line}\n\n".encode())
                self.wfile.flush()

    def _refuse(self, status: int, kind: str, message: str, retry_after: int | None = None) -> None:
        self._json({"type": "error", "error": {"type": kind, "message": message}}, status, retry_after)

    def _json(self, answer: dict[str, Any], status: int = 200, retry_after: int | None = None) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        if retry_after is not None:
            self.send_header("retry-after", str(retry_after))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: what the client does is in the transcript."""


def frames(step: Step, at: Position, model: str, input_tokens: int) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield a step as the events of a stream, with the usage that the client computes the cost from."""
    message: dict[str, Any] = {
        "id": f"msg_rehearsal_{at.turn}_{at.step}_{time.monotonic_ns():x}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": input_tokens, "output_tokens": 1},
    }
    yield "message_start", {"message": message}
    index, written = 0, 0
    if step.text:
        yield from _block(index, {"type": "text", "text": ""}, "text_delta", "text", step.text)
        index, written = index + 1, len(step.text)
    for i, tool in enumerate(step.tools):
        block = {
            "type": "tool_use",
            "id": f"{_ID}_{at.turn}_{at.step}_{i}_{secrets.token_hex(4)}",
            "name": tool.name,
            "input": {},
        }
        given = json.dumps(tool.input)
        yield from _block(index, block, "input_json_delta", "partial_json", given)
        index, written = index + 1, written + len(given)
    reason = "tool_use" if step.tools else "end_turn"
    usage = {"output_tokens": max(written // 4, 1) if step.output_tokens is None else step.output_tokens}
    yield "message_delta", {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}
    yield "message_stop", {}


def _block(
    index: int, start: dict[str, Any], kind: str, key: str, content: str
) -> Iterable[tuple[str, dict[str, Any]]]:
    yield "content_block_start", {"index": index, "content_block": start}
    for begin in range(0, len(content), _CHUNK):
        yield "content_block_delta", {"index": index, "delta": {"type": kind, key: content[begin : begin + _CHUNK]}}
    yield "content_block_stop", {"index": index}


def _blocks(messages: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for message in messages:
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            yield str(message["role"]), block


def _filled(step: Step, names: Mapping[str, str]) -> Step:
    tools = tuple(Tool(tool.name, _fill(tool.input, names)) for tool in step.tools)
    return replace(step, text=_fill(step.text, names), tools=tools)


def _fill(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, replacement in names.items():
            value = value.replace(f"${{{name}}}", replacement)
        return value
    if isinstance(value, dict):
        return {key: _fill(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, names) for each in value]
    return value
