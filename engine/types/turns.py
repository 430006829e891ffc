"""Messages of a dialogue, and the tools that they call."""

from __future__ import annotations

from typing import Any, Literal

from engine.types.frozen import Frozen

Effect = Literal["read", "write"]


class Tool(Frozen):
    """What the teacher may call. `parameters` is a JSON Schema object; `source` names a plug-in of engine/tools."""

    name: str
    description: str
    parameters: dict[str, Any]
    effect: Effect
    source: str = "python"
    distractor: bool = False

    def schema_for_model(self) -> dict[str, Any]:
        """Return the nested OpenAI form {"type": "function", "function": {...}}."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": self.parameters},
        }


class ToolCall(Frozen):
    """One call in an assistant turn. `raw` keeps the model's text when it was not a JSON object."""

    id: str
    name: str
    arguments: dict[str, Any] = {}
    raw: str | None = None


ToolFault = Literal["invalid_arguments", "unknown_tool", "tool_error", "tool_crash", "timeout", "limit", "injected"]


class ToolResult(Frozen):
    """What a tool answered. `content` is the exact text that the teacher sees; `fault` is None for success.

    `tool_error` is an error the tool raised on purpose (bad order id), `tool_crash` a bug in the tool,
    `limit` a sandbox bound (memory, processes, disk), `injected` a fault that the mode of the request placed.
    """

    content: str
    fault: ToolFault | None = None
    truncated: bool = False
    seconds: float | None = None


class Turn(Frozen):
    """One message. Assistant turns may hold calls; tool turns answer one call by `tool_call_id`.

    `train` is False for turns that must not be a training target (loss mask). `original` holds the turn
    that a human correction replaced.
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
