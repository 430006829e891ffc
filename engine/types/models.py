"""Model endpoints, their sampling, and what one call returned and cost."""

from __future__ import annotations

from operator import not_
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from engine.types.frozen import Frozen
from engine.types.turns import Turn

ModelRole = Literal["teacher", "user", "judge"]


class Sampling(Frozen):
    """Sampling parameters of one model role. `seed` is passed on when the server takes one."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1)] = 2048
    seed: int | None = None


class Endpoint(Frozen):
    """How to reach one model. `llm` names a plug-in of engine/llms, `key_variable` the environment variable that holds
    the key. `timeout` is in seconds per attempt. `patience` is how many seconds a server may ask to wait before the
    next attempt (Retry-After); a longer wait ends the call. None: see `longest_wait`."""

    model: str
    llm: str = "litellm"
    api_base: str | None = None
    key_variable: str | None = None
    timeout: Annotated[float, Field(gt=0)] = 120.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    patience: Annotated[float, Field(ge=0)] | None = None
    sampling: Sampling = Sampling()
    options: dict[str, Any] = {}


def longest_wait(endpoint: Endpoint) -> float:
    """Return how many seconds a server may ask to wait: `patience`, without it 60, or `timeout` where that is
    longer."""
    return max(60.0, endpoint.timeout) if endpoint.patience is None else endpoint.patience


class ModelCall(Frozen):
    """One finished model call. Tokens and cost are None when neither the server nor the price table gives them;
    `finish` is the server's reason for the end of the reply; `text_calls` counts tool calls that were parsed from the
    text, `repaired_calls` those whose broken JSON was repaired. `not_taken` says why the reply became no turn
    (engine/hygiene), "" when it did."""

    # Written only where not empty, as the later fields of Grown are; by pydantic itself, as a trajectory holds dozens
    LATER: ClassVar[tuple[str, ...]] = ("repaired_calls", "not_taken")

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
    not_taken: Annotated[str, Field(exclude_if=not_)] = ""


class Completion(Frozen):
    """What LLM.complete returns: the assistant turn and its model call. `data` is the parsed JSON object when a
    response schema was given and the reply holds one, else None. `opens` is what a simulated user says of its own
    message: whether it makes the task's next request; None when it does not say. `raw` is the reply as the server gave
    it, None when the turn shows all of it. It is the text where a thought or calls were parsed from that; where a call
    of the protocol was changed (a name cleaned, arguments repaired), it is the JSON of {"content": ..., "tool_calls":
    [{"name": ..., "arguments": ...}]}.

    `state` is what the provider wants back with this reply (engine/llms/_provider_state.py); it goes to nobody else.
    `tokens` is {"ids": ..., "logprobs": ..., "texts": ..., "prompt_ids": ...}, lists as far as the server gives them.
    """

    turn: Turn
    call: ModelCall
    data: dict[str, Any] | None = None
    opens: bool | None = None
    raw: str | None = None
    state: Annotated[dict[str, Any] | None, Field(repr=False)] = None
    tokens: Annotated[dict[str, Any] | None, Field(repr=False)] = None
