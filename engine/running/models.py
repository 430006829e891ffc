"""Makes the LLM that an Endpoint describes, and that of one run of a rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from engine import plugins
from engine.protocols import LLM
from engine.types import Completion, Endpoint, ModelRole, RolloutSpec, Sampling, Tool, Turn


def open_llm(endpoint: Endpoint, role: ModelRole) -> LLM:
    """Return the LLM plug-in `endpoint.llm`, built as Class(Config(**endpoint.options), endpoint, role).

    No connection is opened and no provider library imported before the first call. Share one LLM among all rollouts of
    a batch and close it with `aclose()`. Raises InputError for an unknown plug-in, a wrong option or a missing
    api_base.
    """
    plugin = plugins.load("llms", endpoint.llm)
    config = plugins.configure("llms", endpoint.llm, endpoint.options)
    return cast(LLM, plugin.make(config, endpoint, role))


class Reseeded:
    """A model that samples with another seed than its endpoint says. Who opened the model closes it."""

    def __init__(self, llm: LLM, sampling: Sampling, seed: int) -> None:
        self._llm, self._sampling = llm, sampling.model_copy(update={"seed": seed})

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
        used = sampling or self._sampling
        return await self._llm.complete(messages, tools, response_schema=response_schema, sampling=used, **more)

    async def aclose(self) -> None: ...


def for_run(llm: LLM, endpoint: Endpoint | None, spec: RolloutSpec) -> LLM:
    """Return the model for one run of a rollout. A run that follows a spoiled one samples with a seed of its own, where
    the endpoint sets one: the same seed would give the same replies."""
    if not spec.rerun or endpoint is None or endpoint.sampling.seed is None:
        return llm
    return Reseeded(llm, endpoint.sampling, (endpoint.sampling.seed + spec.seed) % 2**31)
