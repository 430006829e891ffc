"""Model endpoints, their sampling, and what one call returned and cost."""

from __future__ import annotations

from operator import not_
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from engine.types.frozen import Frozen, digest
from engine.types.turns import Turn

ModelRole = Literal["teacher", "user", "judge"]
ParallelCalls = Literal["auto", "allow", "forbid"]
"""Words that YAML does not read as true and false."""


class Sampling(Frozen):
    """Sampling parameters of one model role. `seed` is passed on when the server takes one."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1)] = 2048
    seed: int | None = None


class Endpoint(Frozen):
    """How to reach one model. `llm` names a plug-in of engine/llms, `key_variable` the environment variable that holds
    the key. `timeout` is in seconds per attempt, `attempts` how often a call may fail. A rate limit is waited out and
    takes none of them; `patience` is how many seconds its waits may sum up to in one call, and the longest that a
    server may ask to wait (Retry-After). None: see `longest_wait`.

    `parallel_calls` is sent as `parallel_tool_calls` where tools are offered; with "forbid", a reply with several calls
    also loses all but the first. "auto" sends nothing, unless the model's profile says that its server breaks on
    several calls (`as_profiled`)."""

    model: str
    llm: str = "litellm"
    api_base: str | None = None
    key_variable: str | None = None
    timeout: Annotated[float, Field(gt=0)] = 120.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    patience: Annotated[float, Field(ge=0)] | None = None
    parallel_calls: ParallelCalls = "auto"
    sampling: Sampling = Sampling()
    options: dict[str, Any] = {}


def longest_wait(endpoint: Endpoint) -> float:
    """Return how many seconds a call may wait for rate limits: `patience`, without it 60, or `timeout` where that is
    longer."""
    return max(60.0, endpoint.timeout) if endpoint.patience is None else endpoint.patience


class ModelCall(Frozen):
    """One model call that has ended. Tokens and cost are None when neither the server nor the price table gives them;
    `finish` is the server's reason for the end of the reply; `text_calls` counts tool calls that were parsed from the
    text, `repaired_calls` those whose broken JSON was repaired. `not_taken` says why the reply became no turn
    (engine/hygiene), "" when it did. `left_out` names the parameters that were not sent, because the server does not
    take them. `failed` says why there is no reply, "" when there is one: the ModelFault of the last attempt, "timeout"
    also where the rollout's time ran out, "engine_fault" where the engine failed."""

    # Written only where not empty, as the later fields of Grown are; by pydantic itself, as a trajectory holds dozens
    LATER: ClassVar[tuple[str, ...]] = ("repaired_calls", "not_taken", "left_out", "failed")

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
    left_out: Annotated[tuple[str, ...], Field(exclude_if=not_)] = ()
    failed: Annotated[str, Field(exclude_if=not_)] = ""

    @property
    def uncounted(self) -> bool:
        """Whether the call failed and no reply of it stated tokens or a cost, so that there is nothing to count."""
        if not self.failed:
            return False
        return self.prompt_tokens is None and self.completion_tokens is None and self.cost_usd is None


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


class Profile(Frozen):
    """What a test call found out about an endpoint. None means not known, and `faults` says by field why a probe failed
    or what was wrong, in the server's words where it gave any.

    `parallel` is what a question that needs two calls gave: both in one reply, one after the other, or a server that
    broke on them. `ids` says whose ids the calls have: the server's, those of nine characters as Mistral's, or ours,
    where the server gave none. `thinking` says where thoughts came. `context_length` is in tokens, `refused` names the
    parameters that were left out. `made_for` is the `endpoint_key` of the endpoint that was tried.
    """

    tools: bool | None = None
    parallel: Literal["together", "one_by_one", "broken"] | None = None
    json_schema: bool | None = None
    thinking: Literal["field", "text", "none"] | None = None
    ids: Literal["own", "own_nine", "ours"] | None = None
    context_length: Annotated[int, Field(ge=1)] | None = None
    refused: tuple[str, ...] = ()
    faults: dict[str, str] = {}
    made_at: float
    made_for: str


def endpoint_key(endpoint: Endpoint) -> str:
    """Return a hash of the fields that decide what a server can do: model, plug-in, address and options. Limits, key
    and sampling do not."""
    return digest(endpoint.model_dump(mode="json", include={"model", "llm", "api_base", "options"}))


def as_profiled(endpoint: Endpoint, profile: Profile | None) -> Endpoint:
    """Return the endpoint with what "auto" means for it: calls are asked for one at a time where its server breaks on
    several. A profile of another endpoint is not believed."""
    if endpoint.parallel_calls != "auto" or profile is None or profile.made_for != endpoint_key(endpoint):
        return endpoint
    return endpoint.model_copy(update={"parallel_calls": "forbid"}) if profile.parallel == "broken" else endpoint
