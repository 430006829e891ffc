"""The assistant's texts state every fact that the answer must contain.

Each user turn's facts are looked for in what the assistant said between that user turn and the end of the
dialogue, so a fact given a little late still counts. The value is the share of facts stated; it passes at 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.facts import missing
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
        texts = _texts_by_user_turn(trajectory)
        lost: list[str] = []
        for number, facts in enumerate(wanted):
            until = number + 1 if self._config.from_turn_only else len(texts)
            said = "\n".join(texts[number:until])
            lost += [fact[0] for fact in missing(facts, said)]
        if not lost:
            return [_given(1.0, f"All {total} facts are stated.")]
        named = ", ".join(repr(fact) for fact in lost[:5])
        return [_given(1 - len(lost) / total, f"{len(lost)} of {total} facts are not stated: {named}.")]


def _texts_by_user_turn(trajectory: Trajectory) -> list[str]:
    """Return the assistant's text per request; a user turn that only reveals a withheld value starts no new one."""
    tasks = trajectory.task.turns if trajectory.task else ()
    texts: list[str] = []
    revealed = False
    for turn in trajectory.turns:
        if turn.role == "user":
            hidden = tasks[len(texts) - 1].hidden if 0 < len(texts) <= len(tasks) else None
            revealed = not revealed and hidden is not None and hidden in turn.content
            if not revealed:
                texts.append("")
        elif turn.role == "assistant" and texts:
            texts[-1] += f"\n{turn.content}"
    return texts


def _given(value: float | None, reason: str) -> Score:
    passed = None if value is None else value == 1.0
    return Score(name="facts", value=value, passed=passed, reason=reason, source="facts", method="fact")
