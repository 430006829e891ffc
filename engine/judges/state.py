"""End state equals the reference's, in both directions.

Which calls led to the end state does not matter. A task with hidden tests is judged by those instead: the rollout has
run them and recorded `tests_passed`, or whoever judges again has run them anew (`replay`); a change of a file that they
do not allow fails too. The score is None when the expected or the real end state is not known.

With partial credit (`passes_from` below 1) the value is (made - wrong) / expected, at least 0. `expected` counts the
places that the reference changes, `made` those of them that ended as they should, and `wrong` those that were changed
to something else, whether the reference changes them or not. Hidden tests know no partial credit: they pass or fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from engine.judging.state import Comparison, compared, paths_outside
from engine.protocols import Judge
from engine.types import HiddenTests, Options, Replayed, Score, Trajectory

__all__ = ["StateJudge"]

_PARTIAL = "1/partial credit"
"""The version of scores with partial credit. Their values mean another thing, and charts should not mix them."""


_DOUBT = "The tests run in one process with the code that they test, which could tell them what to say."


class Config(Options):
    """How much of the end state is enough. Places that are not compared are named by the domain's `state_ignore`."""

    passes_from: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share that passes. Below 1 an end state gets partial credit: the share of the expected changes that were
    made, minus wrong changes. At 1 it is right or wrong."""


class StateJudge(Judge):
    """Scores 1 when nothing differs, else 0, or its share where there is partial credit, with the places that
    differ."""

    decides = True
    stage = "state"

    def __init__(self, config: Config) -> None:
        self._passes_from = config.passes_from

    @classmethod
    def reason(cls, score: Score, trajectory: Trajectory) -> str:
        return "tests_failed" if trajectory.tests_passed is False else "state_mismatch"

    @classmethod
    def measures(cls, score: Score, trajectory: Trajectory | None = None) -> str:
        if score.version == _PARTIAL:
            return "Partial credit: the share of the reference's changes that were made, minus wrong changes."
        return "Whether the workspace ended as the reference leaves it, or the task's hidden tests pass."

    def wants_replay(self, trajectory: Trajectory) -> bool:
        return trajectory.task is not None and trajectory.task.hidden_tests is not None

    async def score(self, trajectory: Trajectory) -> Sequence[Score]:
        return [self._measured(trajectory)]

    def _measured(self, trajectory: Trajectory) -> Score:
        proof, diff, task = trajectory.proof, trajectory.diff, trajectory.task
        if task is not None and task.hidden_tests is not None:
            if self.replay is not None:
                return _with_doubt(_replayed_score(self.replay), task.hidden_tests)
            strays = paths_outside(diff, task.hidden_tests.allowed) if diff else []
            return _with_doubt(_hidden_tests_score(trajectory.tests_passed, strays), task.hidden_tests)
        if proof is None or proof.expected is None or diff is None or task is None:
            return _score(None, "The end state was not recorded, so it cannot be compared.")
        found = compared(proof.expected, diff, task.state_ignore)
        if self._passes_from < 1:
            return _partial_score(found, self._passes_from)
        if not found.differences:
            return _score(1.0, "The end state equals the reference's.")
        return _score(0.0, _places(found))


def _places(found: Comparison) -> str:
    """Return the first places that differ as a sentence."""
    shown = found.differences
    more = f" (and {len(shown) - 5} more)" if len(shown) > 5 else ""
    return "; ".join(entry.sentence() for entry in shown[:5]) + more + "."


def _partial_score(found: Comparison, passes_from: float) -> Score:
    """Return the score with partial credit, whose reason holds the numbers of the formula."""
    made, wrong, expected = found.made, found.wrong, found.expected
    if expected:
        share = max(0.0, (made - wrong) / expected)
        counted = f"{made} of {expected} expected changes made, {wrong} wrong: ({made} - {wrong}) / {expected}"
        told = f"Partial credit: {counted} gives {share:.2g}; {passes_from:g} passes."
    else:
        share = float(not wrong)
        told = f"Partial credit: no change was expected, {wrong} made."
    told += f" {_places(found)}" if found.differences else ""
    score = _score(share, told, passes_from)
    return score.model_copy(update={"version": _PARTIAL})


def _replayed_score(replay: Replayed) -> Score:
    """Return what hidden tests say that were run again."""
    if replay.passed is None:
        return _score(None, f"The hidden tests could not be run again. {replay.detail}")
    score = _hidden_tests_score(replay.passed, replay.strays)
    return score.model_copy(update={"reason": f"{score.reason.rstrip('.')}, {replay.detail}."})


def _with_doubt(score: Score, tests: HiddenTests) -> Score:
    """Say of tests that passed when the code that they test could have told them so."""
    if score.value != 1.0 or not tests.can_be_told:
        return score
    return score.model_copy(update={"reason": f"{score.reason} {_DOUBT}"})


def _hidden_tests_score(passed: bool | None, strays: Sequence[str]) -> Score:
    if passed is None:
        return _score(None, "The hidden tests were not run.")
    if strays:
        more = f" (and {len(strays) - 5} more)" if len(strays) > 5 else ""
        result = "The hidden tests pass" if passed else "The hidden tests fail"
        return _score(0.0, f"{result}, and files were changed that may not be: {', '.join(strays[:5])}{more}.")
    return _score(float(passed), "The hidden tests pass." if passed else "The hidden tests fail.")


def _score(value: float | None, reason: str, passes_from: float = 1.0) -> Score:
    passed = None if value is None else value >= passes_from
    return Score(name="state", value=value, passed=passed, reason=reason, source="state", method="state")
