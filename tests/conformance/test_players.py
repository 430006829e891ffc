"""What every teacher and every user plug-in promises, whoever plays it."""

from __future__ import annotations

from typing import Any

import pytest

from engine import plugins
from engine.running.models import open_llm
from engine.types import ModelRole, Turn
from tests.samples.models import scripted
from tests.samples.personas import ADA
from tests.samples.tasks import balance_proof, balance_task
from tests.samples.tools import GET_BALANCE

SYSTEM = Turn(role="system", content="Policy.")
OPENING = Turn(role="user", content=balance_task().turns[0].say)


def made(kind: str, name: str, role: ModelRole, reply: dict[str, Any]) -> Any:
    plugin = plugins.load(kind, name)
    llm = open_llm(scripted(reply), role)
    return plugin.make(plugin.config(), llm=llm, task=balance_task(), proof=balance_proof(), persona=ADA, seed=1)


@pytest.mark.parametrize("name", plugins.names("teachers"))
async def test_a_teacher_answers_with_an_assistant_turn(name: str) -> None:
    call = {"name": "get_balance", "arguments": {"account_id": "0"}}
    teacher = made("teachers", name, "teacher", {"calls": [call]})
    assert teacher.calls == []
    reply = await teacher.reply([SYSTEM, OPENING], [GET_BALANCE])
    assert reply.turn.role == "assistant"
    assert {entry.name for entry in reply.turn.tool_calls} == {"get_balance"}
    assert all(entry.role == "teacher" for entry in teacher.calls)


@pytest.mark.parametrize("name", plugins.names("teachers"))
async def test_call_ids_are_never_used_twice(name: str) -> None:
    call = {"id": "call_0", "name": "get_balance", "arguments": {"account_id": "0"}}
    turns = [SYSTEM, OPENING]
    for _ in range(2):
        reply = await made("teachers", name, "teacher", {"calls": [call]}).reply(turns, [GET_BALANCE])
        turns.append(reply.turn)
        turns += [Turn(role="tool", tool_call_id=c.id, name=c.name, content="{}") for c in reply.turn.tool_calls]
    ids = [entry.id for turn in turns for entry in turn.tool_calls]
    assert len(ids) == len(set(ids)) >= 2


@pytest.mark.parametrize("name", plugins.names("users"))
async def test_a_user_opens_with_a_request_and_has_not_left(name: str) -> None:
    user = made("users", name, "user", {"data": {"message": "What is on my accounts?", "status": "continue"}})
    reply = await user.reply([SYSTEM])
    assert reply is not None
    assert reply.turn.role == "user"
    assert "on my accounts?" in reply.turn.content
    assert user.left is False
    assert all(entry.role == "user" for entry in user.calls)


@pytest.mark.parametrize("name", plugins.names("users"))
async def test_a_user_ends_once_all_requests_are_answered(name: str) -> None:
    user = made("users", name, "user", {"data": {"message": "", "status": "satisfied"}})
    turns = [SYSTEM]
    for asked, given in zip(balance_task().turns, balance_proof().turns, strict=True):
        turns += [Turn(role="user", content=asked.say), Turn(role="assistant", content=given.answer)]
    assert await user.reply(turns) is None
    assert user.left is False
