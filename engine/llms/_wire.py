"""Convert turns and tools to messages of the OpenAI chat protocol, and a reply of that protocol to a Turn.

A reply without choices is a ModelError `malformed`, one with neither text nor call `empty`. Tool arguments that are no
JSON object, and cannot be repaired for sure, are no error: the call keeps the model's text in `raw` and has no
arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import orjson

from engine.errors import ModelError
from engine.hygiene.thoughts import Thoughts, joined_thoughts, split
from engine.llms._calls.arguments import object_in, repaired, too_deep
from engine.llms._calls.names import offered_name
from engine.llms._provider_state import id_alone, state_of
from engine.llms._text_calls import find_calls
from engine.llms._tokens import tokens_of
from engine.reading.json_value import loads, text_without_surrogates, whole, without_surrogates
from engine.types import Tool, ToolCall, Turn

_THOUGHT = re.compile(r"\s*<think(?:ing)?>(.*?)</think(?:ing)?>\s*", re.DOTALL)
_MOST_STARTS = 200
_TOO_DEEP = "(arguments that are nested too deeply)"
"""Stands for arguments that no file could hold."""


@dataclass(frozen=True)
class Usage:
    """Tokens and dollars of one reply, None where the server does not state them (OpenRouter and the litellm plug-in
    state the cost)."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True)
class Reply:
    """One parsed reply; `text_calls` counts calls found in the text, `repaired_calls` those whose broken JSON was
    repaired; `raw`, `state` and `tokens` are as in Completion."""

    turn: Turn
    finish: str | None
    text_calls: int
    usage: Usage
    repaired_calls: int = 0
    raw: str | None = None
    state: dict[str, Any] | None = None
    tokens: dict[str, Any] | None = None


def to_messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return the turns as wire messages, without reasoning: what goes back of it is _provider_state.py's."""
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
    """Return the assistant turn in a chat completion body. Raises ModelError (`malformed`, `empty`).

    Thoughts that stand in the text in a known form become the turn's reasoning. A reply that is nothing but a
    thought gives a turn without text, which the rollout refuses by name.
    """
    choice, message = _choice(body)
    finish = choice.get("finish_reason")
    cut = finish == "length"
    written = _content(message)
    text, stated = _texts(written, message)
    entries = _entries(message)
    native = [_native_call(entry, tools, cut=cut) for entry in entries]
    calls, repairs, found = [one.call for one in native], sum(one.repaired for one in native), 0
    if not calls and tools and text:
        text, calls, repairs = find_calls(text, {tool.name: tool for tool in tools}, cut=cut)
        found = len(calls)
    # after the calls, whose readers know thoughts themselves: cut out before, one could take a call's marks along
    thoughts = Thoughts(text) if _is_one_object(text) else split(text)
    text, thought = thoughts.text, thoughts.reasoning
    reasoning = joined_thoughts(stated, thought if thought != stated else None)  # a server may give it twice
    changed = found > 0 or text is not written or any(one.changed for one in native)
    raw = _raw(written, native, message) if changed else None
    # a text that was nothing but a thought is the rollout's business, unless its model had no room for the answer
    if not calls and not text.strip() and (cut or not written.strip()):
        refusal = message.get("refusal")
        if not isinstance(refusal, str) or not refusal:
            raise ModelError("empty", _empty_reason(finish))
        text, finish = text_without_surrogates(refusal), "refusal"
    turn = Turn(
        role="assistant",
        content=text.strip(),
        reasoning=reasoning,
        tool_calls=_with_unique_ids(calls, turns),
    )
    return Reply(turn, finish, found, usage_of(body), repairs, raw, state_of(message, entries), tokens_of(body, choice))


def only_first_call(reply: Reply, body: Any) -> Reply:
    """Return a parsed reply without the calls behind its first one; `raw` then shows all of them."""
    if len(reply.turn.tool_calls) <= 1:
        return reply
    _, message = _choice(body)
    raw = _raw_calls(_content(message), message) if reply.raw is None else reply.raw
    turn = reply.turn.model_copy(update={"tool_calls": reply.turn.tool_calls[:1]})
    return replace(reply, turn=turn, raw=raw)


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


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = _text_of_parts(content)
    return text_without_surrogates(content) if isinstance(content, str) else ""


def _text_of_parts(parts: Sequence[Any]) -> str:
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _thoughts_of_parts(message: Mapping[str, Any]) -> str:
    """Return the thoughts in a content that is a list of parts, as Mistral gives them; "" where there are none."""
    content = message.get("content")
    inner = [part.get("thinking") for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    texts = [_text_of_parts(one) if isinstance(one, list) else str(one) for one in inner if one]
    return joined_thoughts(*texts) or ""


def _texts(text: str, message: Mapping[str, Any]) -> tuple[str, str]:
    """Return (text, reasoning); reasoning comes from its own field, from parts of the content or from a leading
    <think> block."""
    thought = message.get("reasoning_content") or message.get("reasoning") or _thoughts_of_parts(message)
    reasoning = text_without_surrogates(thought) if isinstance(thought, str) else ""
    if "<think" in text and (block := _THOUGHT.match(text)):
        reasoning = reasoning or block.group(1).strip()
        text = text[block.end() :]
    return text, reasoning


def _is_one_object(text: str) -> bool:
    """Return whether a text looks like one JSON object, whose keys may be those that were asked for."""
    bare = text.strip()
    return bare.startswith("{") and bare.endswith("}")


class _Native(NamedTuple):
    """A call of the protocol. `changed`: its name or arguments are not as the server wrote them; `repaired`: its JSON
    was broken."""

    call: ToolCall
    changed: bool = False
    repaired: bool = False


def _entries(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the calls of a message as the server gave them: a list, one object, objects by number, or the
    `function_call` of the older protocol."""
    given = message.get("tool_calls")
    if isinstance(given, dict):
        given = [given] if "function" in given or "name" in given else list(given.values())
    if not given and isinstance(message.get("function_call"), dict):
        given = [{"function": message["function_call"]}]
    return [entry for entry in given if isinstance(entry, dict)] if isinstance(given, list | tuple) else []


def _native_call(entry: Mapping[str, Any], tools: Sequence[Tool], *, cut: bool) -> _Native:
    """Return the call of an entry. In a reply that was cut, broken arguments may be half a value and stay broken."""
    raw_name, given = _as_written(entry)
    identity, written = (
        text_without_surrogates(id_alone(str(entry.get("id") or ""))),
        text_without_surrogates(str(raw_name or "")),
    )
    name, tool = _tool_of_name(written, tools)
    usual = _usual_arguments(given)
    arguments = object_in(given) if usual is None else usual
    if arguments is not None and not too_deep(arguments):
        return _Native(ToolCall(id=identity, name=name, arguments=arguments), usual is None or name != written)
    text = text_without_surrogates(given if isinstance(given, str) else json.dumps(given))
    repair = None if cut else repaired(text, tool)
    if repair is not None:
        return _Native(ToolCall(id=identity, name=name, arguments=repair), changed=True, repaired=True)
    return _Native(ToolCall(id=identity, name=name, raw=text), changed=name != written)


def _as_written(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return name and arguments of an entry, whose function may be the entry itself."""
    function = entry.get("function")
    function = function if isinstance(function, dict) else entry
    given = function.get("arguments")
    return function.get("name"), given if isinstance(given, str) or not too_deep(given) else _TOO_DEEP


def _tool_of_name(written: str, tools: Sequence[Tool]) -> tuple[str, Tool | None]:
    """Return (the name of the offered tool that a written name means, the tool); (the written name, None) when it means
    none."""
    for tool in tools:
        if tool.name == written:
            return written, tool
    offered = {tool.name: tool for tool in tools}
    name = offered_name(written, offered)
    return (written, None) if name is None else (name, offered[name])


def _usual_arguments(given: Any) -> dict[str, Any] | None:
    """Return arguments that are written as the protocol says, None for any others."""
    if given is None or given == "":
        return {}
    try:
        value = loads(given) if isinstance(given, str) else without_surrogates(given)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _raw(text: str, native: Sequence[_Native], message: Mapping[str, Any]) -> str:
    """Return a reply as the server gave it: its text, with its calls of the protocol where any of them was changed."""
    return _raw_calls(text, message) if any(one.changed for one in native) else text


def _raw_calls(text: str, message: Mapping[str, Any]) -> str:
    """Return text and calls of a message as JSON."""
    # only these two fields, because a server may put its own secret state into the others
    written = [_as_written(entry) for entry in _entries(message)]
    calls = [{"name": without_surrogates(name), "arguments": without_surrogates(given)} for name, given in written]
    return json.dumps({"content": text, "tool_calls": calls}, ensure_ascii=False)


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
    """Return an id of nine letters and digits, which is what Mistral's servers ask for and all others take."""
    number = len(used)
    while (id := f"call{number:05d}") in used:
        number += 1
    return id


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
