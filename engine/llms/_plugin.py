"""The base class of the plug-ins of this folder, which differ only in how they send a request body."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from engine.llms._chat import Chat, Price, unknown_price
from engine.llms._provider_state import States
from engine.types import Completion, Endpoint, ModelRole, Sampling, Tool, Turn


class ChatLLM(ABC):
    """An LLM without transport: a plug-in adds `_send` and `aclose`."""

    def __init__(
        self,
        endpoint: Endpoint,
        role: ModelRole,
        *,
        backoff: float,
        price: Price = unknown_price,
        tokens: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._chat = Chat(endpoint, role, self._send, price, backoff=backoff, tokens=tokens)

    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool] = (),
        *,
        response_schema: dict[str, Any] | None = None,
        sampling: Sampling | None = None,
        states: States | None = None,
    ) -> Completion:
        return await self._chat.complete(messages, tools, response_schema, sampling, states)

    @abstractmethod
    async def aclose(self) -> None:
        """Close what is open."""

    @abstractmethod
    async def _send(self, body: dict[str, Any]) -> Any:
        """Return the reply body for a request body. Raises ModelError."""
