"""Several models in the place of one, for judges that ask all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from engine.protocols import LLM
from engine.types import Completion, Sampling, Tool, Turn


class Panel(LLM):
    """A model with `members`. A judge that knows no panels asks the first one."""

    def __init__(self, members: Sequence[LLM]) -> None:
        self.members = tuple(members)

    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool] = (),
        *,
        response_schema: dict[str, Any] | None = None,
        sampling: Sampling | None = None,
        states: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> Completion:
        more: dict[str, Any] = {} if states is None else {"states": states}
        return await self.members[0].complete(
            messages, tools, response_schema=response_schema, sampling=sampling, **more
        )

    async def aclose(self) -> None:
        await asyncio.gather(*(one.aclose() for one in self.members), return_exceptions=True)
