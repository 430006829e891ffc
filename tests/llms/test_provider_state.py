"""What providers want back with their replies: a model teacher goes through two requests with several calls, over
doubles that refuse what is not as their provider documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from engine import plugins
from engine.errors import ModelError
from engine.llms._provider_state import Form, id_alone, state_of
from engine.llms._tokens import tokens_of
from engine.llms._wire import parse_reply
from engine.protocols import LLM
from engine.rolling.clean_replies import CheckedReply
from engine.running.models import open_llm
from engine.types import PROVIDER_STATE, TOKENS, Completion, Endpoint, ModelCall, Sampling, Turn
from tests.llms.providers import (
    CALLS,
    PLAN,
    SECRET,
    Anthropic,
    DeepSeek,
    Gemini,
    GeminiAddress,
    Rule,
    Ruled,
    Strict,
    serving_at_all_paths,
    signature,
)
from tests.llms.server import Server, completion, serving
from tests.samples.personas import ADA
from tests.samples.tasks import balance_proof, balance_task
from tests.samples.tools import GET_BALANCE

THINKING = {"extra": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}
BOTH = ("openai_compatible", "litellm")


class Talk:
    """A dialogue of two requests with a model teacher; `completions` are its replies."""

    def __init__(self, llm: LLM) -> None:
        plugin = plugins.load("teachers", "llm")
        made: dict[str, Any] = {"task": balance_task(), "proof": balance_proof(), "persona": ADA, "seed": 0}
        self.teacher = plugin.make(plugin.config(), llm=llm, **made)
        self.turns = [Turn(role="system", content="Policy."), Turn(role="user", content="What is on A-1, B-2, C-3?")]
        self.completions: list[Completion] = []

    async def step(self) -> Turn:
        """Let the teacher reply once, with the results of its calls; return its turn."""
        completion = await self.teacher.reply(self.turns, [GET_BALANCE])
        self.completions.append(completion)
        self.turns.append(completion.turn)
        for call in completion.turn.tool_calls:
            self.turns.append(Turn(role="tool", content="5", tool_call_id=call.id, name=call.name))
        return completion.turn

    async def whole(self) -> None:
        """Go through both requests, as far as PLAN does."""
        while (await self.step()).tool_calls:
            pass
        self.turns.append(Turn(role="user", content="And D-4?"))
        while (await self.step()).tool_calls:
            pass

    def check(self) -> None:
        """Assert that the dialogue is as planned, and that no state is in it."""
        own = [turn for turn in self.turns if turn.role == "assistant"]
        assert [turn.content for turn in own] == [play.get("text", "") for play in PLAN]
        assert [call.arguments for turn in own for call in turn.tool_calls] == list(CALLS)
        ids = [call.id for turn in own for call in turn.tool_calls]
        assert len(set(ids)) == 4
        assert not any(SECRET in turn.model_dump_json() for turn in self.turns)
        assert not any(SECRET in repr(one) + (one.raw or "") for one in self.completions)


async def talked(server: Server, plugin: str, model: str, base: str, **more: Any) -> Talk:
    """Return the whole dialogue with a model of the server."""
    endpoint = Endpoint(model=model, llm=plugin, api_base=base, attempts=1, **more)
    llm = open_llm(endpoint, "teacher")
    try:
        talk = Talk(llm)
        await talk.whole()
    finally:
        await llm.aclose()
    talk.check()
    return talk


async def ruled(rule: Rule, plugin: str) -> tuple[Talk, Ruled]:
    model = {"openai_compatible": "m", "litellm": "openai/m"}[plugin]
    async with serving(server=Ruled(rule)) as server:
        assert isinstance(server, Ruled)
        return await talked(server, plugin, model, server.base), server


# ---------------------------------------------------------------- the rules of providers


@pytest.mark.parametrize("plugin", BOTH)
@pytest.mark.parametrize("said", [DeepSeek.OLDER, DeepSeek.NEWER], ids=["older", "newer"])
async def test_deepseek_gets_its_thoughts_back(plugin: str, said: str) -> None:
    talk, server = await ruled(DeepSeek(said), plugin)
    assert server.faults == []
    assert len(server.requests) == len(PLAN)
    assert all(turn.reasoning for turn in talk.turns if turn.role == "assistant")


@pytest.mark.parametrize("plugin", BOTH)
async def test_where_it_did_not_think_it_gets_an_empty_thought(plugin: str) -> None:
    _, server = await ruled(DeepSeek(terse=True), plugin)
    assert server.faults == []


@pytest.mark.parametrize("plugin", BOTH)
async def test_who_wants_thoughts_in_every_message_is_understood_once(plugin: str) -> None:
    """Thoughts of messages without calls are first left out, and asked for by the refusal of the second request."""
    _, server = await ruled(DeepSeek(DeepSeek.NEWER, everywhere=True), plugin)
    assert len(server.faults) == 1
    assert len(server.requests) == len(PLAN) + 1


@pytest.mark.parametrize("plugin", BOTH)
async def test_geminis_openai_address_gets_its_signatures_back(plugin: str) -> None:
    _, server = await ruled(GeminiAddress(), plugin)
    assert server.faults == []
    assert len(server.requests) == len(PLAN)


async def test_gemini_through_litellm_gets_its_signatures_back() -> None:
    server = Gemini()
    async with serving_at_all_paths(server) as base:
        talk = await talked(server, "litellm", "gemini/gemini-3-pro-preview", base)
    assert len(server.requests) == len(PLAN)
    assert all(turn.reasoning == "I think of it." for turn in talk.turns if turn.role == "assistant")
    assert all(len(call.id) <= 40 for turn in talk.turns for call in turn.tool_calls)
    last = json.dumps(server.requests[-1])
    assert signature(PLAN[2]["text"]) in last, "the signature of a text goes back too"
    assert "I think of it." not in last, "thoughts go back in their signed form only"


async def test_anthropic_through_litellm_gets_its_thinking_blocks_back() -> None:
    server = Anthropic()
    async with serving_at_all_paths(server) as base:
        sampling = Sampling(temperature=1.0, max_tokens=4096)
        talk = await talked(server, "litellm", "anthropic/claude-sonnet-4-5", base, sampling=sampling, options=THINKING)
    assert len(server.requests) == len(PLAN)
    assert talk.completions[0].turn.reasoning == "Thought 0."


@pytest.mark.parametrize("plugin", BOTH)
async def test_who_refuses_fields_that_openai_does_not_know_is_understood_once(plugin: str) -> None:
    _, server = await ruled(Strict(), plugin)
    assert [status for status, _ in server.faults] == [422]
    assert len(server.requests) == len(PLAN) + 1


# ---------------------------------------------------------------- what is learned of a server


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("Missing `reasoning_content` field in the assistant message at message index 2.", Form("reasoning_content")),
        ("thinking is enabled but reasoning_content is missing in assistant message 3", Form("reasoning_content")),
        ("'messages.2': property 'reasoning' is unsupported", Form(None, frozenset({"reasoning"}))),
        ("Unknown parameter: 'messages[1].reasoning_content'.", Form(None, frozenset({"reasoning_content"}))),
        ("type: missing, extra_forbidden: messages.2.thinking_blocks", Form(None, frozenset({"thinking_blocks"}))),
        ("Unrecognized request argument supplied: return_token_ids", Form(None, frozenset({"return_token_ids"}))),
        ("You are not allowed to request logprobs from this model", Form(None, frozenset({"logprobs"}))),
        ("Unknown field: reasoning_details", Form()),
        ("This model's reasoning took too long, a temperature is missing", Form()),
    ],
)
def test_a_refusal_teaches_what_to_send(said: str, form: Form) -> None:
    sent = {"reasoning", "reasoning_content", "thinking_blocks", "return_token_ids", "logprobs"}
    assert Form().taught(said, sent) == form


async def test_a_server_that_contradicts_itself_is_not_asked_for_ever() -> None:
    class Never:
        def dress(self, message: dict[str, Any]) -> None:
            message["reasoning_content"] = "I look."

        def fault(self, messages: Any) -> tuple[int, Any] | None:
            own = [one for one in messages if one["role"] == "assistant"]
            if not own:
                return None
            wants = "is missing" if "reasoning_content" not in own[0] else "is not allowed"
            return 400, {"error": {"message": f"reasoning_content {wants}"}}

    server = Ruled(Never())
    async with serving(server=server):
        llm = open_llm(Endpoint(model="m", llm="openai_compatible", api_base=server.base, attempts=3), "teacher")
        talk = Talk(llm)
        await talk.step()
        with pytest.raises(ModelError, match="reasoning_content"):
            await talk.step()
        await llm.aclose()
    assert len(server.requests) <= 5


async def test_an_error_that_quotes_a_signature_does_not_tell_it() -> None:
    class Quoting(GeminiAddress):
        def fault(self, messages: Any) -> tuple[int, Any] | None:
            quoted = [call["extra_content"] for one in messages for call in one.get("tool_calls") or ()]
            return (400, {"error": {"message": f"{'x ' * 100} bad {json.dumps(quoted)}"}}) if quoted else None

    server = Ruled(Quoting())
    async with serving(server=server):
        llm = open_llm(Endpoint(model="m", llm="openai_compatible", api_base=server.base, attempts=1), "teacher")
        talk = Talk(llm)
        await talk.step()
        with pytest.raises(ModelError) as caught:
            await talk.step()
        await llm.aclose()
    assert "bad" in str(caught.value)
    assert SECRET[:8] not in str(caught.value)


async def test_the_state_of_a_reply_that_was_not_taken_is_forgotten() -> None:
    """The teacher is asked for the same turn again, and what it then says is without a state."""
    thought = {"text": "One.", "reasoning": "I think."}
    async with serving() as server:
        server.plays = [thought | {"calls": [{"name": "get_balance", "id": "a"}]}, {"text": "Two."}]
        llm = open_llm(Endpoint(model="m", llm="openai_compatible", api_base=server.base), "teacher")
        talk = Talk(llm)
        await talk.teacher.reply(talk.turns, [GET_BALANCE])
        await talk.step()
        talk.turns.append(Turn(role="user", content="And?"))
        await talk.step()
        await llm.aclose()
    assert all("reasoning_content" not in message for body in server.requests for message in body["messages"])


# ---------------------------------------------------------------- the state of a reply


def test_a_reply_without_state_has_none() -> None:
    call = {"id": "c1", "function": {"name": "x", "arguments": "{}"}}
    assert state_of({"content": "Hello.", "tool_calls": [call]}, [call]) is None
    empty = {"reasoning_content": "", "reasoning": None, "thinking_blocks": [], "provider_specific_fields": {}}
    assert state_of(empty | {"tool_calls": [call]}, [call | {"provider_specific_fields": None}]) is None


def test_what_is_kept_of_each_provider() -> None:
    details = [{"type": "reasoning.encrypted", "data": "D"}]
    calls: list[dict[str, Any]] = [
        {"id": "call_1__thought__SIG=="},
        {"id": "call_2", "extra_content": {"google": {"thought_signature": "S"}}},
        {"id": "call_3"},
    ]
    message = {
        "reasoning": "I look.",
        "reasoning_details": details,
        "extra_content": {"google": 1},
        "provider_specific_fields": {"thought_signatures": ["SIG=="], "refusal": None, "citations": [1]},
        "something_else": "x",
    }
    assert state_of(message, calls) == {
        "message": {
            "reasoning": "I look.",
            "reasoning_details": details,
            "extra_content": {"google": 1},
            "provider_specific_fields": {"thought_signatures": ["SIG=="]},
        },
        "calls": [
            {"provider_specific_fields": {"thought_signature": "SIG=="}},
            {"extra_content": {"google": {"thought_signature": "S"}}},
            None,
        ],
    }
    assert id_alone("call_1__thought__SIG==") == "call_1"


def test_a_state_that_cannot_be_stored_is_left_out() -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    assert state_of({"reasoning_details": deep}, []) is None
    assert state_of({"reasoning_content": "a\ud83d"}, []) == {"message": {"reasoning_content": "a\ufffd"}}


def test_it_stands_beside_an_assistants_turn_and_no_users() -> None:
    state = {"message": {"reasoning_content": "I look."}}
    for role, kinds in (("assistant", [PROVIDER_STATE]), ("user", [])):
        turn = Turn(role=role, content="Hello.")  # type: ignore[arg-type]
        reply = Completion(turn=turn, call=ModelCall(role="teacher", model="m"), state=state)
        assert [one.kind for one in CheckedReply(reply).attachments(3)] == kinds


def test_thoughts_in_parts_of_a_content_become_reasoning() -> None:
    """Mistral's models write their content so."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "First I look."}]},
        {"type": "thinking", "thinking": [{"type": "text", "text": "Then I answer."}], "closed": True},
        {"type": "text", "text": "It holds 5."},
    ]
    turn = parse_reply({"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]}, [], []).turn
    assert (turn.content, turn.reasoning) == ("It holds 5.", "First I look.\n\nThen I answer.")


# ---------------------------------------------------------------- token ids and log-probabilities


class TokenServer(Server):
    """Gives token ids and log-probabilities to who asks for them, as vLLM does; refuses `refused` as OpenAI does."""

    refused = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if self.refused in body:
            message = f"Unrecognized request argument supplied: {self.refused}"
            return web.json_response({"error": {"message": message, "type": "invalid_request_error"}}, status=400)
        found = completion({"text": "Hello."})
        if body.get("logprobs"):
            entries = [{"token": one, "logprob": -0.25, "bytes": None, "top_logprobs": []} for one in ("Hel", "lo.")]
            found["choices"][0]["logprobs"] = {"content": entries}
        if body.get("return_token_ids"):
            found["choices"][0]["token_ids"] = [11, 12]
            found["prompt_token_ids"] = [1, 2, 3]
        return web.json_response(found)


STATED = {"logprobs": [-0.25, -0.25], "texts": ["Hel", "lo."]}
IDS = {"ids": [11, 12], "prompt_ids": [1, 2, 3]}


@pytest.mark.parametrize(("plugin", "model"), [("openai_compatible", "m"), ("litellm", "hosted_vllm/m")])
@pytest.mark.parametrize(
    ("options", "refused", "tokens"),
    [({}, "", None), ({"tokens": True}, "", STATED | IDS), ({"tokens": True}, "return_token_ids", STATED)],
    ids=["not asked for", "asked for", "only log-probabilities"],
)
async def test_tokens_are_kept(
    plugin: str, model: str, options: dict[str, Any], refused: str, tokens: dict[str, Any] | None
) -> None:
    server = TokenServer()
    server.refused = refused or "none"
    async with serving(server=server):
        endpoint = Endpoint(model=model, llm=plugin, api_base=server.base, attempts=1, options=options)
        llm = open_llm(endpoint, "teacher")
        found = [await llm.complete([Turn(role="user", content="Hi.")]) for _ in range(2)]
        await llm.aclose()
    assert [one.tokens for one in found] == [tokens, tokens]
    assert [one.call.attempts for one in found] == [1, 1]
    assert len(server.requests) == 2 + bool(refused), "a refusal is remembered"
    if tokens is not None:
        assert [(one.kind, one.value) for one in CheckedReply(found[0]).attachments(0)] == [(TOKENS, tokens)]


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"choices": [{"logprobs": None, "token_ids": None}], "prompt_token_ids": None}, None),
        ({"choices": [{"logprobs": {"content": []}, "token_ids": []}]}, None),
        ({"choices": [{"token_ids": [1, "2"]}]}, None),
        ({"choices": [{"prompt_token_ids": [4]}]}, {"prompt_ids": [4]}),
        (
            {"choices": [{"logprobs": {"content": [{"token": "a\ud83d", "logprob": 10**400}, {"logprob": -1}]}}]},
            {"logprobs": [None, -1.0], "texts": ["a\ufffd", ""]},
        ),
    ],
)
def test_what_counts_as_tokens(body: dict[str, Any], tokens: dict[str, Any] | None) -> None:
    assert tokens_of(body, body["choices"][0]) == tokens
