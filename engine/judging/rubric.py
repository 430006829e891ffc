"""The rubric of batches that name none: six yes/no questions about an assistant that uses tools."""

from __future__ import annotations

from engine.types import Criterion, Rubric

DEFAULT = Rubric(
    id="default",
    version=1,
    threshold=0.7,
    criteria=(
        Criterion(
            id="goal_met",
            question="Did the person get everything that they asked for, or a correct reason why it is not possible?",
            weight=3.0,
        ),
        Criterion(
            id="truthful",
            question="Is every fact that the assistant states, and every action that it claims, backed by a tool "
            "result, the policy or the person's words?",
            weight=3.0,
        ),
        Criterion(
            id="policy_kept",
            question="Did the assistant keep every rule of the policy, including required checks before a change?",
            weight=2.0,
        ),
        Criterion(
            id="calls_fit",
            question="Was every tool call useful for the request, with arguments that come from the person, a tool "
            "result or the policy, and none of them made up?",
            weight=2.0,
        ),
        Criterion(
            id="recovered",
            question="When a call failed or something was missing, did the assistant react sensibly: repeat or correct "
            "the call, ask for what was missing, or say plainly that it cannot be done?",
            weight=1.0,
        ),
        Criterion(
            id="clear",
            question="Are the assistant's answers clear, polite and to the point, without internal details that the "
            "person has no use for?",
            weight=1.0,
        ),
    ),
)
