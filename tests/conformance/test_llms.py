"""What every LLM plug-in promises. Each test names who promises it; `WIRE` are those that talk to a server. How each is
brought to give a test's replies it shows in its EXAMPLE."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine import plugins
from engine.errors import RETRYABLE, InputErrors, ModelError
from engine.examples import ModelExample
from engine.protocols import LLM
from engine.running.models import open_llm
from engine.types import Endpoint, Sampling, ToolCall, Turn
from tests.llms.server import Server, serving
from tests.needs import missing
from tests.samples.tools import GET_BALANCE

SHOWN: dict[str, ModelExample] = {
    name: example for name in plugins.names("llms") if (example := plugins.load("llms", name).example) is not None
}
ALL = tuple(SHOWN)
WIRE = tuple(name for name, example in SHOWN.items() if example.script is None)
KEY = "sk-very-secret-0123456789"
USER = Turn(role="user", content="What is on A-100?")
SCHEMA = {
    "title": "reply",
    "type": "object",
    "properties": {"message": {"type": "string"}},
    "required": ["message"],
    "additionalProperties": False,
}


def promised_by(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("plugin", names)


@asynccontextmanager
async def opened(plugin: str, plays: list[dict[str, Any]], **more: Any) -> AsyncIterator[tuple[LLM, Server]]:
    """Open the plug-in so that it gets these replies: from a real server, or as its script."""
    async with serving() as server:
        server.plays, example = list(plays), SHOWN[plugin]
        options = {**example.options, **({example.script: plays} if example.script else {})}
        base = None if example.script else server.base
        values: dict[str, Any] = {"timeout": 5.0, "attempts": 3, "options": options, "api_base": base} | more
        llm = open_llm(Endpoint(model=example.model, llm=plugin, **values), "teacher")
        try:
            yield llm, server
        finally:
            await llm.aclose()


async def failing(llm: LLM) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await llm.complete([USER])
    return caught.value


@pytest.mark.parametrize("plugin", plugins.names("llms"))
def test_every_model_path_shows_how_it_is_tried(plugin: str) -> None:
    if plugin not in SHOWN:
        missing(f"NOT TRIED: give the model path {plugin} an EXAMPLE.")
    assert isinstance(SHOWN[plugin], ModelExample)
    with pytest.raises(InputErrors, match="no_such_option"):
        open_llm(Endpoint(model="m", llm=plugin, options={"no_such_option": 1}), "teacher")


# ---------------------------------------------------------------- replies


@promised_by(*ALL)
async def test_text_is_a_turn(plugin: str) -> None:
    async with opened(plugin, [{"text": " There is 5.00. "}]) as (llm, _):
        completion = await llm.complete([USER])
    assert completion.turn == Turn(role="assistant", content="There is 5.00.")
    assert (completion.call.role, completion.call.attempts, completion.call.finish) == ("teacher", 1, "stop")
    assert completion.call.seconds > 0


@promised_by(*ALL)
async def test_call_with_tools_offered(plugin: str) -> None:
    """litellm 1.106 fails here: every call with tools= raises ModuleNotFoundError."""
    play = {"calls": [{"id": "c1", "name": "get_balance", "arguments": {"account_id": "A-100"}}]}
    async with opened(plugin, [play]) as (llm, _):
        completion = await llm.complete([USER], [GET_BALANCE])
    assert completion.turn.tool_calls == (ToolCall(id="c1", name="get_balance", arguments={"account_id": "A-100"}),)
    assert completion.turn.content == ""
    assert completion.call.text_calls == 0


@promised_by(*WIRE)
async def test_calls_of_the_older_protocol_are_read(plugin: str) -> None:
    message = {"role": "assistant", "content": None}
    message |= {"function_call": {"name": "get_balance", "arguments": '{"account_id": "A-100"}'}}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    body |= {"choices": [{"index": 0, "message": message, "finish_reason": "function_call"}]}
    async with opened(plugin, [{"raw": json.dumps(body)}]) as (llm, _):
        found = (await llm.complete([USER], [GET_BALANCE])).turn.tool_calls
    assert found == (ToolCall(id="call00000", name="get_balance", arguments={"account_id": "A-100"}),)


@promised_by(*ALL)
async def test_names_are_cleaned_and_broken_arguments_repaired(plugin: str) -> None:
    play = {"calls": [{"id": "c1", "name": "functions.get_balance", "arguments": '{"account_id": "A-100",'}]}
    async with opened(plugin, [play]) as (llm, _):
        completion = await llm.complete([USER], [GET_BALANCE])
    assert completion.turn.tool_calls == (ToolCall(id="c1", name="get_balance", arguments={"account_id": "A-100"}),)
    assert (completion.call.text_calls, completion.call.repaired_calls) == (0, 1)
    assert "functions.get_balance" in (completion.raw or "")


@promised_by(*ALL)
async def test_parallel_calls_keep_their_order(plugin: str) -> None:
    calls = [{"id": f"c{i}", "name": "get_balance", "arguments": {"account_id": str(i)}} for i in range(3)]
    async with opened(plugin, [{"calls": calls}]) as (llm, _):
        found = (await llm.complete([USER], [GET_BALANCE])).turn.tool_calls
    assert [(call.id, call.arguments["account_id"]) for call in found] == [("c0", "0"), ("c1", "1"), ("c2", "2")]


@promised_by(*ALL)
async def test_broken_arguments_are_kept_as_text(plugin: str) -> None:
    play = {"calls": [{"id": "c1", "name": "get_balance", "arguments": '{"account_id": '}]}
    async with opened(plugin, [play]) as (llm, _):
        found = (await llm.complete([USER], [GET_BALANCE])).turn.tool_calls
    assert found == (ToolCall(id="c1", name="get_balance", arguments={}, raw='{"account_id": '),)


@promised_by(*ALL)
async def test_an_unknown_tool_is_passed_on(plugin: str) -> None:
    async with opened(plugin, [{"calls": [{"id": "c1", "name": "no_such", "arguments": {}}]}]) as (llm, _):
        found = (await llm.complete([USER], [GET_BALANCE])).turn.tool_calls
    assert [call.name for call in found] == ["no_such"]


@promised_by(*ALL)
async def test_a_used_call_id_is_replaced(plugin: str) -> None:
    earlier = Turn(role="assistant", tool_calls=(ToolCall(id="c1", name="get_balance", arguments={}),))
    answer = Turn(role="tool", tool_call_id="c1", name="get_balance", content="{}")
    play = {"calls": [{"id": "c1", "name": "get_balance", "arguments": {}}]}
    async with opened(plugin, [play]) as (llm, _):
        found = (await llm.complete([USER, earlier, answer], [GET_BALANCE])).turn.tool_calls
    assert [call.id for call in found] == ["call00001"]


@promised_by(*ALL)
async def test_reasoning_is_captured_apart(plugin: str) -> None:
    async with opened(plugin, [{"text": "Yes.", "reasoning": "The user asks."}]) as (llm, _):
        turn = (await llm.complete([USER])).turn
    assert (turn.content, turn.reasoning) == ("Yes.", "The user asks.")


@promised_by(*ALL)
async def test_a_refusal_is_an_answer(plugin: str) -> None:
    async with opened(plugin, [{"refusal": "I can't help with that."}]) as (llm, _):
        completion = await llm.complete([USER])
    assert completion.turn.content == "I can't help with that."
    assert completion.call.finish == "refusal"


@promised_by(*ALL)
@pytest.mark.parametrize(
    "text",
    [
        '{"name": "get_balance", "arguments": {"account_id": "A-100"}}',
        'Let me see.\n```json\n{"name": "get_balance", "arguments": {"account_id": "A-100"}}\n```',
        '<tool_call>\n{"name": "get_balance", "arguments": {"account_id": "A-100"}}\n</tool_call>',
        '```tool_code\nprint(get_balance(account_id="A-100"))\n```',
    ],
)
async def test_calls_written_as_text_are_converted_and_counted(plugin: str, text: str) -> None:
    async with opened(plugin, [{"text": text}]) as (llm, _):
        completion = await llm.complete([USER], [GET_BALANCE])
    assert [(c.name, c.arguments) for c in completion.turn.tool_calls] == [("get_balance", {"account_id": "A-100"})]
    assert completion.turn.content in ("", "Let me see.")
    assert completion.call.text_calls == 1


@promised_by(*ALL)
async def test_text_about_a_tool_stays_text(plugin: str) -> None:
    text = 'I would use get_balance, or {"name": "other", "arguments": {}}.'
    async with opened(plugin, [{"text": text}]) as (llm, _):
        completion = await llm.complete([USER], [GET_BALANCE])
    assert completion.turn.content == text
    assert completion.call.text_calls == 0


# ---------------------------------------------------------------- tokens and cost


@promised_by(*ALL)
async def test_tokens_are_stored(plugin: str) -> None:
    async with opened(plugin, [{"text": "x", "prompt_tokens": 11, "completion_tokens": 3}]) as (llm, _):
        call = (await llm.complete([USER])).call
    assert (call.prompt_tokens, call.completion_tokens) == (11, 3)
    assert call.cost_usd is None


@promised_by(*ALL)
async def test_missing_usage_is_unknown_and_not_zero(plugin: str) -> None:
    async with opened(plugin, [{"text": "x"}]) as (llm, _):
        call = (await llm.complete([USER])).call
    assert (call.prompt_tokens, call.completion_tokens, call.cost_usd) == (None, None, None)


@promised_by("openai_compatible")
async def test_price_from_the_options(plugin: str) -> None:
    options = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.01}
    play = {"text": "x", "prompt_tokens": 10, "completion_tokens": 2}
    async with opened(plugin, [play], options=options) as (llm, _):
        call = (await llm.complete([USER])).call
    assert call.cost_usd == pytest.approx(0.03)


@promised_by("litellm")
async def test_price_from_litellms_table(plugin: str) -> None:
    play = {"text": "x", "prompt_tokens": 1000, "completion_tokens": 1000}
    async with opened(plugin, [play]) as (_, server):
        llm = open_llm(Endpoint(model="openai/gpt-4o-mini", api_base=server.base), "judge")
        call = (await llm.complete([USER])).call
    assert call.cost_usd == pytest.approx(0.00075)


# ---------------------------------------------------------------- what goes out


@promised_by(*WIRE)
async def test_messages_tools_and_sampling_go_out_in_the_wire_format(plugin: str) -> None:
    turns = [
        Turn(role="system", content="Be brief."),
        USER,
        Turn(role="assistant", tool_calls=(ToolCall(id="c1", name="get_balance", arguments={"account_id": "Ä"}),)),
        Turn(role="tool", tool_call_id="c1", name="get_balance", content='{"balance": 5}'),
        Turn(role="assistant", tool_calls=(ToolCall(id="c2", name="get_balance", raw="{broken"),), reasoning="hm"),
        Turn(role="tool", tool_call_id="c2", name="get_balance", content="Invalid.", fault="invalid_arguments"),
    ]
    sampling = Sampling(temperature=0.2, top_p=0.9, max_tokens=77, seed=5)
    async with opened(plugin, [{"text": "x"}]) as (llm, server):
        await llm.complete(turns, [GET_BALANCE], sampling=sampling)
    sent = server.requests[0]
    assert [message["role"] for message in sent["messages"]] == [turn.role for turn in turns]
    assert sent["messages"][2]["tool_calls"][0]["function"] == {
        "name": "get_balance",
        "arguments": '{"account_id":"Ä"}',
    }
    assert sent["messages"][3]["tool_call_id"] == "c1"
    assert sent["messages"][4]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert sent["tools"][0]["function"]["parameters"] == GET_BALANCE.parameters
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"], sent["seed"]) == (0.2, 0.9, 77, 5)


@promised_by(*WIRE)
async def test_the_key_is_sent_and_never_told(plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MODEL_KEY", KEY)
    play = {"error": "auth", "said": f"Incorrect API key provided: {KEY}"}
    async with opened(plugin, [play], key_variable="TEST_MODEL_KEY") as (llm, server):
        error = await failing(llm)
    assert server.keys == [f"Bearer {KEY}"]
    assert KEY not in str(error) + repr(error) + repr(error.__cause__)
    assert "TEST_MODEL_KEY" in str(error)


@promised_by(*WIRE)
async def test_a_missing_key_names_its_variable(plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_MODEL_KEY", raising=False)
    async with opened(plugin, [{"text": "x"}], key_variable="TEST_MODEL_KEY") as (llm, server):
        error = await failing(llm)
    assert error.kind == "auth"
    assert "TEST_MODEL_KEY" in str(error)
    assert server.requests == []


# ---------------------------------------------------------------- structured output


@promised_by(*ALL)
async def test_a_schema_gives_data(plugin: str) -> None:
    async with opened(plugin, [{"data": {"message": "hi"}}]) as (llm, _):
        completion = await llm.complete([USER], response_schema=SCHEMA)
    assert completion.data == {"message": "hi"}


@promised_by(*ALL)
@pytest.mark.parametrize("text", ['Sure:\n```json\n{"message": "hi"}\n```', 'I say {"message": "hi"} to that.'])
async def test_data_is_found_amid_prose(plugin: str, text: str) -> None:
    async with opened(plugin, [{"text": text}]) as (llm, _):
        assert (await llm.complete([USER], response_schema=SCHEMA)).data == {"message": "hi"}


@promised_by(*ALL)
async def test_no_object_is_no_data(plugin: str) -> None:
    async with opened(plugin, [{"text": "I'd rather chat."}]) as (llm, _):
        completion = await llm.complete([USER], response_schema=SCHEMA)
    assert completion.data is None
    assert completion.turn.content == "I'd rather chat."


@promised_by(*WIRE)
async def test_a_refused_form_is_not_offered_again(plugin: str) -> None:
    async with opened(plugin, [{"data": {"message": "hi"}}]) as (llm, server):
        server.refuse_formats = {"json_schema", "json_object"}
        first = await llm.complete([USER], response_schema=SCHEMA)
        second = await llm.complete([USER], response_schema=SCHEMA)
    forms = [request.get("response_format", {}).get("type") for request in server.requests]
    assert forms == ["json_schema", "json_object", None, None]
    assert first.data == second.data == {"message": "hi"}
    assert (first.call.attempts, second.call.attempts) == (3, 1)
    assert "JSON Schema" in server.requests[-1]["messages"][0]["content"]


# ---------------------------------------------------------------- failures


@promised_by(*ALL)
@pytest.mark.parametrize("kind", ["auth", "not_found", "bad_request"])
async def test_client_errors_are_not_tried_again(plugin: str, kind: str) -> None:
    async with opened(plugin, [{"error": kind}, {"text": "never"}]) as (llm, server):
        error = await failing(llm)
    assert error.kind == kind
    assert not error.retryable
    assert len(server.requests) == (plugin in WIRE)
    assert "check" in str(error)


@promised_by(*ALL)
@pytest.mark.parametrize("kind", ["rate_limit", "server"])
async def test_server_errors_are_tried_again(plugin: str, kind: str) -> None:
    async with opened(plugin, [{"error": kind}, {"error": kind}, {"text": "at last"}]) as (llm, _):
        completion = await llm.complete([USER])
    assert completion.turn.content == "at last"
    assert completion.call.attempts == 3


@promised_by(*ALL)
async def test_the_last_error_is_raised_after_all_attempts(plugin: str) -> None:
    async with opened(plugin, [{"error": "server"}]) as (llm, server):
        error = await failing(llm)
    assert error.kind == "server"
    assert "tried 3 times" in str(error)
    assert len(server.requests) == (3 if plugin in WIRE else 0)


@promised_by(*ALL)
async def test_retry_after_is_honoured(plugin: str) -> None:
    async with opened(plugin, [{"error": "rate_limit", "retry_after": 0.4}, {"text": "now"}]) as (llm, _):
        started = time.monotonic()
        completion = await llm.complete([USER])
    assert time.monotonic() - started >= 0.4
    assert completion.call.attempts == 2


@promised_by(*ALL)
async def test_an_hour_is_not_waited_for(plugin: str) -> None:
    async with opened(plugin, [{"error": "rate_limit", "retry_after": 3600}]) as (llm, _):
        error = await failing(llm)
    assert error.kind == "rate_limit"
    assert error.retry_after == 3600


@promised_by(*ALL)
async def test_an_empty_reply_is_tried_again_then_an_error(plugin: str) -> None:
    async with opened(plugin, [{"text": ""}, {"text": "now"}]) as (llm, _):
        assert (await llm.complete([USER])).turn.content == "now"
    async with opened(plugin, [{"text": "", "finish": "length"}]) as (llm, _):
        error = await failing(llm)
    assert error.kind == "empty"
    assert "max_tokens" in str(error)


@promised_by(*ALL)
async def test_replies_that_gave_no_turn_are_paid_for_as_well(plugin: str) -> None:
    lost = {"text": "", "prompt_tokens": 900, "completion_tokens": 2048}
    async with opened(plugin, [lost, lost, {"text": "now", "prompt_tokens": 900, "completion_tokens": 4}]) as (llm, _):
        call = (await llm.complete([USER])).call
    assert (call.prompt_tokens, call.completion_tokens) == (2700, 4100)
    async with opened(plugin, [lost]) as (llm, _):
        error = await failing(llm)
    assert error.call is not None
    assert error.call.prompt_tokens == 900 * error.call.attempts > 900
    assert (error.call.finish, error.call.failed) == ("empty", "empty")


@promised_by(*ALL)
async def test_a_failed_call_has_an_account_also_without_usage(plugin: str) -> None:
    async with opened(plugin, [{"error": "server"}]) as (llm, _):
        error = await failing(llm)
    assert error.call is not None
    assert (error.call.failed, error.call.attempts, error.call.prompt_tokens) == ("server", 3, None)
    assert error.call.uncounted


@promised_by(*WIRE)
@pytest.mark.parametrize(
    ("play", "kind"),
    [
        ({"html": "<html><body>Welcome to nginx</body></html>"}, "malformed"),
        ({"raw": "not json {"}, "malformed"),
        ({"raw": '{"hello": 1}'}, "malformed"),
        ({"status": 403}, "auth"),
        ({"status": 503}, "server"),
        ({"html": "<html>Bad gateway</html>", "status": 502}, "server"),
        ({"drop": True}, "connection"),
    ],
    ids=["html", "no json", "no choices", "403", "503", "html 502", "dropped"],
)
async def test_what_servers_answer_is_sorted(plugin: str, play: dict[str, Any], kind: str) -> None:
    async with opened(plugin, [play], attempts=1) as (llm, _):
        assert (await failing(llm)).kind == kind


@promised_by(*WIRE)
async def test_nothing_at_all_is_a_timeout(plugin: str) -> None:
    async with opened(plugin, [{"hang": 5.0}], attempts=1, timeout=0.3) as (llm, _):
        started = time.monotonic()
        error = await failing(llm)
    assert error.kind == "timeout"
    assert time.monotonic() - started < 3
    assert "raise timeout" in str(error)
    assert "It was a call of the teacher: " in str(error)


@promised_by(*WIRE)
async def test_no_server_is_a_connection_fault(plugin: str) -> None:
    async with opened(plugin, [{"text": "x"}], attempts=1, api_base="http://127.0.0.1:9/v1") as (llm, _):
        error = await failing(llm)
    assert error.kind == "connection"
    assert "127.0.0.1:9" in str(error)


@promised_by("scripted")
@pytest.mark.parametrize("kind", sorted(RETRYABLE))
async def test_every_kind_of_fault_can_be_played(plugin: str, kind: str) -> None:
    async with opened(plugin, [{"error": kind}, {"text": "at last"}]) as (llm, _):
        assert (await llm.complete([USER])).call.attempts == 2
    async with opened(plugin, [{"error": kind}], attempts=1) as (llm, _):
        assert (await failing(llm)).kind == kind


@promised_by("litellm")
async def test_a_name_without_a_provider_is_not_found(plugin: str) -> None:
    llm = open_llm(Endpoint(model="no-such-model", attempts=1), "teacher")
    error = await failing(llm)
    assert error.kind == "not_found"
    assert "model's name" in str(error)
