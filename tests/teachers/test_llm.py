"""The model teacher passes turns and tools on as they are."""

from __future__ import annotations

import pytest

from engine import plugins
from engine.errors import InputError
from engine.running.models import open_llm
from engine.types import Endpoint, Turn
from tests.llms.server import serving
from tests.samples.personas import ADA
from tests.samples.tasks import balance_proof, balance_task
from tests.samples.tools import GET_BALANCE


async def test_the_model_sees_exactly_the_turns() -> None:
    plugin = plugins.load("teachers", "llm")
    turns = [Turn(role="system", content="Policy."), Turn(role="user", content="Hello")]
    async with serving() as server:
        llm = open_llm(Endpoint(model="m", llm="openai_compatible", api_base=server.base), "teacher")
        teacher = plugin.make(plugin.config(), llm=llm, task=balance_task(), proof=balance_proof(), persona=ADA, seed=0)
        reply = await teacher.reply(turns, [GET_BALANCE])
        await llm.aclose()
    assert server.requests[0]["messages"] == [
        {"role": "system", "content": "Policy."},
        {"role": "user", "content": "Hello"},
    ]
    assert server.requests[0]["tools"] == [GET_BALANCE.schema_for_model()]
    assert reply.turn.content == "Hello."
    assert teacher.calls == [reply.call]


def test_without_a_model_it_says_what_to_do() -> None:
    plugin = plugins.load("teachers", "llm")
    with pytest.raises(InputError, match="Name a model"):
        plugin.make(plugin.config(), llm=None, task=balance_task(), proof=balance_proof(), persona=ADA, seed=0)
