"""The assistant's texts state every fact that the answer must contain.

Each request's facts are looked for in what the assistant said from that request to the end of the dialogue, so a fact
given a little late still counts, but not where a later request asks for the very same fact. The value is the share of
facts stated; it passes at 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine import modes
from engine.dialogue.facts import missing
from engine.dialogue.requests import spans
from engine.protocols import Judge
from engine.types import Options, ProvenTurn, Score, Span, Trajectory

__all__ = ["FactsJudge"]


class Config(Options):
    """There is nothing to set: the facts, and where each one counts, come with the task."""


class FactsJudge(Judge):
    """Compares texts with the proof's facts; no model is asked."""

    decides = True

    def __init__(self, config: Config) -> None: ...

    @classmethod
    def reason(cls, score: Score, trajectory: Trajectory) -> str:
        return "missing_fact"

    async def score(self, trajectory: Trajectory) -> Sequence[Score]:
        if trajectory.proof is None or not trajectory.turns:
            return [_given(None, "There is no proof or no dialogue to compare.")]
        total = sum(len(turn.facts) for turn in trajectory.proof.turns)
        if total == 0:
            return [_given(None, "The task asks for no fact.")]
        lost = _lost(trajectory, trajectory.proof.turns)
        if not lost:
            return [_given(1.0, f"All {total} facts are stated.")]
        named = ", ".join(repr(fact) for fact in lost[:5])
        return [_given(1 - len(lost) / total, f"{len(lost)} of {total} facts are not stated: {named}.")]


def _lost(trajectory: Trajectory, proven: Sequence[ProvenTurn]) -> list[str]:
    """Return the facts that are not stated where they count.

    Where a mode says so, they count in the turn itself only. A request that was not made as such (a user may put two
    into one message) is answered in the last one.
    """
    own = [_said(trajectory, span) for span in spans(trajectory)] or [""]
    lost: list[str] = []
    for number, turn in enumerate(proven):
        here = min(number, len(own) - 1)
        late = () if _at_once(trajectory, number) else range(here + 1, len(own))
        for fact in turn.facts:
            places = [here, *(place for place in late if fact not in proven[place].facts)]
            lost += [entry[0] for entry in missing([fact], "\n".join(own[place] for place in places))]
    return lost


def _said(trajectory: Trajectory, span: Span) -> str:
    return "\n".join(turn.content for turn in trajectory.turns[span.start : span.end] if turn.role == "assistant")


def _at_once(trajectory: Trajectory, number: int) -> bool:
    task = trajectory.task
    mode = modes.find(task.turns[number].mode) if task is not None and number < len(task.turns) else None
    return mode is not None and mode.at_once


def _given(value: float | None, reason: str) -> Score:
    passed = None if value is None else value == 1.0
    return Score(name="facts", value=value, passed=passed, reason=reason, source="facts", method="fact")
