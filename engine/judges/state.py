"""End state equals the reference's, in both directions.

Any path to the same end state passes. A task with hidden tests is decided by them, which the rollout records as the
trajectory's `tests_passed`, and fails also when a file was changed that it may not touch. Without a proof or a
difference the score is None.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.judging.state import differences, paths_outside
from engine.protocols import Judge
from engine.types import Options, Score, Trajectory

__all__ = ["StateJudge"]


class Config(Options):
    """There is nothing to set: what is passed over is the domain's `state_ignore`, which travels with the task."""


class StateJudge(Judge):
    """Scores 1 when nothing differs, else 0 with the places that differ."""

    decides = True
    stage = "state"

    def __init__(self, config: Config) -> None: ...

    @classmethod
    def reason(cls, score: Score, trajectory: Trajectory) -> str:
        return "tests_failed" if trajectory.tests_passed is False else "state_mismatch"

    async def score(self, trajectory: Trajectory) -> Sequence[Score]:
        return [self._score(trajectory)]

    def _score(self, trajectory: Trajectory) -> Score:
        proof, diff, task = trajectory.proof, trajectory.diff, trajectory.task
        if task is not None and task.hidden_tests is not None:
            return _hidden(trajectory.tests_passed, paths_outside(diff, task.hidden_tests.allowed) if diff else [])
        if proof is None or proof.expected is None or diff is None or task is None:
            return _given(None, "The end state was not recorded, so it cannot be compared.")
        found = differences(proof.expected, diff, task.state_ignore)
        if not found:
            return _given(1.0, "The end state equals the reference's.")
        more = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
        return _given(0.0, "; ".join(entry.sentence() for entry in found[:5]) + more + ".")


def _hidden(passed: bool | None, strays: Sequence[str]) -> Score:
    if passed is None:
        return _given(None, "The hidden tests were not run.")
    if strays:
        more = f" (and {len(strays) - 5} more)" if len(strays) > 5 else ""
        told = "The hidden tests pass" if passed else "The hidden tests fail"
        return _given(0.0, f"{told}, and files were changed that may not be: {', '.join(strays[:5])}{more}.")
    return _given(float(passed), "The hidden tests pass." if passed else "The hidden tests fail.")


def _given(value: float | None, reason: str) -> Score:
    passed = None if value is None else value == 1.0
    return Score(name="state", value=value, passed=passed, reason=reason, source="state", method="state")
