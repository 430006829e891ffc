"""What judges and modes measure."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from engine.types.frozen import Frozen


def _is_none(value: object) -> bool:
    return value is None


class Criterion(Frozen):
    """One yes/no question for the rubric judge, with its weight. `counts_as_yes` says what a yes takes, and
    `example_of_no` shows a no; the judge reads both where they are given."""

    id: str
    question: str
    counts_as_yes: str = ""
    example_of_no: str = ""
    weight: Annotated[float, Field(gt=0)] = 1.0


class Rubric(Frozen):
    """The questions of the rubric judge. `version` is part of every score that it gives; a weighted share of yes
    answers of `threshold` or more passes."""

    id: str = "default"
    version: int = 1
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.7
    criteria: tuple[Criterion, ...] = ()


class Score(Frozen):
    """One named measurement in 0..1, or None with a reason. `evidence` holds indexes into Trajectory.turns. `agreement`
    is the share of a panel's votes for this value, None where one judge gave it alone."""

    LATER: ClassVar[tuple[str, ...]] = ("agreement",)

    name: str
    value: Annotated[float, Field(ge=0, le=1)] | None
    reason: str
    source: str
    method: Literal["state", "rule", "fact", "model", "human"]
    passed: bool | None = None
    model: str | None = None
    version: str = "1"
    evidence: tuple[int, ...] = ()
    agreement: Annotated[float | None, Field(ge=0, le=1, exclude_if=_is_none)] = None


class Finding(NamedTuple):
    """Whether messages show what their mode demands (None: could not be measured), the reason in one sentence, and the
    indexes into Trajectory.turns that show it."""

    met: bool | None
    reason: str
    evidence: tuple[int, ...] = ()
