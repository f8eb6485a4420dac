"""The door to the agent: one Claude Code, driven through claude-agent-sdk, its messages as plain data of ours."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import claude_agent_sdk as sdk

from workbench.sessions import prices
from workbench.sessions.commands import Decision
from workbench.sessions.guard import TOOLS
from workbench.sessions.options import AgentOptions
from workbench.sessions.said import Ask, Entry, Reply, Said, Started, TurnEnded, Waiting, entries, tokens, until

LONGEST_LINE = 32 * 2**20  # bytes of one message; the SDK's own default of 1 MiB ends a session
HOOK_SECONDS = 3600.0  # for one decision, which may have to wait for a run of tests
STOP_SECONDS = 10.0  # until an interrupt that is not obeyed is followed by the end of the process
UNASKED = "This would need a person's yes, and nobody is asked in this session: do without it."
TAKEN_IN_SECONDS = 20.0  # for what a tool is called with to become a row, before it may run without one


class AgentFailed(Exception):
    """Claude Code did not start, or ended in the middle."""


Decides = Callable[[str, Mapping[str, Any], str | None], Awaitable[Decision]]
Asks = Callable[[Ask], Awaitable[tuple[bool, str]]]


class Agent:
    """A running Claude Code, while the `async with` block lasts.

    It may be started, and given its first prompt, before anybody attends to it: no tool runs until somebody does, and
    what it says is kept until somebody listens. Its conversation is mirrored to a session store if there is to be one.
    """

    def __init__(
        self,
        options: AgentOptions,
        *,
        decide: Decides | None = None,
        ask: Asks | None = None,
        mirrored: bool = False,
    ) -> None:
        self.options = options
        self.store: Any = None
        self._decide = decide
        self._ask = ask
        self._decisions: dict[str, Decision] = {}
        self._errors: list[str] = []
        self._unanswered: set[str] = set()
        self._calls: dict[str, asyncio.Event] | None = None  # calls of tools, and whether they were taken in
        self._client = sdk.ClaudeSDKClient(self._sdk_options(options, _Mirror(self) if mirrored else None))
        self._starting: asyncio.Task[None] | None = None
        self.attended = asyncio.Event()
        if decide is not None:
            self.attended.set()

    def attend(self, *, decide: Decides, ask: Asks, store: Any = None) -> None:
        """Decide on its tools, answer its questions and keep its conversation from now on."""
        self._decide, self._ask, self.store = decide, ask, store
        self.attended.set()

    def start(self, prompt: str = "") -> None:
        """Start the client in the event loop that is running; entering the block waits until it has its prompt."""
        self._starting = asyncio.ensure_future(self._start(prompt))

    async def __aenter__(self) -> Agent:
        if self._starting is None:
            self.start()
        assert self._starting is not None
        await self._starting
        return self

    async def _start(self, prompt: str) -> None:
        try:
            await self._client.connect()
        except sdk.ClaudeSDKError as error:
            raise self._failed(error) from error
        if prompt:
            await self.prompt(prompt)

    async def __aexit__(self, *_: object) -> None:
        self.attended.set()  # nobody will
        # A client that does not end by itself is ended by the SDK within seconds; this is for the day it is not.
        with suppress(TimeoutError, sdk.ClaudeSDKError):
            await asyncio.wait_for(self._client.disconnect(), STOP_SECONDS * 2)

    async def prompt(self, text: str) -> None:
        """Give the agent a prompt, or a message while it works."""
        sent = str(uuid.uuid4())
        self._unanswered.add(sent)
        try:
            await self._client.query(_messages(sent, text))
        except sdk.ClaudeSDKError as error:
            raise self._failed(error) from error

    async def interrupt(self) -> None:
        """Ask the agent to end its turn now. What does not answer in time is left to the end of the process."""
        with suppress(TimeoutError, sdk.ClaudeSDKError):
            await asyncio.wait_for(self._client.interrupt(), STOP_SECONDS)

    async def said(self) -> AsyncIterator[Said]:
        """Yield what the agent says and does. Raises `AgentFailed` when it ends without a word.

        A tool runs only when its call was taken in: when the next word was asked for.
        """
        self._calls = {}
        try:
            async for message in self._client.receive_messages():
                more = isinstance(message, sdk.ResultMessage) and self._left(message)
                for said in read(message):
                    yield replace(said, more=more) if isinstance(said, TurnEnded) else said
                    if isinstance(said, Entry) and said.kind == "tool_use":
                        self._call(str(said.body["id"])).set()
        except (sdk.ClaudeSDKError, ValueError) as error:
            raise self._failed(error) from error

    def _sdk_options(self, options: AgentOptions, store: Any) -> sdk.ClaudeAgentOptions:
        return sdk.ClaudeAgentOptions(
            cli_path=options.program,
            cwd=options.worktree,
            session_id=None if options.resume else options.session_id,
            # Not by the SDK's own way to resume: with a store, that would put the client's home in a temporary folder.
            extra_args={"resume": options.session_id} if options.resume else {},
            session_store=store,
            session_store_flush="eager",
            system_prompt={"type": "preset", "preset": "claude_code", "append": options.rules},
            setting_sources=["user"] if options.own_settings else [],
            settings=json.dumps(options.settings()),
            strict_mcp_config=True,
            mcp_servers={},
            tools=list(TOOLS),
            permission_mode=options.permission_mode,
            can_use_tool=self._can_use,
            hooks={
                "PreToolUse": [sdk.HookMatcher(hooks=[self._before_tool], timeout=HOOK_SECONDS, on_failure="block")]
            },
            model=options.model or None,
            max_turns=options.max_turns,
            max_budget_usd=options.max_cost_usd,
            max_buffer_size=LONGEST_LINE,
            verbatim_prompts=True,
            env=dict(options.environ),
            stderr=self._errors.append,
            client_app="bug-workbench",
        )

    async def _before_tool(self, given: Any, tool_use_id: str | None, _context: Any) -> Any:
        await self.attended.wait()
        assert self._decide is not None
        decision = await self._decide(given["tool_name"], given["tool_input"], given.get("cwd"))
        if tool_use_id and self._calls is not None and decision.verdict != "deny":
            with suppress(TimeoutError):
                await asyncio.wait_for(self._call(tool_use_id).wait(), TAKEN_IN_SECONDS)
        if decision.verdict == "ask" and self.options.permission_mode == "dontAsk":
            decision = replace(decision, verdict="deny", reason=f"{decision.reason}. {UNASKED}")
        if tool_use_id:
            self._decisions[tool_use_id] = decision
        return {
            "hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": decision.verdict,
                "permissionDecisionReason": decision.reason,
            }
        }

    async def _can_use(
        self, tool: str, given: dict[str, Any], context: sdk.ToolPermissionContext
    ) -> sdk.PermissionResultAllow | sdk.PermissionResultDeny:
        if self.options.permission_mode == "dontAsk":
            return sdk.PermissionResultDeny(message=UNASKED)
        known = self._decisions.get(context.tool_use_id or "", Decision("ask"))
        reason = known.reason or context.decision_reason or "Claude Code asks"
        title = context.title or f"{tool}: {given.get('description') or context.description or 'may it run?'}"
        assert self._ask is not None, "the hook has waited for it"
        allowed, note = await self._ask(Ask(tool, given, title, reason, known.shared))
        if allowed:
            return sdk.PermissionResultAllow(updated_input=given)
        return sdk.PermissionResultDeny(message=note or "A person refused this.")

    def _call(self, tool_use_id: str) -> asyncio.Event:
        assert self._calls is not None
        return self._calls.setdefault(tool_use_id, asyncio.Event())

    def _left(self, ended: sdk.ResultMessage) -> bool:
        """Say whether prompts are left that no turn has taken in."""
        taken = ended.user_message_uuids
        self._unanswered = self._unanswered - set(taken) if taken is not None else set()
        return bool(self._unanswered)

    def _failed(self, error: Exception) -> AgentFailed:
        said = " ".join(self._errors[-5:]).strip()
        return AgentFailed(f"{said or error}"[:1000])


class _Mirror:
    """The session store of a client that is started before its runner has one."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def append(self, key: Any, entries: list[Any]) -> None:
        """Keep lines of the conversation."""
        await self._agent.attended.wait()
        if self._agent.store is not None:
            await self._agent.store.append(key, entries)

    async def load(self, key: Any) -> list[Any] | None:
        """Return the lines of a conversation."""
        found: list[Any] | None = await self._agent.store.load(key)
        return found


async def _messages(sent: str, text: str) -> AsyncIterator[dict[str, Any]]:
    yield {
        "type": "user",
        "uuid": sent,
        "message": {"role": "user", "content": text},
        "parent_tool_use_id": None,
    }


def read(message: Any) -> list[Said]:
    """Return what a message of the SDK means to us."""
    match message:
        case sdk.SystemMessage():
            return _system(message.subtype, message.data)
        case sdk.AssistantMessage():
            reply = None
            if message.parent_tool_use_id is None and message.message_id:
                cost = prices.estimate(message.model or "", message.usage)
                reply = Reply(message.message_id, tokens(message.usage), cost)
            told = list(entries(message.uuid or "", [_plain(block) for block in message.content], reply))
            return [*told] if told or reply is None else [reply]
        case sdk.UserMessage() if isinstance(message.content, list):
            results = [_plain(block) for block in message.content if isinstance(block, sdk.ToolResultBlock)]
            return [*entries(message.uuid or "", results)]
        case sdk.RateLimitEvent() if message.rate_limit_info.status == "rejected":
            limit = message.rate_limit_info
            return [Waiting(f"{until(limit.resets_at)}the limit {limit.rate_limit_type or 'of the API'} is reached")]
        case sdk.ResultMessage():
            return [_ended(message)]
    return []


def _system(subtype: str, data: Mapping[str, Any]) -> list[Said]:
    if subtype == "init":
        return [Started(str(data.get("model", "")), str(data.get("claude_code_version", "")))]
    if subtype == "api_retry":
        why = data.get("error") or data.get("error_status") or "an error"
        told = f"the API answered with {why}; try {data.get('attempt')} of {data.get('max_retries')}"
        delay = data.get("retry_delay_ms")
        return [Waiting(told + (f" in {delay / 1000:.0f} s" if isinstance(delay, int | float) else ""))]
    return []


def _plain(block: Any) -> dict[str, Any]:
    """Return a block of a message as the API says it."""
    match block:
        case sdk.TextBlock():
            return {"type": "text", "text": block.text}
        case sdk.ThinkingBlock():
            return {"type": "thinking", "thinking": block.thinking}
        case sdk.ToolUseBlock():
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}
        case sdk.ToolResultBlock():
            told = {"tool_use_id": block.tool_use_id, "content": block.content, "is_error": block.is_error}
            return {"type": "tool_result"} | told
    return {}


def _ended(message: sdk.ResultMessage) -> TurnEnded:
    ok = message.subtype == "success" and not message.is_error
    interrupted = (message.terminal_reason or "").startswith("aborted")
    reasons = {
        "error_max_turns": "the cap on turns is reached",
        "error_max_budget_usd": "the cap on cost is reached",
    }
    # The client's own diagnostics are for those who make it.
    errors = [error for error in message.errors or () if not error.lstrip().startswith("[")]
    said = message.result or "; ".join(errors) or message.terminal_reason or message.subtype
    reason = "interrupted" if interrupted else reasons.get(message.subtype, said)
    return TurnEnded(ok, interrupted, reason, message.total_cost_usd, message.num_turns)
