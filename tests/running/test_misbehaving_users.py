"""Whole batches of twelve whose simulated user misbehaves: what it is told, how it is run again, its options. What each
fault leads to is in test_fault_table.py.

The models are the double of tests/llms/misbehaving.py, asked over HTTP. A user is asked three times at one place of a
talk, and a rollout that it spoils is run three times in all, so a wrong first message costs nine calls at most.
"""

from __future__ import annotations

from collections import Counter

from aiohttp import web

from engine.rolling.clean_replies import USER_TRIES
from engine.rolling.rollout import RERUNS
from engine.types import EARLIER_RUNS, FEEDBACK, Sampling
from tests.llms import user_spellings
from tests.llms.misbehaving import Double, Order
from tests.llms.server import completion
from tests.running.test_misbehaving_models import (
    KEPT,
    SIX,
    SIZE,
    Runs,
    db,
    drawn,
    is_as_proven,
    notes,
    once_and_always,
    runs,
    wide,
)

__all__ = ["db", "runs", "wide"]  # fixtures


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
