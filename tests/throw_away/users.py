"""Signs what it asks for: the scripted user, with a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import plugins
from engine.protocols import User
from engine.types import Completion, ModelCall, Options, Turn

__all__ = ["SigningUser"]


class Config(Options):
    """Who asks."""

    signature: str = "Zoe"
    """Stands behind every request."""


class SigningUser(User):
    reference = True

    def __init__(self, config: Config, **task: Any) -> None:
        plugin = plugins.load("users", "reference")
        self._inner: User = plugin.make(plugin.config(), **task)
        self._signature = config.signature
        self.left = False
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn]) -> Completion | None:
        found = await self._inner.reply(turns)
        if found is None or not found.opens:
            return found
        said = found.turn.model_copy(update={"content": f"{found.turn.content} {self._signature}"})
        return found.model_copy(update={"turn": said})
