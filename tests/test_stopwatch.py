"""Where the time of a rollout went, told in words; on a clock that only moves when a test says so."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace

import pytest

from engine import stopwatch
from engine.errors import ModelError
from engine.stopwatch import OpenCall, Stopwatch
from engine.types import ModelCall


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def passes(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(stopwatch, "time", SimpleNamespace(perf_counter=lambda: made.now))
    return made


def attempt(call: OpenCall, clock: Clock, seconds: float, error: BaseException | None = None) -> None:
    try:
        with call.attempt():
            clock.passes(seconds)
            if error is not None:
                raise error
    except (ModelError, asyncio.CancelledError):
        pass


def made(role: str, clock: Clock, *seconds: float, waits: float = 0.0) -> OpenCall:
    """Return a call with an attempt of each length, all failed but the last, and waits of this length between them."""
    call = OpenCall(role, "qwen3", 4)  # type: ignore[arg-type]
    for at, length in enumerate(seconds):
        clock.passes(waits if at else 0.0)
        attempt(call, clock, length, ModelError("server", "no") if at < len(seconds) - 1 else None)
    call.close()
    return call


ACCOUNT = ModelCall(role="teacher", model="qwen3")


def test_the_parts_make_up_the_whole(clock: Clock) -> None:
    watch = Stopwatch()
    with watch:
        with watch.at("the sandbox"):
            clock.passes(30)
        made("user", clock, 8)
        for _ in range(3):
            made("teacher", clock, 60, 10, waits=25)
            with watch.at("tools"):
                clock.passes(4)
        call = OpenCall("teacher", "qwen3", 4)
        attempt(call, clock, 120, ModelError("timeout", "no"))
        clock.passes(15)
        attempt(call, clock, 53, asyncio.CancelledError())
        call.give_up(ACCOUNT)
        clock.passes(77)
    clock.passes(500)
    assert watch.account() == (
        "173 s in call 4 of the teacher qwen3 (at attempt 2 of 4), 8.0 s in 1 call of the user qwen3, "
        "210 s in 3 calls of the teacher qwen3, 90 s in waits between attempts, 12 s in tools, 30 s in the sandbox, "
        "77 s in all else"
    )
    assert sum(float(number) for number in re.findall(r"([\d.]+) s in", watch.account())) == 600


def test_a_call_that_waits_for_its_next_attempt(clock: Clock) -> None:
    watch = Stopwatch()
    with watch:
        call = OpenCall("judge", "qwen3", 2)
        attempt(call, clock, 5, ModelError("server", "no"))
        clock.passes(20)
        call.give_up(ACCOUNT)
    assert watch.account() == (
        "5.0 s in call 1 of the judge qwen3 (waiting for attempt 2 of 2), 20 s in waits between attempts"
    )


def test_a_rate_limit_takes_none_of_the_attempts(clock: Clock) -> None:
    watch = Stopwatch()
    with watch:
        call = OpenCall("judge", "qwen3", 2)
        attempt(call, clock, 5, ModelError("rate_limit", "no"))
        call.give_up(ACCOUNT)
    assert "(waiting for attempt 2 of 3)" in watch.account()


def test_attempts_in_another_form_are_counted_anew(clock: Clock) -> None:
    watch = Stopwatch()
    with watch:
        call = OpenCall("user", "qwen3", 3)
        attempt(call, clock, 1, ModelError("bad_request", "no such form"))
        call.allow(3)
        attempt(call, clock, 1, asyncio.CancelledError())
        call.give_up(ACCOUNT)
    assert "(at attempt 2 of 4)" in watch.account()


def test_what_took_no_time_is_not_named(clock: Clock) -> None:
    watch = Stopwatch()
    with watch:
        made("teacher", clock, 0.01)
        with watch.at("tools"):
            clock.passes(9.96)
        clock.passes(0.03)
    assert watch.account() == "10 s in tools"


def test_a_call_tells_its_own_times(clock: Clock) -> None:
    assert made("judge", clock, 0.5).sentence() == "It was a call of the judge: 0.5 s in 1 attempt."
    with Stopwatch():
        made("user", clock, 1)
        made("teacher", clock, 1)
        call = made("teacher", clock, 120, 120, 120, waits=1.5)
    assert call.sentence() == "It was call 2 of the teacher: 360 s in 3 attempts, 3.0 s in waits between them."


def test_accounts_are_handed_out_once(clock: Clock) -> None:
    watch = Stopwatch()
    with watch:
        OpenCall("teacher", "qwen3", 1).give_up(ACCOUNT)
    assert watch.given_up_accounts() == [ACCOUNT]
    assert watch.given_up_accounts() == []


async def test_rollouts_beside_each_other_have_their_own(clock: Clock) -> None:
    async def one(calls: int) -> str:
        watch = Stopwatch()
        with watch:
            for _ in range(calls):
                call = OpenCall("teacher", "qwen3", 1)
                await asyncio.sleep(0)
                attempt(call, clock, 1)
                call.close()
        return str(len(watch.closed))

    assert await asyncio.gather(one(1), one(2), one(3)) == ["1", "2", "3"]
    assert OpenCall("teacher", "qwen3", 1).number is None
