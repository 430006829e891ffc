"""What every judge promises: never to raise for a bad trajectory, to explain itself, and None where it cannot tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from engine import plugins
from engine.domains import catalog
from engine.judging.meaning import measured_in_words
from engine.judging.scoring import with_scores
from engine.planning.planner import plan
from engine.protocols import AskingJudge
from engine.rolling.rollout import rollout
from engine.running.models import open_llm
from engine.running.wiring import judges_of
from engine.serving.choice import open_pool
from engine.types import (
    MODES,
    Change,
    Domain,
    HiddenTests,
    Leaf,
    Score,
    StateDiff,
    ToolCall,
    Trajectory,
    Turn,
)
from tests.engines import wired
from tests.samples.batches import batch_of
from tests.samples.models import scripted
from tests.samples.packs import LEDGER
from tests.samples.personas import TESS
from tests.samples.tasks import balance_proof, balance_task
from tests.samples.trajectories import balance_trajectory
from tests.samples.turns import talk

HOSTILE = "\x00\ud83d\ude00 {{ 7*7 }} </s><|im_end|> ]] }} %s " + "’" * 50 + "(?:a+)+$ " + "\u202e"
CALL = ToolCall(id="c", name="get_balance", arguments={"account_id": HOSTILE, "deep": [{"x": [None, True, 1e308]}]})
BROKEN = ToolCall(id="c", name="", arguments={}, raw="{not json")
LEAF = Leaf(pointer="/a~1b/*", before={"x": [1]}, after=HOSTILE)
DIFF = StateDiff(changes=(Change(path="[*].json", kind="modified", format="json", after_digest="x", leaves=(LEAF,)),))


def odd() -> dict[str, Trajectory]:
    """Return trajectories as no rollout of ours gives them, but an import or a fault may."""
    base = balance_trajectory()
    tests = balance_task().model_copy(update={"hidden_tests": HiddenTests(files={}, command=("true",))})
    many = talk(*["word " * 200] * 400)
    faulty = tuple(Turn(role="tool", content=HOSTILE, tool_call_id="c", fault="unknown_tool") for _ in range(9))
    changes: dict[str, dict[str, Any]] = {
        "no turns": {"turns": ()},
        "only a system turn": {"turns": base.turns[:1]},
        "only a user turn": {"turns": base.turns[:2]},
        "assistant first": {"turns": (Turn(role="assistant", content="Hi"),)},
        "empty answer": {"turns": (*base.turns[:2], Turn(role="assistant"))},
        "no task": {"task": None, "tools": ()},
        "no proof": {"proof": None, "diff": DIFF},
        "proof without state": {"proof": balance_proof()},
        "proof and odd diff": {"proof": balance_proof().model_copy(update={"expected": StateDiff()}), "diff": DIFF},
        "failed": {"status": "failed", "end": "error", "turns": base.turns[:3], "culprit": "infrastructure"},
        "not started": {"end": "not_started", "turns": (), "task": None},
        "task without turns": {
            "task": balance_task().model_copy(update={"turns": (), "modes": ("missing_parameter",)})
        },
        "hidden tests never ran": {"task": tests},
        "more results than calls": {"turns": (*base.turns, *faulty)},
        "hostile": {"turns": (*base.turns[:2], Turn(role="assistant", content=HOSTILE, tool_calls=(CALL, BROKEN)))},
        "huge": {"turns": many, "proof": balance_proof(), "diff": DIFF},
        "huge call": {"turns": (*base.turns, Turn(role="assistant", tool_calls=(CALL,) * 500, content="x" * 500_000))},
    }
    return {name: base.model_copy(update=change) for name, change in changes.items()}


def made(name: str) -> Any:
    """Return a judge as the runner wires it; one that asks a model gets an answer it cannot read."""
    llm = open_llm(scripted({"text": HOSTILE}), "judge")
    batch = batch_of("ledger", judges=(name,))
    return judges_of(batch, {"judge": llm})[name]


def explained(found: Any, source: str, trajectory: Trajectory) -> None:
    assert len({entry.name for entry in found}) == len(found)
    for entry in found:
        assert isinstance(entry, Score)
        assert entry.name
        assert entry.reason.strip()
        assert measured_in_words(entry)
        assert entry.source == source
        assert entry.value is None or 0 <= entry.value <= 1
        assert entry.value is not None or entry.passed is None
        assert all(0 <= place < len(trajectory.turns) for place in entry.evidence)


@pytest.mark.parametrize("what", sorted(odd()))
@pytest.mark.parametrize("name", plugins.names("judges"))
async def test_an_odd_trajectory_is_scored_or_said_to_be_unmeasurable(name: str, what: str) -> None:
    given = odd()[what]
    found = await made(name).score(given)
    assert found
    explained(found, name, given)


@pytest.mark.parametrize("what", ["no turns", "only a user turn", "not started"])
@pytest.mark.parametrize("name", plugins.names("judges"))
async def test_what_cannot_be_measured_is_none_and_never_zero(name: str, what: str) -> None:
    assert {entry.value for entry in await made(name).score(odd()[what])} == {None}


@pytest.mark.parametrize("name", plugins.names("judges"))
async def test_scoring_an_odd_trajectory_never_calls_it_a_success(name: str) -> None:
    for what in ("no turns", "failed", "not started"):
        found = await with_scores(odd()[what], {name: made(name)})
        assert found.outcome != "success"


@pytest.mark.parametrize("name", plugins.names("judges"))
async def test_a_judge_tells_by_its_method_whether_it_asks_a_model(name: str) -> None:
    judge = made(name)
    methods = {entry.method for entry in await judge.score(odd()["proof without state"])}
    assert (methods == {"model"}) is (judge.asks is not None) is isinstance(judge, AskingJudge)


@pytest.mark.parametrize("name", [n for n in plugins.names("judges") if made(n).asks is not None])
async def test_a_judge_that_is_not_asked_names_what_it_would_have_measured(name: str) -> None:
    judge = made(name)
    assert isinstance(judge, AskingJudge)
    unasked = judge.unmeasured("Not asked.")
    assert {(entry.value, entry.passed, entry.reason) for entry in unasked} == {(None, None, "Not asked.")}
    measured = await judge.score(odd()["proof without state"])
    assert [(e.name, e.source, e.method) for e in unasked] == [(e.name, e.source, e.method) for e in measured]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rolled() -> AsyncIterator[list[Trajectory]]:
    """One reference rollout of the ledger per mode, out of a real sandbox."""
    ledger: Domain = catalog.load(LEDGER)
    pool = await open_pool("local")
    batch = batch_of(ledger, trajectories=len(MODES), turns={1: 1})
    specs = plan(batch, {ledger.digest: ledger}, [TESS])
    parts = wired(batch, ledger, pool)
    yield [await rollout(spec, parts) for spec in specs]
    await pool.aclose()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [n for n in plugins.names("judges") if made(n).asks is None])
async def test_the_reference_passes_and_a_second_look_says_the_same(name: str, rolled: list[Trajectory]) -> None:
    assert len(rolled) == len(MODES)
    for given in rolled:
        first, second = await made(name).score(given), await made(name).score(given)
        assert list(first) == list(second)
        explained(first, name, given)
        assert all(entry.passed is not False for entry in first), (given.mode, first)
