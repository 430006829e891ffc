"""Distractor tools.

All tools of the domain are offered in a drawn order, with those of the pack's `tools/distractors.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from engine.modes._messages import calls
from engine.modes._plain import PlainMode
from engine.types import Domain, Finding, Options, Span, Tool, Trajectory

__all__ = ["DistractorsMode"]


class Config(Options):
    """There is nothing to set."""


class DistractorsMode(PlainMode):
    help = "All tools of the domain are offered, and tools beside them that only look useful and must not be called."

    def offered(
        self, domain: Domain, needed: Collection[str], withheld: Collection[str], rng: Random
    ) -> tuple[Tool, ...]:
        return tuple(rng.sample(domain.tools, len(domain.tools)))

    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding:
        bad = {tool.name for tool in trajectory.tools if tool.distractor}
        for index, call, _ in calls(trajectory, Span(0, len(trajectory.turns))):
            if call.name in bad:
                return Finding(False, f"The distractor {call.name} was called.", (index,))
        return Finding(True, "No distractor was called.")
