"""Makes the LLM that an Endpoint describes."""

from __future__ import annotations

from typing import cast

from engine import plugins
from engine.protocols import LLM
from engine.types import Endpoint, ModelRole


def open_llm(endpoint: Endpoint, role: ModelRole) -> LLM:
    """Return the LLM plug-in `endpoint.llm`, built as Class(Config(**endpoint.options), endpoint, role).

    No connection is opened and no provider library imported before the first call. Share one LLM among all rollouts of
    a batch and close it with `aclose()`. Raises InputError for an unknown plug-in, a wrong option or a missing
    api_base.
    """
    plugin = plugins.load("llms", endpoint.llm)
    config = plugins.configure("llms", endpoint.llm, endpoint.options)
    return cast(LLM, plugin.make(config, endpoint, role))
