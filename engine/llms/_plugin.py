"""The base class of the plug-ins of this folder, which differ only in how they send a request body."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from engine.llms._chat import Chat, Price, unknown_price
from engine.llms._parameters import Parameters
from engine.llms._provider_state import States
from engine.types import Completion, Endpoint, ModelRole, Sampling, Tool, Turn


class ChatLLM(ABC):
    """An LLM without transport: a plug-in adds `_send` and `aclose`. Implements engine.protocols.TellsOfServer."""

    def __init__(
        self,
        endpoint: Endpoint,
        role: ModelRole,
        *,
        backoff: float,
        price: Price = unknown_price,
        parameters: Parameters | None = None,
        tokens: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._parameters = parameters or Parameters()
        self._chat = Chat(
            endpoint, role, self._send, price, backoff=backoff, parameters=self._parameters, tokens=tokens
        )

    @property
    def left_out(self) -> Mapping[str, str]:
        return self._parameters.left_out

    @property
    def refused_forms(self) -> Mapping[str, str]:
        return self._chat.refused_forms

    async def context_length(self) -> int | None:
        return None

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
