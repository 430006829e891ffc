"""Which trajectories a batch keeps. Pure.

A trajectory is kept when its outcome is success (or the batch keeps failures), it exercised its mode and its reward
reaches the batch's bound; else it is rejected at the first gate that it failed, with one short reason. Where the
reference turned out unsteady, it is rejected as if its task had failed its proof, even when the batch keeps failures:
nobody failed. A human verdict overrules the judges (engine/reviewing/verdicts.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from engine import plugins
from engine.judging.steadiness import UNSTEADY
from engine.protocols import Judge
from engine.types import Batch, Score, Stage, Trajectory

_GATES: tuple[Stage, ...] = ("rules", "state", "judged")


def decide(trajectory: Trajectory, batch: Batch) -> Trajectory:
    """Return the scored trajectory with status, stage, reason and detail set; a failed one is returned as it is."""
    if trajectory.status == "failed":
        return trajectory
    loss = _loss(trajectory, batch)
    if loss is None:
        return trajectory.model_copy(update={"status": "kept", "stage": None, "reason": None, "detail": ""})
    stage, reason, detail = loss
    return trajectory.model_copy(update={"status": "rejected", "stage": stage, "reason": reason, "detail": detail})


def _loss(trajectory: Trajectory, batch: Batch) -> tuple[Stage, str, str] | None:
    """Return (stage, reason, detail) of a rejection, None for a trajectory that is kept."""
    if trajectory.outcome == "failure" and not batch.keep_failures:
        return _first_failure(trajectory)
    if trajectory.outcome != "failure" and trajectory.proof is not None and trajectory.proof.reason == UNSTEADY:
        return "proven", UNSTEADY, trajectory.proof.detail
    if trajectory.outcome == "unmeasured" and not batch.keep_failures and _has_deciding_judge(batch):
        return "judged", "unmeasured", _unmeasured_reasons(trajectory.scores)
    mode = _unexercised_mode(trajectory)
    if mode is not None:
        return "rules", "mode_not_exercised", mode.reason
    if batch.min_reward > 0 and (trajectory.reward is None or trajectory.reward < batch.min_reward):
        found = "not measured" if trajectory.reward is None else f"{trajectory.reward:g}"
        return "judged", "low_reward", f"The reward is {found}; the batch asks for {batch.min_reward:g}."
    return None


def _has_deciding_judge(batch: Batch) -> bool:
    """Return whether a judge of the batch can make the outcome a success. Without one every outcome is unmeasured, so
    that is no reason to reject."""
    return any(plugins.load("judges", judge.name).make.decides for judge in batch.judges)


def _first_failure(trajectory: Trajectory) -> tuple[Stage, str, str]:
    """Return (stage, reason, detail) of the failed score whose gate comes first."""
    failed = [(_judge_class(score), score) for score in trajectory.scores if score.passed is False]
    if not failed:
        return "judged", "failure", "The outcome is a failure."
    judge, first = min(failed, key=lambda pair: _GATES.index(pair[0].stage))
    return judge.stage, judge.reason(first, trajectory), first.reason


def _judge_class(score: Score) -> type[Judge]:
    """Return the class of the judge that gave a score, `Judge` with its defaults when no judge has that name."""
    known = score.source in plugins.names("judges")
    judge: type[Judge] = plugins.load("judges", score.source).make if known else Judge
    return judge


def _unexercised_mode(trajectory: Trajectory) -> Score | None:
    """Return the score that says that the dialogue never came to what its mode is about, None when it did.

    Nobody failed then, yet the dialogue would carry the wrong label: it is rejected even when the batch keeps failures.
    """
    return next((s for s in trajectory.scores if s.source == "rules" and s.name == "mode" and s.value is None), None)


def _unmeasured_reasons(scores: Sequence[Score]) -> str:
    reasons = [f"{score.name}: {score.reason}" for score in scores if score.value is None]
    return "; ".join(reasons) or "No judge measured the outcome."
