"""Corrected calls replayed in a sandbox: other corrections apply, later calls follow, results and workspace compare."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine.domains import catalog
from engine.domains.sources import sources_of
from engine.protocols import SandboxPool
from engine.reviewing.corrections import ends_at
from engine.reviewing.replay import Correction, Replay, Runtime, replay
from engine.rolling.parts import environment_of
from engine.serving.choice import open_pool
from engine.types import Domain, Review, Trajectory, Turn
from tests.exporting.export_steps import applied
from tests.samples.trajectories import shop_trajectory
from tests.samples.turns import assistant_turn, calling_turn, result_turn, user_turn

SILENT = '    return {"account_id": account_id, "note": note}'


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local", allow_commands=False)
    yield opened
    await opened.aclose()


@pytest.fixture
def quiet(ledger: Domain) -> Domain:
    """A ledger whose set_note answers "ok" whatever it wrote."""
    source = ledger.files["tools/accounts.py"].decode()
    assert SILENT in source
    return catalog.parse({**ledger.files, "tools/accounts.py": source.replace(SILENT, '    return "ok"').encode()})


async def recorded(domain: Domain, pool: SandboxPool, *turns: Turn) -> Trajectory:
    """Return a dialogue whose calls were really made."""
    found: list[Turn] = []
    async with pool.lease(environment_of(domain, None, commands=False)) as sandbox:
        for turn in turns:
            found.append(turn)
            for call in turn.tool_calls:
                done = await sandbox.call(call.name, call.arguments)
                found.append(result_turn(call.id, call.name, done.content).model_copy(update={"fault": done.fault}))
    return shop_trajectory(0, tuple(found), tools=domain.tools)


async def replayed(
    domain: Domain, pool: SandboxPool, trajectory: Trajectory, turn: int, fix: Turn, *others: Correction
) -> Replay:
    environment = environment_of(domain, None, commands=False)
    runtime = Runtime(lambda: pool.lease(environment), sources_of(domain))
    return await replay(trajectory, Correction(turn=turn, fix=fix), others, runtime)


def note(id: str, account: str, text: str = "vip") -> Turn:
    return calling_turn((id, "set_note", {"account_id": account, "note": text}))


def move(id: str, amount: float) -> Turn:
    return calling_turn((id, "transfer", {"source": "A-1", "target": "A-2", "amount": amount}))


def balance(id: str, account: str = "A-1") -> Turn:
    return calling_turn((id, "get_balance", {"account_id": account}))


def review(turn: int, fix: Turn, found: Replay, **more: object) -> Review:
    return Review.model_validate(
        {"trajectory": 1, "turn": turn, "verdict": "fix", "fix": fix, "replayed": found.turns}
        | {"diverges": found.diverges, "follows": found.follows}
        | more
    )


async def test_the_same_answer_with_another_effect_is_told(quiet: Domain, pool: SandboxPool) -> None:
    done = await recorded(quiet, pool, user_turn("Mark A-1."), note("c1", "A-1"), assistant_turn("A-1 is marked."))
    fix = note("c1", "A-2")
    found = await replayed(quiet, pool, done, 1, fix)
    assert [turn.content for turn in found.turns] == [done.turns[2].content]
    assert (found.ok, found.other_results, found.diverges, found.breaks, found.behind) == (True, False, True, None, 3)
    assert {(p.path, p.pointer, p.recorded, p.corrected) for p in found.state} == {
        ("accounts.json", "/accounts/A-1/note", "vip", ""),
        ("accounts.json", "/accounts/A-2/note", "", "vip"),
    }
    exported = applied(done, [review(1, fix, found)])
    assert [turn.content for turn in exported.turns[2:]] == [done.turns[2].content]


async def test_the_later_result_that_no_longer_comes_is_found(quiet: Domain, pool: SandboxPool) -> None:
    turns = (user_turn("Mark it."), note("c1", "A-1"), balance("c2"), assistant_turn("It holds 250.5."))
    owner = quiet.files["workspace/accounts.json"].decode().split('"owner": "')[1].split('"')[0]
    look = calling_turn(("c3", "find_accounts", {"owner": owner}))
    done = await recorded(quiet, pool, *turns, user_turn("And the notes?"), look, assistant_turn("It is marked."))
    fix = note("c1", "A-1", "gold")
    found = await replayed(quiet, pool, done, 1, fix)
    assert (found.other_results, found.breaks) == (False, 8)
    assert done.turns[8].role == "tool"
    kept = review(1, fix, found, fits_until=found.breaks)
    exported = applied(done, [kept])
    assert exported.turns[-1] == done.turns[7]
    assert ends_at(done.turns, [kept]) == 8
    assert ends_at(done.turns, [review(1, fix, found)]) == 2


async def test_a_correction_without_any_effect_keeps_the_record(ledger: Domain, pool: SandboxPool) -> None:
    done = await recorded(
        ledger,
        pool,
        user_turn("Move 5."),
        move("c1", 5),
        assistant_turn("Done."),
        balance("c2"),
        assistant_turn("245.5."),
    )
    fix = move("c1", 5.0).model_copy(update={"content": "One moment."})
    found = await replayed(ledger, pool, done, 1, fix)
    assert (found.diverges, found.breaks, found.state, found.unsteady) == (False, None, (), None)
    assert ends_at(done.turns, [review(1, fix, found)]) == len(done.turns)


async def test_earlier_and_later_corrections_are_in_place(ledger: Domain, pool: SandboxPool) -> None:
    done = await recorded(
        ledger, pool, user_turn("Move 5."), move("c1", 5), user_turn("And 10."), move("c2", 10), assistant_turn("Done.")
    )
    first, second = move("c1", 35), move("c2", 20)
    alone = await replayed(ledger, pool, done, 4, second)
    assert '"source_balance": 225.5' in alone.turns[0].content
    before = await replayed(ledger, pool, done, 1, first)
    in_place = Correction(turn=1, fix=first, replayed=before.turns)
    both = await replayed(ledger, pool, done, 4, second, in_place)
    assert '"source_balance": 195.5' in both.turns[0].content
    assert both.follows == (1,)
    assert {(p.pointer, p.recorded, p.corrected) for p in both.state} == {
        ("/accounts/A-1/balance", 205.5, 195.5),
        ("/accounts/A-2/balance", 85, 95),
    }
    behind = Correction(turn=4, fix=second, replayed=alone.turns)
    assert (await replayed(ledger, pool, done, 1, first, behind)).breaks == 4


async def test_a_correction_taken_back_ends_what_was_replayed_with_it(ledger: Domain, pool: SandboxPool) -> None:
    done = await recorded(
        ledger, pool, user_turn("Move 5."), move("c1", 5), user_turn("And 10."), move("c2", 10), assistant_turn("Done.")
    )
    first, second = move("c1", 35), move("c2", 20)
    before = await replayed(ledger, pool, done, 1, first)
    both = await replayed(ledger, pool, done, 4, second, Correction(turn=1, fix=first, replayed=before.turns))
    earlier = review(1, first, before, fits_until=len(done.turns))
    later = review(4, second, both, fits_until=len(done.turns))
    exported = applied(done, [earlier, later])
    assert [turn.content for turn in exported.turns if turn.role == "tool"] == [
        t.content for t in (*before.turns, *both.turns)
    ]
    alone = applied(done, [later])
    assert alone.turns[-1].tool_calls == second.tool_calls
    assert ends_at(done.turns, [later]) == 5


async def test_a_record_that_does_not_come_again_is_named(ledger: Domain, pool: SandboxPool) -> None:
    done = await recorded(
        ledger,
        pool,
        user_turn("How much?"),
        balance("c1"),
        assistant_turn("250.5."),
        move("c2", 5),
        assistant_turn("Done."),
    )
    turns = (*done.turns[:2], result_turn("c1", "get_balance", "it was another day"), *done.turns[3:])
    found = await replayed(ledger, pool, done.model_copy(update={"turns": turns}), 4, move("c2", 6))
    assert found.unsteady == 2


async def test_a_refused_or_injected_fault_is_not_played_again(ledger: Domain, pool: SandboxPool) -> None:
    done = await recorded(ledger, pool, user_turn("Move 5."), move("c1", 5), move("c1", 5), assistant_turn("Done."))
    failed = done.turns[2].model_copy(update={"content": "Try again.", "fault": "injected"})
    async with pool.lease(environment_of(ledger, None, commands=False)) as sandbox:
        once = await sandbox.call("transfer", dict(done.turns[1].tool_calls[0].arguments))
    turns = (
        *done.turns[:2],
        failed,
        done.turns[3],
        done.turns[4].model_copy(update={"content": once.content}),
        assistant_turn("."),
    )
    found = await replayed(ledger, pool, done.model_copy(update={"turns": turns}), 3, move("c1", 6))
    assert found.unsteady is None
    assert '"source_balance": 244.5' in found.turns[0].content
