"""The calls in the messages that serve a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine import plugins
from engine.types import Span, ToolCall, Trajectory, Turn


def calls(trajectory: Trajectory, span: Span) -> Iterator[tuple[int, ToolCall, Turn | None]]:
    """Yield (turn index, call, its result) of a span's calls; the result is None where none was recorded."""
    for index in range(*span):
        answers: dict[str | None, Turn] = {}
        for turn in trajectory.turns[index + 1 :]:
            if turn.role != "tool":
                break
            answers.setdefault(turn.tool_call_id, turn)
        for call in trajectory.turns[index].tool_calls:
            yield index, call, answers.get(call.id)


def writes(trajectory: Trajectory, span: Span) -> list[tuple[int, ToolCall, Turn | None]]:
    """Return the same for calls of tools that write. Tools that run commands are left out: what a command changed shows
    in the end state."""
    names = {
        tool.name
        for tool in trajectory.tools
        if tool.effect == "write" and not plugins.trait("tools", tool.source, "commands", False)
    }
    return [entry for entry in calls(trajectory, span) if entry[1].name in names]


def alike(first: ToolCall, second: ToolCall) -> bool:
    """Return whether two calls are equal; a null argument counts as left out."""
    return first.name == second.name and _given(first.arguments) == _given(second.arguments)


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}
