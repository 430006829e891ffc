"""Whole batches of twelve whose simulated user misbehaves: what is lost to whom, and how many calls that costs.

The models are the double of tests/llms/misbehaving.py, asked over HTTP. A user is asked three times at one place of a
talk, and a rollout that it spoils is run three times in all, so a wrong first message costs nine calls at most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from aiohttp import web

from engine.rolling.clean_replies import USER_TRIES
from engine.rolling.rollout import RERUNS
from engine.types import EARLIER_RUNS, FEEDBACK, NOT_TAKEN, ModelRole, Proof, RolloutSpec, Sampling
from tests.llms import user_spellings
from tests.llms.misbehaving import Dialogue, Double, Order
from tests.llms.server import completion
from tests.running.test_misbehaving_models import (
    KEPT,
    SIX,
    SIZE,
    Runs,
    always,
    db,
    drawn,
    is_as_proven,
    not_taken,
    notes,
    once_and_always,
    runs,
    wide,
)

__all__ = ["db", "runs", "wide"]  # fixtures
MOST = USER_TRIES * (1 + RERUNS)


@pytest.mark.parametrize("reason", list(user_spellings.WRONG))
async def test_what_no_person_says(runs: Runs, reason: str) -> None:
    played = await runs(once_and_always(user_spellings.WRONG[reason], seed=31, role="user"))
    assert played.endings() == {KEPT: SIX, ("rejected", reason, "user"): SIX}
    assert played.double.asked("user") == [3] * SIX + [MOST] * SIX
    assert played.double.asked("teacher") == [3] * SIX + [0] * SIX
    assert [not_taken(row) for row in played.rows] == [[reason]] * SIX + [[reason] * MOST] * SIX
    assert all(is_as_proven(row) for row in played.rows[:SIX])
    for row in played.rows[SIX:]:
        assert (row.outcome, row.scores, row.end) == ("unmeasured", (), "unclean")
        assert "also when it was asked again with the reason" in row.detail
        ((first, second),) = notes(row, EARLIER_RUNS)
        assert len({first["seed"], second["seed"], row.seed}) == 3
        assert (first["reason"], second["reason"]) == (reason, reason)
        assert [len(refused) for refused in notes(row, NOT_TAKEN)] == [USER_TRIES - 1]


async def test_the_reason_goes_back_to_the_user(runs: Runs) -> None:
    played = await runs(once_and_always(user_spellings.WRONG["invented_value"][:1], seed=32, role="user"))
    prompts = [body["messages"][0]["content"] for body in played.double.requests]
    again = [prompt for prompt in prompts if "cannot be sent" in prompt]
    assert len(again) == SIX + SIX * (USER_TRIES - 1) * (1 + RERUNS)
    why = 'it gives a value that neither the task nor the assistant gave ("4820913").'
    assert all(prompt.count(why) == 1 and "My customer number is 4820913" in prompt for prompt in again)


async def test_a_run_that_was_spoiled_is_run_again(runs: Runs) -> None:
    """A user that is right from its second or third run on loses nothing; a seventh wrong reply is one of the third."""
    spelled = drawn(user_spellings.WRONG["special_tokens"], 33, SIZE)
    times = [USER_TRIES] * SIX + [2 * USER_TRIES + 1] * SIX
    played = await runs({i: Order(one, role="user", times=times[i]) for i, one in enumerate(spelled)})
    assert played.endings() == {KEPT: SIZE}
    assert [len(runs) for row in played.rows for runs in notes(row, EARLIER_RUNS)] == [1] * SIX + [2] * SIX
    assert played.double.asked("user") == [USER_TRIES + 2] * SIX + [2 * USER_TRIES + 3] * SIX
    assert all(is_as_proven(row) for row in played.rows)


async def test_a_further_run_samples_with_a_seed_of_its_own(runs: Runs) -> None:
    sampling = Sampling(seed=5)
    endpoint = runs.endpoint().model_copy(update={"sampling": sampling})
    spelled = drawn(user_spellings.WRONG["special_tokens"], 37, SIZE)
    orders = {i: Order(one, role="user", times=USER_TRIES) for i, one in enumerate(spelled)}
    played = await runs(orders, models={"teacher": endpoint, "user": endpoint, "judge": endpoint})
    assert played.endings() == {KEPT: SIZE}
    seeds = Counter(body["seed"] for body in played.double.requests)
    assert seeds.pop(5) == USER_TRIES * SIZE
    assert sorted(seeds.values()) == [5] * SIZE, "the second run of a dialogue has one seed for its five replies"


async def test_thanks_in_place_of_a_request(runs: Runs) -> None:
    played = await runs(once_and_always(user_spellings.MADE_NO_REQUEST, seed=34, role="user"))
    assert played.endings() == {KEPT: SIX, ("rejected", "made_no_request", "user"): SIX}
    assert played.double.asked("user") == [3] * SIX + [MOST] * SIX
    assert {row.outcome for row in played.rows[SIX:]} == {"unmeasured"}


async def test_thanks_for_ever(runs: Runs) -> None:
    played = await runs(always(user_spellings.THANKS, 35, "end", "user"))
    assert played.endings() == {KEPT: SIZE}
    assert (played.double.asked("teacher"), played.double.asked("user")) == ([3] * SIZE, [2] * SIZE)
    assert {row.end for row in played.rows} == {"done"}
    assert all(is_as_proven(row) for row in played.rows)


@pytest.mark.parametrize("spelled", [user_spellings.MISSPELLED, user_spellings.PLAIN], ids=["misspelled", "plain"])
async def test_a_form_that_is_kept_badly(runs: Runs, spelled: Sequence[Any]) -> None:
    """All replies of the user are spelled so, the end of the talk too."""
    chosen = drawn(spelled, 36, SIZE)
    played = await runs({}, made=lambda *given: Everywhere(chosen, *given))
    assert played.endings() == {KEPT: SIZE}
    assert (played.double.asked("teacher"), played.double.asked("user")) == ([3] * SIZE, [2] * SIZE)
    assert all(is_as_proven(row) for row in played.rows)


async def test_a_yes_is_neither_dropped_nor_the_end(runs: Runs) -> None:
    """Case 06: the assistant asks whether it shall go on, and the model calls its yes the end of the talk."""
    played = await runs({}, made=Confirming)
    assert played.endings() == {KEPT: SIZE}
    for row in played.rows:
        assert [turn.content for turn in row.turns if turn.role == "user"][1:] == [YES]
        assert row.end == "done"
        assert row.turns[-1].role == "assistant"
    assert (played.double.asked("teacher"), played.double.asked("user")) == ([4] * SIZE, [3] * SIZE)


ASKS, YES = "I have both accounts here. Shall I go ahead and look them up now?", "Yes, please go ahead."


class _Confirming(Dialogue):
    """The assistant asks for a yes before it calls anything."""

    async def right(self, role: ModelRole, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        texts = [message["content"] for message in messages]
        if role == "teacher" and ASKS not in texts:
            return {"message": {"role": "assistant", "content": ASKS}, "finish_reason": "stop"}
        if role == "user" and texts[-1] == ASKS:
            right = await super().right(role, messages)
            return user_spellings.fields(message=YES, status="satisfied", about="same_request")(right)
        return await super().right(role, [m for m in messages if m["content"] != ASKS and YES not in str(m["content"])])


class Confirming(Double):
    def __init__(self, specs: Sequence[RolloutSpec], proofs: Sequence[Proof], *given: Any) -> None:
        super().__init__(specs, proofs, *given)
        pairs = zip(specs, proofs, strict=True)
        self.dialogues = [_Confirming(spec, proof, None) for spec, proof in pairs]


class _Spelled(Dialogue):
    """Every reply of the user is spelled in one way."""

    spelling: Any

    async def right(self, role: ModelRole, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        found = await super().right(role, messages)
        return self.spelling(found) if role == "user" else found


class Everywhere(Double):
    def __init__(
        self, spelled: Sequence[Any], specs: Sequence[RolloutSpec], proofs: Sequence[Proof], *more: Any
    ) -> None:
        super().__init__(specs, proofs, *more)
        self.dialogues = [_Spelled(spec, proof, None) for spec, proof in zip(specs, proofs, strict=True)]
        for dialogue, spelling in zip(self.dialogues, spelled, strict=True):
            assert isinstance(dialogue, _Spelled)
            dialogue.spelling = staticmethod(spelling)


async def test_options_of_the_user(runs: Runs) -> None:
    """The first message is the template's, and the person rates the dialogue. A rating that fails costs no more."""
    options = {"first_verbatim": True, "feedback": True}
    played = await runs({}, made=Rating, user={"llm": options})
    assert played.endings() == {KEPT: SIZE}
    assert played.double.asked("user") == [1] * SIZE, "only the end is asked of the model"
    for row in played.rows:
        assert row.task is not None
        assert row.turns[1].content == row.task.turns[0].say
    rated = [notes(row, FEEDBACK) for row in played.rows]
    assert sorted(map(len, rated)) == [0] * SIX + [1] * SIX
    assert {one["satisfaction"] for (one, *_) in filter(None, rated)} == {0.9}


class Rating(Double):
    """Gives feedback at every other request for it; the others are refused."""

    rated = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if body.get("response_format", {}).get("json_schema", {}).get("name") != "user_feedback":
            return await super().answer(request)
        self.rated += 1
        if self.rated % 2:
            return web.json_response({"error": {"message": "too long"}}, status=400)
        return web.json_response(completion({"data": {"satisfaction": 0.9, "feedback": "It was quick."}}))
