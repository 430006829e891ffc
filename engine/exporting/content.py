"""What a model would see of a record: its messages and tools, named by a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from engine.exporting.json import dumps
from engine.types import RecordTool, RecordTurn, Turn

_TOOLS_KNOWN, _SETS_KNOWN = 1_024, 1_024


class Offered(NamedTuple):
    """The tools that a dialogue offers: the digest of what a model sees, and the nested form as ONE JSON string."""

    digest: str
    text: str


def offered(tools: Sequence[RecordTool]) -> Offered:
    """Return what is told of the tools of a record."""
    return _offered(tuple(tools))


@lru_cache(_SETS_KNOWN)
def _offered(tools: tuple[RecordTool, ...]) -> Offered:
    told = [_told(tool) for tool in tools]
    seen = b",".join([seen for seen, _ in told])
    text = ",".join([text for _, text in told])
    return Offered(hashlib.sha256(b"[" + seen + b"]").hexdigest(), f"[{text}]")


@lru_cache(_TOOLS_KNOWN)
def _told(tool: RecordTool) -> tuple[bytes, str]:
    """Return what a model sees of a tool, and its nested form; remembered, as records share their tools."""
    return _bytes((tool.name, tool.description, tool.parameters)), dumps(tool_schemas([tool])[0])


def tool_schemas(tools: Sequence[RecordTool]) -> list[dict[str, Any]]:
    """Return the offered tools in the nested form."""
    told = [{"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in tools]
    return [{"type": "function", "function": function} for function in told]


def content_id(turns: Sequence[Turn | RecordTurn], tools: Sequence[RecordTool]) -> str:
    """Return 16 hex digits that name what a model would see: messages and tools.

    Ids of calls count by position only, and masks, faults and what a correction replaced not at all, so two rollouts
    that say the same are equal whatever their ids. Arguments compare as JSON objects, in any key order.
    """
    return named(turns, offered(tools))


def named(turns: Sequence[Turn | RecordTurn], tools: Offered) -> str:
    """Return the `content_id` of turns whose tools are told already."""
    number: dict[str, int] = {}
    seen: list[Any] = []
    for turn in turns:
        calls, answered = turn.tool_calls, turn.tool_call_id
        if calls:
            told = [(number.setdefault(c.id, len(number)), c.name, c.arguments, c.raw) for c in calls]
            seen.append((turn.role, turn.content, turn.reasoning, told))
        elif answered is not None:
            seen.append((turn.role, turn.content, number.get(answered), turn.name))
        else:
            seen.append((turn.role, turn.content, turn.reasoning))
    return hashlib.sha256(_bytes((seen, tools.digest))).hexdigest()[:16]


def _bytes(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # integers beyond 64 bits, which JSON allows
        return repr(_sorted(value)).encode("utf-8", "backslashreplace")


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value
