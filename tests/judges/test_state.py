"""The end state is right or wrong, or gets partial credit by a formula that its reason shows."""

from __future__ import annotations

from typing import Any

import pytest

from engine import plugins
from engine.judging.keep import decide
from engine.judging.meaning import measured_in_words
from engine.judging.scoring import with_scores
from engine.types import Change, HiddenTests, Leaf, Replayed, Score, StateDiff, Trajectory
from tests.samples.batches import batch_of
from tests.samples.tasks import balance_proof, balance_task
from tests.samples.trajectories import balance_trajectory

WANTED = {"/a": 1, "/b": 2, "/c": 3, "/d": 4}


def diff(leaves: dict[str, int], *more: Change) -> StateDiff:
    changed = tuple(Leaf(pointer=name, before=0, after=value) for name, value in leaves.items())
    one = Change(path="a.json", kind="modified", format="json", after_digest=str(leaves), leaves=changed)
    return StateDiff(changes=(one, *more))


def ended(found: StateDiff, wanted: StateDiff | None = None) -> Trajectory:
    proof = balance_proof().model_copy(update={"expected": diff(WANTED) if wanted is None else wanted})
    return balance_trajectory().model_copy(update={"proof": proof, "diff": found})


def judge(passes_from: float = 1.0) -> Any:
    plugin = plugins.load("judges", "state")
    return plugin.make(plugin.config(passes_from=passes_from))


async def score(found: Trajectory, passes_from: float = 0.5) -> Score:
    (one,) = await judge(passes_from).score(found)
    assert isinstance(one, Score)
    return one


@pytest.mark.parametrize(
    ("found", "value", "passed", "told"),
    [
        (WANTED, 1.0, True, "4 of 4 expected changes made, 0 wrong: (4 - 0) / 4"),
        ({"/a": 1, "/b": 2, "/c": 3}, 0.75, True, "3 of 4 expected changes made, 0 wrong: (3 - 0) / 4"),
        (WANTED | {"/x": 1}, 0.75, True, "4 of 4 expected changes made, 1 wrong: (4 - 1) / 4"),
        (WANTED | {"/d": 9}, 0.5, True, "3 of 4 expected changes made, 1 wrong: (3 - 1) / 4"),
        ({"/a": 1, "/b": 9, "/c": 9}, 0.0, False, "1 of 4 expected changes made, 2 wrong: (1 - 2) / 4"),
    ],
)
async def test_partial_credit_is_the_share_that_was_made_minus_what_is_wrong(
    found: dict[str, int], value: float, passed: bool, told: str
) -> None:
    one = await score(ended(diff(found)))
    assert (one.value, one.passed, one.version) == (value, passed, "1/partial credit")
    assert one.reason.startswith(f"Partial credit: {told} gives {value:g}; 0.5 passes.")
    assert measured_in_words(one).startswith("Partial credit: the share of the reference's changes")


async def test_without_the_option_the_end_state_is_right_or_wrong_and_says_nothing_of_credit() -> None:
    one = await score(ended(diff({"/a": 1, "/b": 2, "/c": 3})), 1.0)
    assert (one.value, one.passed, one.version) == (0.0, False, "1")
    assert "artial" not in one.reason + measured_in_words(one)


async def test_whole_files_count_as_one_place_and_a_reference_that_changes_nothing_allows_nothing() -> None:
    added = Change(path="b.bin", kind="added", format="binary", after_digest="b")
    assert (await score(ended(diff(WANTED), diff(WANTED, added)))).value == 0.8
    assert (await score(ended(StateDiff(), StateDiff()))).value == 1.0
    assert (await score(ended(diff(WANTED), StateDiff()))).value == 0.0


async def test_a_share_that_passes_keeps_the_trajectory_with_that_reward() -> None:
    batch = batch_of("ledger", judges=[{"state": {"passes_from": 0.5}}])
    found = await with_scores(ended(diff({"/a": 1, "/b": 2, "/c": 3})), {"state": judge(0.5)})
    assert (found.outcome, found.reward, decide(found, batch).status) == ("success", 0.75, "kept")
    strict = batch.model_copy(update={"min_reward": 0.8})
    assert decide(found, strict).reason == "low_reward"
    lost = await with_scores(ended(diff({"/a": 1})), {"state": judge(0.5)})
    assert (decide(lost, batch).status, decide(lost, batch).reason) == ("rejected", "state_mismatch")


async def test_partial_credit_counts_only_while_the_reference_is_steady() -> None:
    async def unsteady(_: Trajectory) -> str:
        return "It ended elsewhere."

    found = await with_scores(ended(diff({"/a": 1, "/b": 2, "/c": 3})), {"state": judge(0.5)}, unsteady)
    assert (found.outcome, found.culprit, found.scores[0].value) == ("unmeasured", "tool", None)


async def test_hidden_tests_know_no_partial_credit() -> None:
    task = balance_task().model_copy(update={"hidden_tests": HiddenTests(files={}, command=("true",), allowed=("a",))})
    given = balance_trajectory().model_copy(update={"task": task, "tests_passed": False})
    for passes_from in (0.5, 1.0):
        one = await score(given, passes_from)
        assert (one.value, one.reason, one.version) == (0.0, "The hidden tests fail.", "1")
    made = judge()
    made.replay = Replayed(passed=True, detail="run again after a replay of 2 recorded calls", strays=("b",))
    (one,) = await made.score(given)
    assert one.value == 0.0
    assert one.reason.endswith("changed that may not be: b, run again after a replay of 2 recorded calls.")
