"""Convert turns and tools to messages of the OpenAI chat protocol, and a reply of that protocol to a Turn.

A reply without choices is a ModelError `malformed`, one with neither text nor call `empty`. Tool arguments that are no
JSON object are no error: the call keeps the model's text in `raw` and has no arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from engine.errors import ModelError
from engine.llms._text_calls import find_calls
from engine.reading.json_value import loads, whole
from engine.types import Tool, ToolCall, Turn

_THOUGHT = re.compile(r"\s*<think(?:ing)?>(.*?)</think(?:ing)?>\s*", re.DOTALL)
_MOST_STARTS = 200


@dataclass(frozen=True)
class Usage:
    """Tokens and dollars of one reply, None where the server does not state them (OpenRouter and the litellm plug-in
    state the cost)."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True)
class Reply:
    """One parsed reply; `text_calls` counts calls found in the text."""

    turn: Turn
    finish: str | None
    text_calls: int
    usage: Usage


def to_messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return the turns as wire messages, without reasoning, which servers refuse or ignore."""
    return [_message(turn) for turn in turns]


def _message(turn: Turn) -> dict[str, Any]:
    if turn.role == "tool":
        found = {"role": "tool", "tool_call_id": turn.tool_call_id or "", "content": turn.content}
        return found | {"name": turn.name} if turn.name else found
    if not turn.tool_calls:
        return {"role": turn.role, "content": turn.content}
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": _arguments_json(call.arguments)},
        }
        for call in turn.tool_calls
    ]
    return {"role": "assistant", "content": turn.content or None, "tool_calls": calls}


def _arguments_json(arguments: Mapping[str, Any]) -> str:
    """Return arguments as JSON text: {} for a call with broken ones, since servers refuse to render broken JSON."""
    try:
        return orjson.dumps(arguments).decode()
    except TypeError:
        return json.dumps(arguments, ensure_ascii=False)


def to_tools(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Return the tools in the nested OpenAI form."""
    return [tool.schema_for_model() for tool in tools]


def parse_reply(body: Any, turns: Sequence[Turn], tools: Sequence[Tool]) -> Reply:
    """Return the assistant turn in a chat completion body. Raises ModelError (`malformed`, `empty`)."""
    choice, message = _choice(body)
    finish = choice.get("finish_reason")
    text, reasoning = _texts(message)
    calls = [_tool_call(entry) for entry in message.get("tool_calls") or () if isinstance(entry, dict)]
    found = 0
    if not calls and tools and text:
        text, written = find_calls(text, {tool.name for tool in tools})
        calls, found = written, len(written)
    if not calls and not text.strip():
        refusal = message.get("refusal")
        if not isinstance(refusal, str) or not refusal:
            raise ModelError("empty", _empty_reason(finish))
        text, finish = refusal, "refusal"
    turn = Turn(
        role="assistant",
        content=text.strip(),
        reasoning=reasoning or None,
        tool_calls=_with_unique_ids(calls, turns),
    )
    return Reply(turn, finish, found, usage_of(body))


def usage_of(body: Any) -> Usage:
    """Return the usage in a reply body, also in one that `parse_reply` refuses."""
    usage = body.get("usage") if isinstance(body, dict) else None
    usage = usage if isinstance(usage, dict) else {}
    cost = usage.get("cost")
    return Usage(
        _token_count(usage, "prompt_tokens"),
        _token_count(usage, "completion_tokens"),
        float(cost) if isinstance(cost, int | float) else None,
    )


def _choice(body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        choice = body["choices"][0]
        message = choice["message"]
        if not isinstance(message, dict):
            raise TypeError
    except (KeyError, IndexError, TypeError):
        raise ModelError(
            "malformed",
            "The server's JSON is no chat completion (no choices[0].message). "
            "Check that api_base points at an OpenAI-compatible server.",
        ) from None
    return choice, message


def _empty_reason(finish: Any) -> str:
    if finish == "length":
        return "The model used up max_tokens before it wrote an answer. Raise sampling.max_tokens."
    return f"The model answered with neither text nor a tool call (finish reason {finish or 'unknown'})."


def _texts(message: Mapping[str, Any]) -> tuple[str, str]:
    """Return (text, reasoning); reasoning comes from its own field or from a leading <think> block."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
    text = content if isinstance(content, str) else ""
    thought = message.get("reasoning_content") or message.get("reasoning")
    reasoning = thought if isinstance(thought, str) else ""
    if "<think" in text and (block := _THOUGHT.match(text)):
        reasoning = reasoning or block.group(1).strip()
        text = text[block.end() :]
    return text, reasoning


def _tool_call(entry: Mapping[str, Any]) -> ToolCall:
    function = entry.get("function")
    function = function if isinstance(function, dict) else {}
    given = function.get("arguments")
    identity, name = str(entry.get("id") or ""), str(function.get("name") or "")
    if given is None or given == "":
        return ToolCall(id=identity, name=name)
    if isinstance(given, dict):
        return ToolCall(id=identity, name=name, arguments=given)
    try:
        parsed = loads(given) if isinstance(given, str) else given
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        return ToolCall(id=identity, name=name, arguments=parsed)
    return ToolCall(id=identity, name=name, raw=given if isinstance(given, str) else json.dumps(given))


def _with_unique_ids(calls: Sequence[ToolCall], turns: Sequence[Turn]) -> tuple[ToolCall, ...]:
    """Return the calls, with a new id for each that has none or one that the dialogue already uses."""
    if not calls:
        return ()
    used = {call.id for turn in turns for call in turn.tool_calls}
    named: list[ToolCall] = []
    for call in calls:
        if not call.id or call.id in used:
            call = call.model_copy(update={"id": _unused_call_id(used)})
        used.add(call.id)
        named.append(call)
    return tuple(named)


def _unused_call_id(used: Collection[str]) -> str:
    number = len(used)
    while f"call_{number}" in used:
        number += 1
    return f"call_{number}"


def _token_count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and value >= 0 else None


def json_object(text: str) -> dict[str, Any] | None:
    """Return the first JSON object in a text (bare, fenced or amid prose), or None when there is none."""
    decoder = json.JSONDecoder(parse_int=whole)
    start = text.find("{")
    for _ in range(_MOST_STARTS):
        if start < 0:
            break
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        start = text.find("{", start + 1)
    return None
