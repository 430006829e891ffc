"""A stored trajectory is judged again, as it is: no dialogue is held.

The judges read what the rollout recorded: turns, tools, task, proof and the difference of the workspaces. Hidden tests
are run again for those that want it (`Judge.replay`). Scores of judges that are not among them stand, and count in
outcome and reward like the new ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine import plugins
from engine.judging.keep import decide
from engine.judging.scoring import with_scores
from engine.protocols import Judge
from engine.types import STAGES, Batch, Judgement, Stage, Trajectory, TrajectoryFilter

FIRST_STAGE: Stage = "rolled_out"
"""Only what came through this stage has a dialogue that judges were asked about."""


def judged_kinds() -> frozenset[str]:
    """Return the kinds of attachments that judges make."""
    return frozenset().union(*(plugins.trait("judges", name, "makes", frozenset()) for name in plugins.names("judges")))


def that_can_be_judged(chosen: TrajectoryFilter) -> TrajectoryFilter:
    """Return the filter without what never came to its judges: failed rollouts, tasks without a proof, texts that could
    not become data."""
    reached = max(chosen.reached or FIRST_STAGE, FIRST_STAGE, key=STAGES.index)
    return chosen.model_copy(update={"reached": reached})


async def judged_again(trajectory: Trajectory, judges: Mapping[str, Judge], batch: Batch) -> Judgement:
    """Return what these judges find, with the bounds of `batch` on what is kept. Raises as the judges do."""
    kinds = judged_kinds()
    anew = frozenset().union(*(judge.makes for judge in judges.values()))
    bare = trajectory.model_copy(
        update={
            "scores": (),
            "calls": (),
            "status": "kept",
            "attachments": tuple(one for one in trajectory.attachments if one.kind not in anew),
        }
    )
    if (replay := next((judge.replay for judge in judges.values() if judge.replay is not None), None)) is not None:
        bare = bare.model_copy(update={"tests_passed": replay.passed})
    standing = [score for score in trajectory.scores if score.source not in judges]
    scored = await with_scores(bare, judges, standing=standing)
    return Judgement.of(decide(scored, batch), kinds, scored.calls)
