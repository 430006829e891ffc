"""The content id of a dialogue: a hash of its messages and offered tools, the same for rollouts that say the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from engine.exporting.json import dumps
from engine.types import RecordTool, RecordTurn, Turn

_TOOLS_KNOWN, _SETS_KNOWN = 1_024, 1_024


class OfferedTools(NamedTuple):
    """The tools of one dialogue: `digest` (hex) of names, descriptions and parameters, and `text`, the list of nested
    OpenAI schemas as one JSON string."""

    digest: str
    text: str


def offered_tools(tools: Sequence[RecordTool]) -> OfferedTools:
    """Return digest and JSON text of a record's tools; cached, since the records of a set share their tools."""
    return _offered_forms(tuple(tools))


@lru_cache(_SETS_KNOWN)
def _offered_forms(tools: tuple[RecordTool, ...]) -> OfferedTools:
    forms = [_tool_forms(tool) for tool in tools]
    seen = b",".join([seen for seen, _ in forms])
    text = ",".join([text for _, text in forms])
    return OfferedTools(hashlib.sha256(b"[" + seen + b"]").hexdigest(), f"[{text}]")


@lru_cache(_TOOLS_KNOWN)
def _tool_forms(tool: RecordTool) -> tuple[bytes, str]:
    """Return (the bytes of a tool that the digest hashes, its nested schema as JSON text); cached likewise."""
    return _canonical_bytes((tool.name, tool.description, tool.parameters)), dumps(tool_schemas([tool])[0])


def tool_schemas(tools: Sequence[RecordTool]) -> list[dict[str, Any]]:
    """Return the tools as OpenAI schemas: {"type": "function", "function": {...}}."""
    functions = [{"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in tools]
    return [{"type": "function", "function": function} for function in functions]


def content_id(turns: Sequence[Turn | RecordTurn], tools: Sequence[RecordTool]) -> str:
    """Return 16 hex digits: the hash of the messages and tools that a model would see.

    Call ids count by position only; masks, faults and corrected originals do not count. Arguments compare as JSON
    objects, in any key order.
    """
    return content_id_of(turns, offered_tools(tools))


def content_id_of(turns: Sequence[Turn | RecordTurn], tools: OfferedTools) -> str:
    """Return the `content_id` of turns with tools from `offered_tools`."""
    number: dict[str, int] = {}
    seen: list[Any] = []
    for turn in turns:
        calls, answered = turn.tool_calls, turn.tool_call_id
        if calls:
            described = [(number.setdefault(c.id, len(number)), c.name, c.arguments, c.raw) for c in calls]
            seen.append((turn.role, turn.content, turn.reasoning, described))
        elif answered is not None:
            seen.append((turn.role, turn.content, number.get(answered), turn.name))
        else:
            seen.append((turn.role, turn.content, turn.reasoning))
    return hashlib.sha256(_canonical_bytes((seen, tools.digest))).hexdigest()[:16]


def _canonical_bytes(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # integers beyond 64 bits, which JSON allows
        return repr(_with_sorted_keys(value)).encode("utf-8", "backslashreplace")


def _with_sorted_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_sorted_keys(value[key]) for key in sorted(value)}
    return [_with_sorted_keys(item) for item in value] if isinstance(value, list | tuple) else value
