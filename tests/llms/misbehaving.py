"""A double of a batch's models: it plays the proven chain over HTTP, and misbehaves in the dialogues it is told to.

The double knows the dialogues of its batch (their specs and proofs) and tells from a request whose turn it is: the user
is asked for a `user_message`, the judge for `verdicts`, and the teacher for neither. Without orders it says what the
reference players say, so that every dialogue is kept. An order names one dialogue, one role and one spelling of a
misbehaviour; the spellings are in spellings.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from engine.teachers import reference as teachers
from engine.types import ModelRole, Proof, RolloutSpec, ToolCall, Turn
from engine.users import reference as users
from tests.llms.server import Server, completion
from tests.llms.spellings import Place, Spelling

ALWAYS = 1_000
"""More replies than one dialogue has."""


@dataclass(frozen=True)
class Order:
    """What goes wrong in one dialogue: the first `times` replies of the role at this place are spelled wrong. The place
    is "text" for the messages and "calls" for the replies that call tools; `skip` leaves out the first ones."""

    spelling: Spelling
    place: Place = "text"
    role: ModelRole = "teacher"
    times: int = ALWAYS
    skip: int = 0


class Dialogue:
    """One dialogue of the batch as its reference players go on with it, and how often each model was asked in it."""

    def __init__(self, spec: RolloutSpec, proof: Proof, order: Order | None) -> None:
        assert spec.task is not None
        made: dict[str, Any] = {"llm": None, "task": spec.task, "proof": proof, "persona": spec.persona}
        self.teacher = teachers.ReferenceTeacher(teachers.Config(), seed=spec.seed, **made)
        self.user = users.ReferenceUser(users.Config(), seed=spec.seed, **made)
        self.tools, self.order = spec.task.tools, order
        self.first = spec.task.turns[0].say
        self.asked: Counter[ModelRole] = Counter()
        self._at_place = 0

    async def right(self, role: ModelRole, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the choice that the reference would give."""
        if role == "teacher":
            turn = (await self.teacher.reply(_turns(messages), self.tools)).turn
            calls = [call.model_dump(include={"id", "name", "arguments"}) for call in turn.tool_calls]
            return _choice({"text": turn.content, "calls": calls})
        said = await self.user.reply(_turns_of_the_talk(messages))
        if said is None:
            return _choice({"data": {"message": "", "status": "satisfied", "about": "same_request"}})
        about = "next_request" if said.opens else "same_request"
        return _choice({"data": {"message": said.turn.content, "status": "continue", "about": about}})

    def as_ordered(self, role: ModelRole, right: dict[str, Any]) -> dict[str, Any]:
        """Return the choice that is given in place of the right one."""
        order = self.order
        if order is None or (order.role, order.place) != (role, _place(role, right["message"])):
            return right
        number, self._at_place = self._at_place, self._at_place + 1
        return order.spelling(right) if order.skip <= number < order.skip + order.times else right


class Double(Server):
    """`dialogues` are in the order of the batch. The first `judged_times` verdicts on a record are
    spelled as `judged` says, whose spellings go round. Requests of no known dialogue are answered with 400."""

    def __init__(
        self,
        specs: Sequence[RolloutSpec],
        proofs: Sequence[Proof],
        orders: Mapping[int, Order],
        judged: Sequence[Spelling],
        judged_times: int,
    ) -> None:
        super().__init__()
        pairs = zip(specs, proofs, strict=True)
        self.dialogues = [Dialogue(spec, proof, orders.get(spec.index)) for spec, proof in pairs]
        assert len({one.first for one in self.dialogues}) == len(self.dialogues), "two dialogues begin alike"
        self._judged, self._judged_times = judged, judged_times
        self._records: Counter[str] = Counter()

    def asked(self, role: ModelRole) -> list[int]:
        """Return how many requests of the role arrived in each dialogue."""
        return [one.asked[role] for one in self.dialogues]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        messages, role = body["messages"], _role(body)
        if role == "judge":
            return _response(self._verdicts(body), prompt_tokens=11, completion_tokens=2)
        dialogue = self._dialogue(role, messages)
        if dialogue is None:
            return web.json_response({"error": {"message": "this dialogue is not in the batch"}}, status=400)
        dialogue.asked[role] += 1
        return _response(dialogue.as_ordered(role, await dialogue.right(role, messages)))

    @property
    def verdicts(self) -> list[int]:
        """How many requests for verdicts arrived for each record, in the order of their first ones."""
        return list(self._records.values())

    def _verdicts(self, body: Mapping[str, Any]) -> dict[str, Any]:
        right = _choice({"data": _yes_to_all(body["response_format"]["json_schema"]["schema"])})
        record = body["messages"][0]["content"]
        self._records[record] += 1
        if not self._judged or self._records[record] > self._judged_times:
            return right
        return self._judged[(len(self._records) - 1) % len(self._judged)](right)

    def _dialogue(self, role: ModelRole, messages: Sequence[Mapping[str, Any]]) -> Dialogue | None:
        if role == "user":
            lines = messages[0]["content"].splitlines()
            return next((one for one in self.dialogues if f"1. {one.first}" in lines), None)
        said = next(message["content"] for message in messages if message["role"] == "user")
        return next((one for one in self.dialogues if one.first == said), None)


class SilentJudge(Double):
    """A double whose judge's server answers with a fault: from the record with number `first` on, `many` records."""

    first, many = 0, ALWAYS

    def _verdicts(self, body: Mapping[str, Any]) -> dict[str, Any]:
        given = super()._verdicts(body)
        number = list(self._records).index(body["messages"][0]["content"])
        if self.first <= number < self.first + self.many:
            raise web.HTTPServiceUnavailable(text='{"error": {"message": "the judge is out"}}')
        return given


def _role(body: Mapping[str, Any]) -> ModelRole:
    asked = body.get("response_format", {}).get("json_schema", {}).get("name")
    roles: dict[str | None, ModelRole] = {"user_message": "user", "verdicts": "judge"}
    return roles.get(asked, "teacher")


def _place(role: ModelRole, message: Mapping[str, Any]) -> Place:
    if message.get("tool_calls"):
        return "calls"
    ends = role == "user" and json.loads(message["content"])["status"] == "satisfied"
    return "end" if ends else "text"


def _choice(play: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = completion(play)["choices"][0]
    return found


def _response(choice: dict[str, Any], **usage: int) -> web.Response:
    return web.json_response(completion({**usage}) | {"choices": [choice]})


def _yes_to_all(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"reason": "It shows.", "evidence": [1], "answer": "yes"} for name in schema["properties"]}


def _turns(messages: Sequence[Mapping[str, Any]]) -> list[Turn]:
    """Return the turns of a request of the teacher."""
    return [
        Turn(
            role=message["role"],
            content=message.get("content") or "",
            tool_calls=tuple(
                ToolCall(
                    id=call["id"],
                    name=call["function"]["name"],
                    arguments=json.loads(call["function"]["arguments"]),
                )
                for call in message.get("tool_calls", ())
            ),
            tool_call_id=message.get("tool_call_id"),
            name=message.get("name"),
        )
        for message in messages
    ]


def _turns_of_the_talk(messages: Sequence[Mapping[str, Any]]) -> list[Turn]:
    """Return the turns that a request of the user tells of: its own messages are in role `assistant` there, and the
    prompt and the word to begin stand before them. A reply that was refused, with the word in brackets why, is none."""
    messages = [*messages]
    while messages[-1]["content"].startswith("(") and len(messages) > 2:
        del messages[-2:]
    return [
        Turn(role="user", content=json.loads(message["content"])["message"])
        if message["role"] == "assistant"
        else Turn(role="assistant", content=message["content"])
        for message in messages[2:]
    ]
