"""Asks a model that played a person how satisfied that person is, from the dialogue alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from engine import prompting
from engine.protocols import LLM
from engine.types import ModelCall, Turn

TRIES = 2
SCHEMA: dict[str, Any] = {
    "title": "user_feedback",
    "type": "object",
    "properties": {
        "satisfaction": {"type": "number", "minimum": 0, "maximum": 1},
        "feedback": {"type": "string"},
    },
    "required": ["satisfaction", "feedback"],
    "additionalProperties": False,
}


class _Feedback(BaseModel):
    satisfaction: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    feedback: Annotated[str, Field(min_length=1, max_length=1_000)]


async def feedback_on(turns: Sequence[Turn], llm: LLM, calls: list[ModelCall]) -> dict[str, Any] | None:
    """Return {"satisfaction": 0 to 1, "feedback": a sentence}; None when the model gives no such thing, also when it is
    asked once more. The calls are added to `calls`. Raises ModelError."""
    said = [turn for turn in turns if turn.role in ("user", "assistant") and turn.content and not turn.tool_calls]
    talk = [("You" if turn.role == "user" else "Assistant", turn.content) for turn in said]
    prompt = Turn(role="user", content=prompting.render("user_rates", talk=talk))
    for _ in range(TRIES):
        completion = await llm.complete([prompt], response_schema=SCHEMA)
        calls.append(completion.call)
        try:
            return _Feedback.model_validate(completion.data).model_dump()
        except ValidationError:
            calls[-1] = completion.call.model_copy(update={"not_taken": "unreadable"})
    return None
