"""Which trajectories a batch keeps. Pure.

A trajectory is kept when its outcome is success (or the batch keeps failures), it exercised its mode and its reward
reaches the batch's bound; else it is rejected at the first gate that it failed, with one short reason. What its judges
could not measure is neither: it is unmeasured, also where the batch keeps failures, and waits to be judged again. A
batch whose judges can neither decide nor be asked expects no outcome, and keeps it. Where the reference turned out
unsteady, it is rejected as if its task had failed its proof, even when the batch keeps failures: nobody failed. A human
verdict overrules the judges (engine/reviewing/verdicts.py).
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
    if loss is None and (stage_reason := _unmeasured(trajectory, batch)) is not None:
        reason, detail = stage_reason
        changes = {"status": "unmeasured", "stage": "judged", "reason": reason, "detail": detail}
        return trajectory.model_copy(update=changes)
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
    mode = _unexercised_mode(trajectory)
    if mode is not None:
        return "rules", "mode_not_exercised", mode.reason
    if batch.min_reward > 0 and trajectory.reward is not None and trajectory.reward < batch.min_reward:
        asked = f"The reward is {trajectory.reward:g}; the batch asks for {batch.min_reward:g}."
        return "judged", "low_reward", asked
    return None


def _unmeasured(trajectory: Trajectory, batch: Batch) -> tuple[str, str] | None:
    """Return (reason, detail) where what the batch asks for could not be measured, None where it was."""
    if trajectory.outcome == "unmeasured" and _expects_an_outcome(batch):
        return _why_unmeasured(trajectory), _unmeasured_reasons(trajectory.scores)
    if batch.min_reward > 0 and trajectory.reward is None:
        told = f"The batch asks for a reward of {batch.min_reward:g}, and none could be measured."
        return "unmeasured", told
    return None


def _why_unmeasured(trajectory: Trajectory) -> str:
    """Return the short code: whether the model of a judge gave no answer or none that can be read, else that nothing
    could be measured."""
    asked = {plugins.trait("judges", score.source, "asks", None) for score in trajectory.scores if score.value is None}
    last = next((call for call in reversed(trajectory.calls) if call.role in asked), None)
    if last is None:
        return "unmeasured"
    return "judge_no_answer" if last.failed else "judge_unreadable" if last.not_taken else "unmeasured"


def _expects_an_outcome(batch: Batch) -> bool:
    """Return whether a judge of the batch can make the outcome a success, or asks a model. Without one every outcome is
    unmeasured, so that holds nothing back."""
    judges = [plugins.load("judges", judge.name).make for judge in batch.judges]
    return any(judge.decides or judge.asks is not None for judge in judges)


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
    """Return why scores were not measured; scores with the same reason are named once, with the last of them."""
    by_reason = {score.reason: score.name for score in scores if score.value is None}
    return "; ".join(f"{name}: {reason}" for reason, name in by_reason.items()) or "No judge measured the outcome."
