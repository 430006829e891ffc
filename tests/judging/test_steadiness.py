"""The agent is not blamed where the reference itself misses its end state again, as when a tool reads the clock."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import openpyxl
import pytest
import pytest_asyncio

from engine.domains import catalog
from engine.errors import SandboxError
from engine.judging.keep import decide
from engine.judging.scoring import with_scores
from engine.judging.steadiness import UNSTEADY, Steadiness, made_the_reference_calls
from engine.planning import tasks
from engine.planning.planner import plan
from engine.protocols import Judge, SandboxPool
from engine.rolling.rollout import rollout
from engine.running.models import open_llm
from engine.serving.choice import open_pool
from engine.types import Change, Domain, Leaf, Persona, Proof, Score, StateDiff, Trajectory
from tests.engines import FailingPool, wired
from tests.samples.batches import batch_of
from tests.samples.models import scripted
from tests.samples.scores import score_of
from tests.samples.trajectories import trajectory_of

TOOLS = '''"""Tools of a desk whose drawers remember when they were opened."""
import os, sqlite3, time
import openpyxl


def stamp(note: str) -> str:
    """Write a note with the moment of writing.

    Args:
        note: What is written.

    Effect: write
    """
    time.sleep({pause})
    with sqlite3.connect("desk.db") as desk:
        desk.execute("insert into notes(text) values(?)", (note,))
    return "written"


def write_down(note: str) -> str:
    """Write a note the other way.

    Args:
        note: What is written.

    Effect: write
    """
    with sqlite3.connect("desk.db") as desk:
        desk.execute("insert into notes(text) values(?)", (note + "!",))
        desk.execute("update notes set text = rtrim(text, '!')")
    return "written"


def enter(amount: int) -> str:
    """Enter an amount into the book.

    Args:
        amount: What is entered.

    Effect: write
    """
    time.sleep({pause})
    book = openpyxl.load_workbook("book.xlsx")
    book.active["A1"] = amount
    book.save("book.xlsx")
    return "entered"


def wipe() -> str:
    """Write nothing down, and something else.

    Effect: write
    """
    open("other.txt", "w").write("x")
    return "wiped"


def file(note: str) -> str:
    """File a note where it belongs.

    Args:
        note: What is filed.

    Effect: write
    """
    open("filed.txt", "w").write(note)
    return "filed"


def refile(note: str) -> str:
    """File a note where it belongs, from behind.

    Args:
        note: What is filed.

    Effect: write
    """
    open("filed.txt", "w").write(note[:1])
    open("filed.txt", "a").write(note[1:])
    return "filed"


def ask_the_clerk(note: str) -> str:
    """Have a clerk file a note, who is busy every other time.

    Args:
        note: What is filed.

    Effect: write
    """
    if os.urandom(1)[0] % 2:
        raise ValueError("The clerk is busy.")
    open("filed.txt", "w").write(note)
    return "filed"


def dictate(note: str) -> str:
    """Have a clerk file a note, who is busy every other time, and too late.

    Args:
        note: What is filed.

    Effect: write
    """
    busy = os.urandom(1)[0] % 2
    open("filed.txt", "w").write(note + "!" * busy)
    if busy:
        raise ValueError("The clerk is busy.")
    return "filed"
'''
TEMPLATE = """id: {id}
title: {id}
goal: Get it done.
turns:
  - say: ["Please do it."]
    chain:
      - call: {call}
        arguments: {arguments}
    answer: ["Done."]
    facts: ["done"]
"""
CHAINS = {"note": ("stamp", "{note: hello}"), "book": ("enter", "{amount: 7}"), "steady": ("file", "{note: tea}")}
CHAINS |= {"busy": ("ask_the_clerk", "{note: tea}"), "late": ("dictate", "{note: tea}")}


def desk(pause: float = 0.0) -> Domain:
    book = io.BytesIO()
    openpyxl.Workbook().save(book)
    database = sqlite3.connect(":memory:")
    database.execute("create table notes (id integer primary key, text text, at text default current_timestamp)")
    database.commit()
    files = {
        "domain.yaml": b"id: desk\nname: Desk\ndescription: A desk.\n",
        "policy.md": b"You look after a desk.\n",
        "tools/desk.py": TOOLS.replace("{pause}", str(pause)).encode(),
        "workspace/desk.db": database.serialize(),
        "workspace/book.xlsx": book.getvalue(),
    }
    for name, (call, arguments) in CHAINS.items():
        files[f"templates/{name}.yaml"] = TEMPLATE.format(id=name, call=call, arguments=arguments).encode()
    return catalog.parse(files)


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local", allow_commands=True)
    yield opened
    await opened.aclose()


async def rolled(
    domain: Domain, persona: Persona, pool: SandboxPool, template: str, number: int = 1, **changes: Any
) -> list[Trajectory]:
    """Return so many attempts at one task, a moment apart, in one batch."""
    shares = [{"id": domain.id, "digest": domain.digest, "templates": [template]}]
    more = {"domains": shares, "modes": {"distractors": 1}, "turns": {1: 1}, "attempts": number, "trajectories": number}
    batch = batch_of(domain, **(more | changes))
    parts = wired(batch, domain, pool, {role: open_llm(e, role) for role, e in batch.models.items()})
    found = []
    for spec in plan(batch, {domain.digest: domain}, [persona]):
        found.append(await rollout(spec, parts))
        await asyncio.sleep(0.3)
    return found


def plays(*calls: tuple[str, dict[str, Any]], answer: str = "It is done.") -> dict[str, Any]:
    replies = [{"calls": [{"name": name, "arguments": arguments}]} for name, arguments in calls]
    return {"teacher": "llm", "models": {"teacher": scripted(*replies, {"text": answer}, by="dialogue")}}


async def test_a_workbook_that_is_saved_again_is_compared_by_its_cells(persona: Persona, pool: SandboxPool) -> None:
    found = await rolled(desk(pause=1.1), persona, pool, "book", 3)
    assert [one.status for one in found] == ["kept"] * 3
    assert found[0].diff is not None
    (change,) = found[0].diff.changes
    assert [(leaf.pointer, leaf.before) for leaf in change.leaves] == [("/Sheet/A1", None)]


async def test_no_perfect_player_of_a_chain_that_hangs_on_the_clock_is_blamed(
    persona: Persona, pool: SandboxPool
) -> None:
    found = await rolled(desk(pause=1.1), persona, pool, "note", 4)
    assert all(one.status == "kept" or one.culprit == "tool" for one in found), [one.culprit for one in found]
    lost = [one for one in found if one.status != "kept"]
    assert lost, "a second passes between two attempts"
    assert {(one.status, one.stage, one.reason, one.outcome) for one in lost if one.turns} == {
        ("rejected", "proven", UNSTEADY, "unmeasured")
    }
    first = next(one for one in lost if one.turns)
    state = next(entry for entry in first.scores if entry.name == "state")
    assert (state.value, state.passed) == (None, None)
    assert first.proof is not None
    assert first.proof.reason == UNSTEADY
    assert first.proof.detail == first.detail == state.reason != ""


@pytest.mark.parametrize("template", ["busy", "late"])
async def test_no_perfect_player_of_a_tool_that_refuses_by_chance_is_blamed(
    persona: Persona, pool: SandboxPool, template: str
) -> None:
    lost: list[Trajectory] = []
    for _ in range(40):  # until the proof was served and a rollout was not
        found = await rolled(desk(), persona, pool, template, 3)
        lost += [one for one in found if one.status != "kept" and one.turns]
        if lost:
            break
    assert lost
    assert {(one.outcome, one.culprit, one.reason) for one in lost} == {("unmeasured", "tool", UNSTEADY)}


async def test_another_way_to_an_end_that_hangs_on_the_clock_is_found_by_replay(
    persona: Persona, pool: SandboxPool
) -> None:
    found = await rolled(desk(1.1), persona, pool, "note", 5, **plays(("write_down", {"note": "hello"})))
    lost = [one for one in found if one.status != "kept"]
    assert lost
    assert {(one.culprit, one.reason) for one in lost} == {("tool", UNSTEADY)}
    assert "no longer gives its stored end state" in lost[0].detail
    assert "desk.db#notes/1" in lost[0].detail
    assert [one.turns for one in lost[1:]] == [() for _ in lost[1:]]  # once seen, no word is paid for


async def test_a_wrong_player_of_a_steady_chain_stays_the_one_to_blame(persona: Persona, pool: SandboxPool) -> None:
    (right,) = await rolled(desk(), persona, pool, "steady", **plays(("refile", {"note": "tea"})))
    assert (right.status, right.outcome) == ("kept", "success")
    (wrong,) = await rolled(desk(), persona, pool, "steady", **plays(("wipe", {})))
    assert (wrong.status, wrong.stage, wrong.reason, wrong.culprit) == ("rejected", "state", "state_mismatch", "agent")


async def test_a_lost_rule_is_booked_on_the_agent_also_where_the_reference_is_unsteady(
    persona: Persona, pool: SandboxPool
) -> None:
    twins = {"calls": [{"name": "stamp", "arguments": {"note": "hi"}}] * 2}
    broken = {"teacher": "llm", "models": {"teacher": scripted(twins, {"text": "It is done."})}}
    (found,) = await rolled(desk(1.1), persona, pool, "note", **broken)
    assert (found.outcome, found.culprit, found.stage) == ("failure", "agent", "rules")
    assert next(entry for entry in found.scores if entry.name == "state").value is None


async def test_wanted_failures_hold_no_unsteady_ones(persona: Persona, pool: SandboxPool) -> None:
    found = await rolled(desk(1.1), persona, pool, "note", 2, keep_failures=True)
    assert {one.reason for one in found if one.status != "kept"} == {UNSTEADY}


async def test_a_sandbox_that_breaks_during_the_replay_costs_no_dialogue(persona: Persona, pool: SandboxPool) -> None:
    failing = FailingPool(pool, lambda number: SandboxError("broken pipe") if number == 2 else None)
    (found,) = await rolled(desk(), persona, failing, "steady", **plays(("wipe", {})))
    assert (found.reason, found.culprit, found.execution.infrastructure_retries) == ("state_mismatch", "agent", 0)
    assert failing.leases == 4  # proof, rollout, the broken one, replay


async def test_hidden_tests_that_no_longer_pass_blame_the_tool(persona: Persona, pool: SandboxPool) -> None:
    files = dict(desk().files)
    files["hidden/check.py"] = b"import os, sys\nsys.exit(0 if open('filed.txt').read() == 'tea' else 1)\n"
    for name in CHAINS:
        del files[f"templates/{name}.yaml"]
    template = TEMPLATE.format(id="checked", call="file", arguments="{note: tea}")
    tests = 'hidden_tests:\n  files: {check.py: hidden/check.py}\n  command: ["/usr/bin/python3", "check.py"]\n'
    files["templates/checked.yaml"] = (template + tests).encode()
    (wrong,) = await rolled(catalog.parse(files), persona, pool, "checked", **plays(("wipe", {})))
    assert (wrong.tests_passed, wrong.reason, wrong.culprit) == (False, "tests_failed", "agent")


# ---------------------------------------------------------------- without a sandbox


def proven(after: Any, reason: Any = None) -> Proof:
    change = Change(
        path="a.json",
        kind="modified",
        format="json",
        after_digest=str(after),
        leaves=(Leaf(pointer="/at", before=0, after=after),),
    )
    return Proof(task_id="t", expected=StateDiff(changes=(change,)), reason=reason, detail="It fails.")


TASK = tasks.sample(desk(), mode="multiple", seed=1, only=("steady",))


def lost() -> Trajectory:
    return trajectory_of(0, domain="desk", teacher="llm", task=TASK, proof=proven(1), end="done")


class Chain:
    """A reference chain whose replays end as told, and how often it was replayed."""

    def __init__(self, *ends: Proof) -> None:
        self.ends, self.replays = list(ends), 0

    async def replay(self) -> Proof:
        self.replays += 1
        await asyncio.sleep(0.05)
        return self.ends[min(self.replays, len(self.ends)) - 1]


async def test_losses_that_come_together_share_a_replay_and_later_ones_ask_anew() -> None:
    asked, chain = Steadiness(), Chain(proven(1))
    assert await asyncio.gather(*(asked.unsteady_reason(lost(), chain.replay) for _ in range(60))) == [None] * 60
    assert chain.replays == 2  # the first one's, and one for all who came while it ran
    assert await asked.unsteady_reason(lost(), chain.replay) is None
    assert chain.replays == 3


async def test_a_loss_never_relies_on_a_replay_that_began_before_it() -> None:
    asked, chain = Steadiness(), Chain(proven(1), proven(2))
    first = asyncio.create_task(asked.unsteady_reason(lost(), chain.replay))
    await asyncio.sleep(0.01)
    later = await asked.unsteady_reason(lost(), chain.replay)
    assert (await first, chain.replays) == (None, 2)
    assert later is not None


async def test_what_was_seen_unsteady_is_so_for_good() -> None:
    asked, chain = Steadiness(), Chain(proven(1), proven(2), proven(1))
    told = [await asked.unsteady_reason(lost(), chain.replay) for _ in range(4)]
    assert told[0] is None
    assert told[1] is not None
    assert "a.json#/at should be 1 and is 2" in told[1]
    assert told[1] == told[2] == told[3]
    assert chain.replays == 2
    assert asked.known_reason(TASK) == told[1]
    assert asked.known_reason(TASK.model_copy(update={"seed": TASK.seed + 1})) is None


async def test_a_chain_that_fails_when_replayed_is_unsteady() -> None:
    told = await Steadiness().unsteady_reason(lost(), Chain(proven(1, "unsolvable")).replay)
    assert told is not None
    assert told.endswith("no longer holds: It fails.")


async def test_a_replay_that_cannot_be_made_is_no_answer() -> None:
    asked = Steadiness()

    async def broken() -> Proof:
        raise SandboxError("broken pipe")

    with pytest.raises(SandboxError):
        await asked.unsteady_reason(lost(), broken)
    assert await asked.unsteady_reason(lost(), Chain(proven(1)).replay) is None


async def test_what_is_void_is_scored_as_unmeasured_and_asks_no_model() -> None:
    class Says(Judge):
        def __init__(self, *scores: Score) -> None:
            self.scores = scores

        async def score(self, trajectory: Trajectory) -> tuple[Score, ...]:
            return self.scores

    class Asks(Says):
        asks = "judge"
        calls: tuple[Any, ...] = ()

        async def score(self, trajectory: Trajectory) -> tuple[Score, ...]:
            raise AssertionError("a model was asked")

    judges = {
        "state": Says(score_of("state", 0.0, "state")),
        "facts": Says(score_of("facts", 0.0, "fact")),
        "rules": Says(score_of("valid_calls", 1.0)),
        "rubric": Asks(),
    }
    doubts = 0

    async def doubt(trajectory: Trajectory) -> str | None:
        nonlocal doubts
        doubts += 1
        return "It differs."

    found = await with_scores(lost(), judges, doubt)
    assert (found.outcome, found.culprit, found.reward, doubts) == ("unmeasured", "tool", 1.0, 1)
    assert {entry.name: (entry.value, entry.reason) for entry in found.scores} == {
        "state": (None, "It differs."),
        "facts": (None, "It differs."),
        "valid_calls": (1.0, "so"),
        "rubric": (None, "Not asked: the reference does not hold."),
    }
    for wanted in (False, True):
        done = decide(found, batch_of(desk(), keep_failures=wanted))
        assert (done.status, done.stage, done.reason, done.detail) == ("rejected", "proven", UNSTEADY, "It differs.")
    judges["state"] = Says(score_of("state", 1.0, "state"))
    missed = await with_scores(lost(), judges, doubt)
    assert (missed.outcome, missed.culprit, doubts) == ("failure", "agent", 1)


async def test_only_exactly_the_calls_of_the_reference_are_taken_for_them(persona: Persona, pool: SandboxPool) -> None:
    (same,) = await rolled(desk(), persona, pool, "steady")
    (other,) = await rolled(desk(), persona, pool, "steady", **plays(("file", {"note": "Tea"})))
    (twice,) = await rolled(desk(), persona, pool, "steady", **plays(*[("file", {"note": "tea"})] * 2))
    (refused,) = await rolled(desk(), persona, pool, "steady", **plays(("fly", {}), ("file", {"note": "tea"})))
    assert [made_the_reference_calls(one) for one in (same, other, twice, refused)] == [True, False, False, True]
