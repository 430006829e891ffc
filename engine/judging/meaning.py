"""What a score measured, in words, also where its judge is not installed here."""

from __future__ import annotations

from engine import plugins
from engine.types import Score, Trajectory


def measured_in_words(score: Score, trajectory: Trajectory | None = None) -> str:
    """Return one sentence that says what a score (of this trajectory) measured; "" where nobody here knows."""
    if score.source not in plugins.names("judges"):
        return ""
    said: str = plugins.load("judges", score.source).make.measures(score, trajectory)
    return said or plugins.label("judges", score.source)
