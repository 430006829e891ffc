"""Example models: an endpoint that plays replies, and a model call that has been made."""

from __future__ import annotations

from typing import Any

from engine.types import Endpoint, ModelCall


def scripted(*replies: Any, **options: Any) -> Endpoint:
    """Return an endpoint of the shipped plug-in `scripted` that plays the replies in turn."""
    more = {"replies": list(replies), **options} if replies else options
    return Endpoint(model="scripted", llm="scripted", options=more, attempts=1)


def model_call(tokens: int | None = 10, cost: float | None = 0.5) -> ModelCall:
    """Return a finished call of a teacher with so many tokens in and out, and its cost in US dollars."""
    return ModelCall(role="teacher", model="m", prompt_tokens=tokens, completion_tokens=tokens, cost_usd=cost)
