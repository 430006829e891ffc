"""The assistant's texts state every fact that the answer must contain.

A request's facts are looked for in the assistant's texts from that request to the end of the dialogue, so a fact that
is given late still counts, except in the answer to a later request that asks for the same fact. The value is the share
of facts stated; the judge passes at 1, or with partial credit from `passes_from` on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from engine import modes
from engine.dialogue.facts import missing
from engine.dialogue.requests import spans
from engine.protocols import Judge
from engine.types import Options, ProvenTurn, Score, Span, Trajectory

__all__ = ["FactsJudge"]


class Config(Options):
    """How many of the facts are enough; which they are, and where each one counts, comes with the task."""

    passes_from: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of facts that passes. Below 1 an answer gets partial credit: it passes, with the share as its value."""


class FactsJudge(Judge):
    """Compares texts with the proof's facts; no model is asked."""

    decides = True

    def __init__(self, config: Config) -> None:
        self._passes_from = config.passes_from

    @classmethod
    def measures(cls, score: Score, trajectory: Trajectory | None = None) -> str:
        return "The share of the facts that the answers must contain which the assistant stated."

    @classmethod
    def reason(cls, score: Score, trajectory: Trajectory) -> str:
        return "missing_fact"

    async def score(self, trajectory: Trajectory) -> Sequence[Score]:
        if trajectory.proof is None or not trajectory.turns:
            return [_score(None, "There is no proof or no dialogue to compare.")]
        total = sum(len(turn.facts) for turn in trajectory.proof.turns)
        if total == 0:
            return [_score(None, "The task asks for no fact.")]
        unstated = _unstated_facts(trajectory, trajectory.proof.turns)
        if not unstated:
            return [_score(1.0, f"All {total} facts are stated.")]
        named = ", ".join(repr(fact) for fact in unstated[:5])
        share = 1 - len(unstated) / total
        told = f"{len(unstated)} of {total} facts are not stated: {named}."
        if self._passes_from < 1:
            told = f"Partial credit: {told} The share is {share:.2g}; {self._passes_from:g} passes."
        return [_score(share, told, passes_from=self._passes_from)]


def _unstated_facts(trajectory: Trajectory, proven: Sequence[ProvenTurn]) -> list[str]:
    """Return the facts that are stated in none of the answers where they count.

    Under modes with `at_once` they count only in the answer to their own request. A user may put two requests into one
    message; a request without a message of its own is looked for in the last answer.
    """
    answers = [_assistant_text(trajectory, span) for span in spans(trajectory)] or [""]
    unstated: list[str] = []
    for number, turn in enumerate(proven):
        here = min(number, len(answers) - 1)
        later = () if _at_once(trajectory, number) else range(here + 1, len(answers))
        for fact in turn.facts:
            places = [here, *(place for place in later if fact not in proven[place].facts)]
            unstated += [entry[0] for entry in missing([fact], "\n".join(answers[place] for place in places))]
    return unstated


def _assistant_text(trajectory: Trajectory, span: Span) -> str:
    return "\n".join(turn.content for turn in trajectory.turns[span.start : span.end] if turn.role == "assistant")


def _at_once(trajectory: Trajectory, number: int) -> bool:
    task = trajectory.task
    mode = modes.find(task.turns[number].mode) if task is not None and number < len(task.turns) else None
    return mode is not None and mode.at_once


def _score(value: float | None, reason: str, *, passes_from: float = 1.0) -> Score:
    passed = None if value is None else value >= passes_from
    return Score(name="facts", value=value, passed=passed, reason=reason, source="facts", method="fact")
