"""Anthropic's Messages: dialogues to replay or to judge with its models.

One object per line: `system` and `tools` where there are any, and `messages`, in which user and assistant alternate.
Calls are `tool_use` blocks with their input as an object; the results of a turn open the next message of the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.exporting.dialogue import Turns
from engine.exporting.draft import draft
from engine.exporting.reshape import with_ids, with_safe_names
from engine.types import Converted, Options, Record, RecordTool, RecordTurn

__all__ = ["AnthropicMessages"]


class Config(Options):
    """Anthropic's messages have one form."""


class AnthropicMessages:
    """Writes Messages; a row ends before the first masked answer, since no block can say that it is masked."""

    suffix = ".jsonl"
    never_carried = (
        "id", "group_id", "reward", "metadata", "tool.name", "task", "proof", "diff", "calls", "execution", "remarks",
        "tools.effect",
    )  # fmt: skip

    def __init__(self, config: Config) -> None:
        pass

    def convert(self, record: Record) -> Converted:
        """Return the one row of a trajectory, or the reason why there is none."""
        made = draft(record, cut=True, asked=True)
        if isinstance(made, str):
            return Converted(dropped=made)
        if _has_empty_message(made.spoken):
            return Converted(dropped="empty_message")
        made.lose("original", "reasoning")
        if made.found & {"merged", "repeated"}:
            made.changed.append("turns_merged")
        safe, tools, renamed = with_safe_names(with_ids(made.spoken, "safe"), record.tools)
        if renamed:
            made.changed.append("tools_renamed")
        row: dict[str, Any] = {"messages": _messages(safe)}
        if made.turns[0].role == "system" and made.turns[0].content:
            row["system"] = made.turns[0].content
        if tools:
            row["tools"] = [_tool(tool) for tool in tools]
        return made.finished([row])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}


def _has_empty_message(spoken: Turns) -> bool:
    """Return whether a message says nothing: Anthropic refuses a text block without text."""
    return any(turn.role != "tool" and not (turn.content.strip() or turn.tool_calls) for turn in spoken)


def _messages(turns: Turns) -> list[dict[str, Any]]:
    """Return the turns as messages; neighbours of one side are joined into one."""
    found: list[dict[str, Any]] = []
    for turn in turns:
        role = "assistant" if turn.role == "assistant" else "user"
        if not found or found[-1]["role"] != role:
            found.append({"role": role, "content": []})
        found[-1]["content"] += _blocks(turn)
    return found


def _blocks(turn: RecordTurn) -> list[dict[str, Any]]:
    if turn.role == "tool":
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": turn.tool_call_id, "content": turn.content}
        return [block | {"is_error": True} if turn.fault is not None else block]
    text = [{"type": "text", "text": turn.content}] if turn.content.strip() else []
    return text + [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in turn.tool_calls
    ]


def _tool(tool: RecordTool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
