"""The assistant's texts state every fact that the answer must contain.

Each user turn's facts are looked for in what the assistant said between that user turn and the end of the
dialogue, so a fact given a little late still counts. The value is the share of facts stated; it passes at 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.facts import missing
from engine.spans import Span, spans
from engine.types import Frozen, Score, Trajectory

__all__ = ["FactsJudge"]


class Config(Frozen):
    """`from_turn_only` counts a fact only in the turn that asked for it."""

    from_turn_only: bool = False


class FactsJudge:
    """Compares texts with the proof's facts; no model is asked."""

    def __init__(self, config: Config) -> None:
        self._config = config

    async def score(self, trajectory: Trajectory) -> Sequence[Score]:
        if trajectory.proof is None or not trajectory.turns:
            return [_given(None, "There is no proof or no dialogue to compare.")]
        wanted = [turn.facts for turn in trajectory.proof.turns]
        total = sum(len(facts) for facts in wanted)
        if total == 0:
            return [_given(None, "The task asks for no fact.")]
        texts = _texts(trajectory, self._config.from_turn_only)
        lost = [fact[0] for facts, said in zip(wanted, texts, strict=True) for fact in missing(facts, said)]
        if not lost:
            return [_given(1.0, f"All {total} facts are stated.")]
        named = ", ".join(repr(fact) for fact in lost[:5])
        return [_given(1 - len(lost) / total, f"{len(lost)} of {total} facts are not stated: {named}.")]


def _texts(trajectory: Trajectory, from_turn_only: bool) -> list[str]:
    """Return, for each user turn of the task, the assistant's text in which its facts are looked for.

    That a tool is missing must be said in the turn itself. A request that was not made as such (a user may put two
    into one message) is looked for from the last one on.
    """
    task, known = trajectory.task, spans(trajectory)
    total = len(trajectory.proof.turns) if trajectory.proof else 0
    found: list[str] = []
    for number in range(total):
        span = known[number] if number < len(known) else Span(known[-1].start if known else 0, len(trajectory.turns))
        mode = task.turns[number].mode if task and number < len(task.turns) else None
        end = span.end if from_turn_only or mode == "missing_function" else len(trajectory.turns)
        said = trajectory.turns[span.start : end]
        found.append("\n".join(turn.content for turn in said if turn.role == "assistant"))
    return found


def _given(value: float | None, reason: str) -> Score:
    passed = None if value is None else value == 1.0
    return Score(name="facts", value=value, passed=passed, reason=reason, source="facts", method="fact")
