"""Which trajectories a batch keeps. Pure.

A trajectory is kept when its outcome is success (or failures are wanted), it exercised its mode and its reward reaches
the batch's bound; else it is rejected at the first gate that failed, with one short reason. Where the reference turned
out unsteady it is rejected as one whose task was never provable, also where failures are wanted: it is nobody's
failure. A human verdict stands above the judges; what it means is in engine/reviewing/verdicts.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine import plugins
from engine.judging.steadiness import UNSTEADY
from engine.protocols import Judge
from engine.types import Batch, Score, Stage, Trajectory

_GATES: tuple[Stage, ...] = ("rules", "state", "judged")


def decide(trajectory: Trajectory, batch: Batch) -> Trajectory:
    """Return the scored trajectory with status, stage, reason and detail set. One that failed stays as it is."""
    if trajectory.status == "failed":
        return trajectory
    loss = _loss(trajectory, batch)
    if loss is None:
        return trajectory.model_copy(update={"status": "kept", "stage": None, "reason": None, "detail": ""})
    stage, reason, detail = loss
    return trajectory.model_copy(update={"status": "rejected", "stage": stage, "reason": reason, "detail": detail})


def _loss(trajectory: Trajectory, batch: Batch) -> tuple[Stage, str, str] | None:
    if trajectory.outcome == "failure" and not batch.keep_failures:
        return _first_failure(trajectory)
    if trajectory.outcome != "failure" and trajectory.proof is not None and trajectory.proof.reason == UNSTEADY:
        return "proven", UNSTEADY, trajectory.proof.detail
    if trajectory.outcome == "unmeasured" and not batch.keep_failures and _decided(batch):
        return "judged", "unmeasured", _unmeasured(trajectory.scores)
    mode = _unexercised(trajectory)
    if mode is not None:
        return "rules", "mode_not_exercised", mode.reason
    if batch.min_reward > 0 and (trajectory.reward is None or trajectory.reward < batch.min_reward):
        told = "not measured" if trajectory.reward is None else f"{trajectory.reward:g}"
        return "judged", "low_reward", f"The reward is {told}; the batch asks for {batch.min_reward:g}."
    return None


def _decided(batch: Batch) -> bool:
    """Return whether a judge of the batch decides the outcome, so that a trajectory without one says nothing."""
    return any(plugins.load("judges", judge.name).make.decides for judge in batch.judges)


def _first_failure(trajectory: Trajectory) -> tuple[Stage, str, str]:
    failed = [(_judge(score), score) for score in trajectory.scores if score.passed is False]
    if not failed:
        return "judged", "failure", "The outcome is a failure."
    judge, first = min(failed, key=lambda pair: _GATES.index(pair[0].stage))
    return judge.stage, judge.reason(first, trajectory), first.reason


def _judge(score: Score) -> type[Judge]:
    """Return the class that gave a score; what is usual for judges where there is none of that name."""
    known = score.source in plugins.names("judges")
    judge: type[Judge] = plugins.load("judges", score.source).make if known else Judge
    return judge


def _unexercised(trajectory: Trajectory) -> Score | None:
    """Return the score that says that the dialogue never came to what its mode is about, or None. That is nobody's
    failure, yet under that mode the dialogue would be mislabelled, also where failures are wanted."""
    return next((s for s in trajectory.scores if s.source == "rules" and s.name == "mode" and s.value is None), None)


def _unmeasured(scores: Sequence[Score]) -> str:
    reasons = [f"{score.name}: {score.reason}" for score in scores if score.value is None]
    return "; ".join(reasons) or "No judge measured the outcome."
