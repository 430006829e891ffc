"""A server with house rules: each dialogue begins with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.examples import ModelExample
from engine.protocols import LLM
from engine.running.models import open_llm
from engine.types import Completion, Endpoint, ModelRole, Options, Sampling, Tool, Turn

__all__ = ["RuledModel"]


class Config(Options):
    """The rules."""

    rules: str = ""
    """The first message; none where it is empty."""
    backoff: float = 0.5
    """Seconds of the first wait before a call is tried again."""


class RuledModel(LLM):
    def __init__(self, config: Config, endpoint: Endpoint, role: ModelRole) -> None:
        inner = {"llm": "openai_compatible", "options": {"backoff": config.backoff}}
        self._inner = open_llm(endpoint.model_copy(update=inner), role)
        self._first = [Turn(role="system", content=config.rules)] if config.rules else []

    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool] = (),
        *,
        response_schema: dict[str, Any] | None = None,
        sampling: Sampling | None = None,
        states: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> Completion:
        given, moved = [*self._first, *messages], {at + len(self._first): one for at, one in (states or {}).items()}
        return await self._inner.complete(
            given, tools, response_schema=response_schema, sampling=sampling, states=moved
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


EXAMPLE = ModelExample(options={"backoff": 0.001})
