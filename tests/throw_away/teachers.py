"""Says goodbye: the reference, with a closing word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import plugins
from engine.protocols import Teacher
from engine.types import Completion, ModelCall, Options, Tool, Turn

__all__ = ["ClosingTeacher"]


class Config(Options):
    """What is said."""

    closing: str = "Have a good day."
    """Stands behind every answer."""


class ClosingTeacher(Teacher):
    reference = True

    def __init__(self, config: Config, **task: Any) -> None:
        plugin = plugins.load("teachers", "reference")
        self._inner: Teacher = plugin.make(plugin.config(), **task)
        self._closing = config.closing
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn], tools: Sequence[Tool]) -> Completion:
        found = await self._inner.reply(turns, tools)
        if found.turn.tool_calls:
            return found
        said = found.turn.model_copy(update={"content": f"{found.turn.content} {self._closing}"})
        return found.model_copy(update={"turn": said})
