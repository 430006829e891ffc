"""End state equals the reference's, in both directions.

Which calls led to the end state does not matter. A task with hidden tests is judged by those instead: the rollout has
run them and recorded `tests_passed`; a change of a file that they do not allow fails too. The score is None when the
expected or the real end state is not known.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.judging.state import differences, paths_outside
from engine.protocols import Judge
from engine.types import Options, Score, Trajectory

__all__ = ["StateJudge"]


class Config(Options):
    """There is nothing to set: places that are not compared are named by the domain's `state_ignore`."""


class StateJudge(Judge):
    """Scores 1 when nothing differs, else 0 with the places that differ."""

    decides = True
    stage = "state"

    def __init__(self, config: Config) -> None: ...

    @classmethod
    def reason(cls, score: Score, trajectory: Trajectory) -> str:
        return "tests_failed" if trajectory.tests_passed is False else "state_mismatch"

    @classmethod
    def measures(cls, score: Score, trajectory: Trajectory | None = None) -> str:
        return "Whether the workspace ended as the reference leaves it, or the task's hidden tests pass."

    async def score(self, trajectory: Trajectory) -> Sequence[Score]:
        return [self._measured(trajectory)]

    def _measured(self, trajectory: Trajectory) -> Score:
        proof, diff, task = trajectory.proof, trajectory.diff, trajectory.task
        if task is not None and task.hidden_tests is not None:
            return _hidden_tests_score(
                trajectory.tests_passed, paths_outside(diff, task.hidden_tests.allowed) if diff else []
            )
        if proof is None or proof.expected is None or diff is None or task is None:
            return _score(None, "The end state was not recorded, so it cannot be compared.")
        found = differences(proof.expected, diff, task.state_ignore)
        if not found:
            return _score(1.0, "The end state equals the reference's.")
        more = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
        return _score(0.0, "; ".join(entry.sentence() for entry in found[:5]) + more + ".")


def _hidden_tests_score(passed: bool | None, strays: Sequence[str]) -> Score:
    if passed is None:
        return _score(None, "The hidden tests were not run.")
    if strays:
        more = f" (and {len(strays) - 5} more)" if len(strays) > 5 else ""
        result = "The hidden tests pass" if passed else "The hidden tests fail"
        return _score(0.0, f"{result}, and files were changed that may not be: {', '.join(strays[:5])}{more}.")
    return _score(float(passed), "The hidden tests pass." if passed else "The hidden tests fail.")


def _score(value: float | None, reason: str) -> Score:
    passed = None if value is None else value == 1.0
    return Score(name="state", value=value, passed=passed, reason=reason, source="state", method="state")
