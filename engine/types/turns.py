"""Messages of a dialogue, and the tools that they call."""

from __future__ import annotations

from typing import Any, Literal

from engine.types.frozen import Frozen

Effect = Literal["read", "write"]


class Tool(Frozen):
    """A tool that can be called. `parameters` is a JSON Schema object, `source` names a plug-in of engine/tools, and a
    `distractor` is offered only by modes that want tools of no use."""

    name: str
    description: str
    parameters: dict[str, Any]
    effect: Effect
    source: str = "python"
    distractor: bool = False

    def schema_for_model(self) -> dict[str, Any]:
        """Return the tool in OpenAI's format: {"type": "function", "function": {...}}."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": self.parameters},
        }


class ToolCall(Frozen):
    """One tool call. `raw` keeps the model's text of the arguments when it was no JSON object."""

    id: str
    name: str
    arguments: dict[str, Any] = {}
    raw: str | None = None


ToolFault = Literal["invalid_arguments", "unknown_tool", "tool_error", "tool_crash", "timeout", "limit", "injected"]


class ToolResult(Frozen):
    """The result of a tool call. `content` is the exact text that the teacher sees; `fault` is None for success.

    `tool_error` is an error that the tool raised on purpose (bad order id), `tool_crash` a bug in the tool, `limit` a
    limit of the sandbox (memory, processes, disk), `injected` a fault that the request's mode placed.
    """

    content: str
    fault: ToolFault | None = None
    truncated: bool = False
    seconds: float | None = None


class Turn(Frozen):
    """One message. Assistant turns may hold calls; tool turns answer one call by `tool_call_id`.

    `train` is False for a turn that must not be a training target (loss mask). `original` holds the turn that a
    reviewer's correction replaced.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    fault: ToolFault | None = None
    train: bool = True
    original: Turn | None = None
