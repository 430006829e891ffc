"""Models: where they answer, how they are sampled, and what one call took."""

from __future__ import annotations

from operator import not_
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from engine.types.frozen import Frozen
from engine.types.turns import Turn

ModelRole = Literal["teacher", "user", "judge"]


class Sampling(Frozen):
    """Sampling of one model role. `seed` is passed on where the server takes one."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1)] = 2048
    seed: int | None = None


class Endpoint(Frozen):
    """How to reach one model. `key_variable` is the *name* of the environment variable that holds the key."""

    model: str
    llm: str = "litellm"
    api_base: str | None = None
    key_variable: str | None = None
    timeout: Annotated[float, Field(gt=0)] = 120.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    sampling: Sampling = Sampling()
    options: dict[str, Any] = {}


class ModelCall(Frozen):
    """One finished model call. Tokens and cost are None where the server or the price table does not say. `text_calls`
    counts the tool calls that were read out of its text, `repaired_calls` those whose broken JSON was repaired."""

    # Written where it is not 0 only, as later fields of Grown are; by pydantic itself, for a trajectory holds dozens
    LATER: ClassVar[tuple[str, ...]] = ("repaired_calls",)

    role: ModelRole
    model: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    seconds: float = 0.0
    attempts: int = 1
    finish: str | None = None
    text_calls: int = 0
    repaired_calls: Annotated[int, Field(exclude_if=not_)] = 0


class Completion(Frozen):
    """What LLM.complete returns: the assistant turn and what it took. `data` is the parsed JSON object
    when a response schema was asked for and the reply held one, else None. `opens` is a simulated user's word
    on its own message: whether it makes the task's next request; None where it does not say. `raw` is the reply as it
    came, where the turn says it otherwise: its text where a thought or calls were read out of that, and
    {"content": ..., "tool_calls": [{"name": ..., "arguments": ...}]} as JSON where a native call was read otherwise
    than written (a name cleaned, arguments repaired); None where the turn is the reply."""

    turn: Turn
    call: ModelCall
    data: dict[str, Any] | None = None
    opens: bool | None = None
    raw: str | None = None
