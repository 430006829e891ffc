"""What judging a stored trajectory again found."""

from __future__ import annotations

from typing import NamedTuple

from engine.types.domains import Domain
from engine.types.frozen import Frozen
from engine.types.models import ModelCall
from engine.types.scores import Score
from engine.types.trajectories import Attachment, Culprit, Outcome, Stage, Status, Trajectory


class Replayed(Frozen):
    """What the hidden tests of a stored trajectory said after a replay of its calls. `passed` is None where that could
    not be measured; then `detail` is a sentence that says why, else it ends the sentence about the result. `strays` are
    changed files that the tests do not allow."""

    passed: bool | None
    detail: str
    strays: tuple[str, ...] = ()


class Origin(NamedTuple):
    """Where a stored trajectory comes from: the version of its domain (None: it is not stored here), and whether it was
    imported. `needs_isolation` says that the domain came from outside and that no user let it run without isolation."""

    domain: Domain | None
    imported: bool
    needs_isolation: bool = False


class Judgement(Frozen):
    """The part of a trajectory that its judges determine, as in Trajectory. `attachments` are those of kinds that
    judges make. `calls` are the model calls that it took; they are none of the trajectory's own."""

    status: Status
    outcome: Outcome
    culprit: Culprit | None = None
    stage: Stage | None = None
    reason: str | None = None
    detail: str = ""
    reward: float | None = None
    scores: tuple[Score, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    calls: tuple[ModelCall, ...] = ()

    @classmethod
    def of(cls, judged: Trajectory, kinds: frozenset[str], calls: tuple[ModelCall, ...] = ()) -> Judgement:
        """Return the judgement that a trajectory holds; `kinds` are those of attachments that judges make."""
        values = {name: getattr(judged, name) for name in _TAKEN}
        made = tuple(one for one in judged.attachments if one.kind in kinds)
        return cls(**values, attachments=made, calls=calls)

    def over(self, trajectory: Trajectory, kinds: frozenset[str]) -> Trajectory:
        """Return the trajectory with this judgement in place of its own; its model calls stay."""
        values = {name: getattr(self, name) for name in _TAKEN}
        others = tuple(one for one in trajectory.attachments if one.kind not in kinds)
        return trajectory.model_copy(update={**values, "attachments": (*others, *self.attachments)})


_TAKEN = ("status", "outcome", "culprit", "stage", "reason", "detail", "reward", "scores")
