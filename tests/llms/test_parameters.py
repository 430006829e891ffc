"""Parameters that servers refuse: left out or renamed at once, remembered, and told. The double enforces what the
providers document."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from engine.errors import ModelError
from engine.llms._parameters import Parameters, parameter_of_code, refused_parameter
from engine.llms.litellm import dropped_parameters
from engine.protocols import LLM
from engine.running.models import open_llm
from engine.running.watch import ReplyWatch
from engine.types import Endpoint, ModelCall, Sampling, Turn
from tests.llms.server import Server, serving
from tests.samples.trajectories import order_trajectory

USER = Turn(role="user", content="Hello.")
ALL = Sampling(temperature=0.3, top_p=0.8, seed=4, max_tokens=500)
SAID = {
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.": (
        "max_tokens"
    ),
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.": (
        "temperature"
    ),
    "Unsupported parameter: 'top_p' is not supported with this model.": "top_p",
    "Unrecognized request argument supplied: parallel_tool_calls": "parallel_tool_calls",
    "Unrecognized request arguments supplied: seed, top_p": "seed",
    "Unknown parameter: 'logprobs'.": "logprobs",
    "[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not permitted'}]": "seed",
    "[{'type': 'extra_forbidden', 'loc': ['body', 'max_tokens'], 'msg': 'Extra inputs are not permitted'}]": (
        "max_tokens"
    ),
    "1 validation error for Request\nparallel_tool_calls\n  Extra inputs are not permitted": "parallel_tool_calls",
    "`logprobs` is not supported with this model": "logprobs",
    "property 'seed' is unsupported": "seed",
    "Argument not supported on this model: top_p": "top_p",
    "Model grok-4 does not support parameter logprobs.": "logprobs",
    'Invalid JSON payload received. Unknown name "seed": Cannot find field.': "seed",
    "`temperature` and `top_p` cannot both be specified for this model. Please use only one.": "top_p",
    "`temperature` is deprecated for this model.": "temperature",
    "Malformed input request: extraneous key [top_p] is not permitted, please reformat your input": "top_p",
}
NO_REFUSALS = (
    "max_tokens is too large: 50000. This model supports at most 16384 completion tokens.",
    "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3.",
    "Unsupported parameter: 'tools' is not supported with this model.",
    "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    "This model's maximum context length is 4096 tokens, however you requested max_tokens=5000.",
    "[{'type': 'extra_forbidden', 'loc': ('body', 'messages', 0, 'name'), 'msg': 'Extra inputs are not permitted', "
    "'input': 'What is the temperature?'}]",
    "seed must be an integer",
    "temperature_unit is not supported",
)


@pytest.mark.parametrize("said", SAID)
def test_the_refused_parameter_is_named(said: str) -> None:
    assert refused_parameter(400, said) == SAID[said]
    assert refused_parameter(422, f"litellm.BadRequestError: OpenAIException - {said}") == SAID[said]
    assert refused_parameter(500, said) is refused_parameter(None, said) is None


@pytest.mark.parametrize("said", NO_REFUSALS)
def test_wrong_values_and_other_fields_are_no_such_refusal(said: str) -> None:
    assert refused_parameter(400, said) is None


def test_a_code_names_it_where_the_text_does_not() -> None:
    error = {"message": "No.", "param": "temperature", "code": "unsupported_value"}
    assert parameter_of_code({"error": error}) == "temperature"
    assert parameter_of_code({"error": {**error, "param": "messages"}}) is None
    assert parameter_of_code({"error": {**error, "code": "invalid_value"}}) is None
    assert parameter_of_code("no") is parameter_of_code({"error": "no"}) is None


@pytest.mark.parametrize(
    ("model", "limit", "out"),
    [
        ("gpt-5", "max_completion_tokens", {"temperature", "top_p"}),
        ("openai/gpt-5-mini", "max_completion_tokens", {"temperature", "top_p"}),
        ("gpt-5.1", "max_completion_tokens", {"temperature", "top_p"}),
        ("gpt-5-chat-latest", "max_completion_tokens", set()),
        ("o1", "max_completion_tokens", {"temperature", "top_p"}),
        ("openai/o3-mini", "max_completion_tokens", {"temperature", "top_p"}),
        ("o4-mini-2025-04-16", "max_completion_tokens", {"temperature", "top_p"}),
        ("gpt-4.1", "max_tokens", set()),
        ("gpt-50", "max_tokens", set()),
        ("o30", "max_tokens", set()),
        ("mistral/o3", "max_tokens", set()),
        ("meta/gpt-5", "max_tokens", set()),
    ],
)
def test_models_are_known_by_name(model: str, limit: str, out: set[str]) -> None:
    known = Parameters.of_model(model, "max_tokens")
    assert (known.limit, set(known.left_out)) == (limit, out)


class Strict(Server):
    """Answers 400 as OpenAI does to what it does not take, or 422 as pydantic does."""

    def __init__(self, *refuses: str, form: str = "openai") -> None:
        super().__init__()
        self.refuses, self.form = refuses, form

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        name = next((name for name in self.refuses if name in body), None)
        if name is None:
            return await super().answer(request)
        self.requests.append(body)
        if self.form == "pydantic":
            fault = {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}
            return web.json_response({"detail": [{**fault, "input": body[name]}]}, status=422)
        said = f"Unsupported parameter: '{name}' is not supported with this model."
        error = {"message": said, "type": "invalid_request_error", "param": name, "code": "unsupported_parameter"}
        return web.json_response({"error": error}, status=400)


@asynccontextmanager
async def opened(server: Server, llm: str = "openai_compatible", **more: Any) -> AsyncIterator[LLM]:
    async with serving(server=server):
        values: dict[str, Any] = {"model": "openai/m", "llm": llm, "api_base": server.base, "attempts": 1} | more
        made = open_llm(Endpoint(**values), "teacher")
        try:
            yield made
        finally:
            await made.aclose()


@pytest.mark.parametrize("llm", ["openai_compatible", "litellm"])
@pytest.mark.parametrize("form", ["openai", "pydantic"])
async def test_what_is_refused_is_left_out_at_once_and_from_then_on(llm: str, form: str) -> None:
    server = Strict("temperature", "top_p", "max_tokens", form=form)
    async with opened(server, llm) as made:
        first = await made.complete([USER], sampling=ALL)
        asked = len(server.requests)
        second = await made.complete([USER], sampling=ALL)
    assert asked == 4
    assert len(server.requests) == 5, "it is not tried again"
    last = server.requests[-1]
    assert (last["max_completion_tokens"], last["seed"]) == (500, 4)
    assert not {"temperature", "top_p", "max_tokens"} & set(last)
    for done in (first, second):
        assert done.call.attempts == 1, "an endpoint with one attempt has not used it up"
        assert set(done.call.left_out) == {"temperature", "top_p"}
        assert done.turn.content == "Hello."


@pytest.mark.parametrize("llm", ["openai_compatible", "litellm"])
@pytest.mark.parametrize("model", ["openai/gpt-5", "openai/o3-mini"])
async def test_models_of_openai_are_asked_right_the_first_time(llm: str, model: str) -> None:
    async with opened(server := Strict("temperature", "top_p", "max_tokens"), llm, model=model) as made:
        done = await made.complete([USER], sampling=ALL)
    assert len(server.requests) == 1
    assert server.requests[0]["max_completion_tokens"] == 500
    assert set(done.call.left_out) == {"temperature", "top_p"}


async def test_a_name_of_the_limit_can_be_wrong_in_both_directions() -> None:
    async with opened(server := Strict("max_completion_tokens"), model="gpt-5-clone") as made:
        await made.complete([USER])
    assert [("max_tokens" in body) for body in server.requests] == [False, True]
    async with opened(server := Strict("max_completion_tokens", "max_tokens")) as made:
        with pytest.raises(ModelError) as caught:
            await made.complete([USER])
    assert caught.value.kind == "bad_request"
    assert len(server.requests) == 2


async def test_tools_and_messages_are_never_left_out() -> None:
    async with opened(server := Strict("messages")) as made:
        with pytest.raises(ModelError, match="Unsupported parameter"):
            await made.complete([USER])
    assert len(server.requests) == 1


async def test_what_the_options_demand_is_sent_and_its_refusal_told() -> None:
    async with opened(server := Strict("seed"), options={"extra_body": {"seed": 9}}) as made:
        with pytest.raises(ModelError, match="seed"):
            await made.complete([USER], sampling=ALL)
    assert [body["seed"] for body in server.requests] == [9, 9]


async def test_a_limit_under_another_name_is_sent_so() -> None:
    async with opened(server := Strict("max_tokens"), options={"token_limit_field": "max_completion_tokens"}) as made:
        done = await made.complete([USER])
    assert len(server.requests) == 1
    assert done.call.left_out == ()


def test_litellm_is_asked_what_it_drops() -> None:
    assert dropped_parameters("openai/gpt-5", None) == ["temperature", "top_p"]
    assert dropped_parameters("openai/gpt-4.1", None) == []
    assert dropped_parameters("anthropic/claude-sonnet-4-5", None) == ["seed"]
    assert "parallel_tool_calls" in dropped_parameters("openai/o3", None)
    assert dropped_parameters("no-such", None) == []


def test_the_batch_says_what_was_left_out() -> None:
    watch = ReplyWatch()
    call = ModelCall(role="judge", model="gpt-5", left_out=("top_p", "temperature"))
    watch.see(order_trajectory(1).model_copy(update={"calls": (call, call)}))
    assert watch.notice() == "The judge gpt-5 was called without temperature, top_p, which its server does not take."


def test_a_call_without_any_has_the_bytes_of_before() -> None:
    assert "left_out" not in json.loads(ModelCall(role="judge", model="m").model_dump_json())
