"""The first trajectories of a batch: what pauses it, what is only told, and what is left alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.running.early_look import FIRST, LEAST, EarlyLook
from engine.serving.choice import SandboxChoice
from engine.serving.worker import Worker
from engine.types import Domain, Endpoint, ModelCall, Trajectory, Turn
from storage.database import Database
from storage.generating import batches
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.llms.server import Server, serving
from tests.samples.batches import batch_of
from tests.samples.tasks import balance_proof
from tests.samples.trajectories import lost_trajectory, order_trajectory

CALL = ModelCall(role="teacher", model="qwen3", prompt_tokens=10, completion_tokens=2, cost_usd=0.01)
TALK = (Turn(role="system", content="Be brief."), Turn(role="user", content="Hello?"))


def kept(index: int, **changes: Any) -> Trajectory:
    return order_trajectory(index, **{"calls": (CALL,), "proof": balance_proof()} | changes)


def lost(index: int, reason: str, **changes: Any) -> Trajectory:
    return lost_trajectory(index, "rolled_out", reason, **{"calls": (CALL,), "proof": balance_proof()} | changes)


def failed(index: int, role: Any = "teacher", model: str = "qwen3") -> Trajectory:
    call = ModelCall(role=role, model=model, failed="server")
    return lost_trajectory(
        index, "rolled_out", "model_server", "failed", culprit="infrastructure", calls=(CALL, call), turns=TALK
    )


def reasons(look: EarlyLook, *seen: Trajectory) -> list[str]:
    return [look.see(trajectory) for trajectory in seen]


def test_no_call_at_all_pauses_at_the_tenth() -> None:
    look = EarlyLook()
    said = reasons(look, *(lost(n, "no_call", culprit="agent", turns=TALK) for n in range(LEAST)))
    assert said[:-1] == [""] * (LEAST - 1)
    assert said[-1].startswith("The teacher made no call in any of the first 10 rollouts that needed one")
    assert look.paused


def test_one_call_among_them_is_enough_and_rollouts_that_need_none_do_not_count() -> None:
    silent = [lost(n, "no_call", culprit="agent", turns=TALK) for n in range(FIRST)]
    assert not any(reasons(EarlyLook(), kept(0), *silent))
    assert not any(reasons(EarlyLook(), *(one.model_copy(update={"proof": None}) for one in silent)))


def test_texts_that_nobody_reads_pause() -> None:
    look = EarlyLook()
    unread = [lost(n, "leftovers" if n % 2 else "special_tokens", culprit="agent") for n in range(6)]
    said = reasons(look, *(kept(n) for n in range(10, 14)), *unread)
    assert said[:-1] == [""] * 9
    assert "In 6 of the first 10 dialogues the teacher's text held calls or control tokens" in said[-1]
    by_user = [one.model_copy(update={"culprit": "user"}) for one in unread]
    assert not any(reasons(EarlyLook(), *(kept(n) for n in range(10, 14)), *by_user))


def test_the_endpoint_whose_calls_fail_is_named() -> None:
    look = EarlyLook()
    said = reasons(look, *(kept(n) for n in range(4)), *(failed(n, "user", "small") for n in range(5)), failed(20))
    assert not any(said)
    said = reasons(look, failed(21, "user", "small"), failed(22, "user", "small"), failed(23, "user", "small"))
    assert "8 of the first 13 rollouts failed because calls of the user small failed" in said[-1]


@pytest.mark.parametrize("look", [EarlyLook(pauses=False), EarlyLook(before=LEAST)])
def test_a_batch_that_wants_none_or_was_resumed_goes_on(look: EarlyLook) -> None:
    assert not any(reasons(look, *(lost(n, "no_call", culprit="agent", turns=TALK) for n in range(FIRST))))
    assert "20 of 20 were lost for one reason: no call." in look.notice()


def test_later_faults_do_not_pause() -> None:
    look = EarlyLook()
    assert not any(reasons(look, *(kept(n) for n in range(FIRST)), *(lost(n, "leftovers") for n in range(60))))


def test_what_is_only_told() -> None:
    look = EarlyLook(expected=0.01)
    reasons(look, *(kept(n) for n in range(5)), *(lost(n, "facts", culprit="agent") for n in range(4)))
    assert look.notice() == "A kept trajectory costs 0.0180 dollars so far; the pilot's cost 0.0100."
    reasons(look, *(lost(n, "invented_value", culprit="user") for n in range(3)))
    assert "3 of 12 were lost to the simulated user: invented value 3." in look.notice()
    reasons(look, *(lost(n, "facts", culprit="agent") for n in range(4)))
    assert "8 of 16" not in look.notice()
    reasons(look, lost(30, "facts", culprit="agent"))
    assert "9 of 17 were lost for one reason: facts." in look.notice()


def test_costs_that_are_not_known_or_not_expected_are_not_compared() -> None:
    unpriced = kept(1, calls=(CALL.model_copy(update={"cost_usd": None}),))
    for look, seen in ((EarlyLook(expected=0.001), unpriced), (EarlyLook(), kept(1))):
        reasons(look, *[seen] * LEAST)
        assert look.notice() == ""


# ---------------------------------------------------------------- whole batches


def queued(db: Database, ledger: Domain, server: Server, **changes: Any) -> int:
    """Queue a batch of sixty, four in flight, whose teacher is at this server."""
    teacher = Endpoint(model="m", llm="openai_compatible", api_base=server.base, attempts=1)
    given = {"teacher": "llm", "models": {"teacher": teacher}, "sandbox": "local", "concurrency": 4, "trajectories": 60}
    return batches.create_batch(db, batch_of(ledger, **{**given, "modes": {"single": 1}, "turns": {1: 1}, **changes}))


async def worked(db: Database, number: int) -> batches.BatchRow:
    await Worker(SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda _: None).work(once=True)
    return batches.get_batch(db, number)


async def test_a_teacher_that_never_calls_costs_a_dozen_and_not_sixty(db: Database, ledger: Domain) -> None:
    async with serving() as server:
        server.plays = [{"text": "It is fine."}]
        number = queued(db, ledger, server)
        row = await worked(db, number)
        assert row.status == "paused"
        assert row.reason.count("made no call") == 1
        assert "first 10 rollouts" in row.reason
        assert LEAST <= row.progress.finished <= LEAST + 4
        batches.command(db, number, "resume")
        row = await worked(db, number)
    assert (row.status, row.progress.finished) == ("done", 60)


async def test_without_the_early_look_it_goes_on(db: Database, ledger: Domain) -> None:
    async with serving() as server:
        server.plays = [{"text": "It is fine."}]
        row = await worked(db, queued(db, ledger, server, early_look=False))
    assert (row.status, row.progress.finished) == ("done", 60)


async def test_one_success_now_and_then_does_not_hide_a_broken_endpoint(db: Database, ledger: Domain) -> None:
    async with serving() as server:
        bad = [{"error": "server", "said": "out of memory"}] * 8
        server.plays = [play for _ in range(40) for play in ({"text": "It is fine."}, *bad)]
        row = await worked(db, queued(db, ledger, server, early_look=False, concurrency=1))
    assert row.status == "paused"
    assert "of the last 24 rollouts failed because calls of the teacher m failed" in row.reason
    assert "out of memory" in row.reason
    assert row.progress.finished < 30


async def test_what_is_wrong_is_told_while_the_batch_runs(db: Database, ledger: Domain) -> None:
    async with serving() as server:
        server.plays = [{"text": "It is fine.", "seconds": 0.2}]
        number = queued(db, ledger, server, early_look=False)
        working = asyncio.create_task(worked(db, number))
        while not (row := batches.get_batch(db, number)).reason and not working.done():
            await asyncio.sleep(0.05)
        assert (row.status, row.severity) == ("running", "warning")
        assert "were lost for one reason: no call." in row.reason
        assert row.progress.finished < 60
        await working
