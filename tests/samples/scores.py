"""Example scores."""

from __future__ import annotations

from typing import Any

from engine.types import Score


def score_of(name: str, value: float | None, method: Any = "rule", **changes: Any) -> Score:
    """Return a score of the judge of that name; it is passed at 1.0, and neither passed nor failed where unknown."""
    passed = None if value is None else value == 1.0
    values: dict[str, Any] = {"name": name, "source": name, "value": value, "passed": passed, "reason": "so"}
    return Score(**values | {"method": method} | changes)


def rubric_score(value: float | None) -> Score:
    """Return what a model said of a trajectory, with no threshold that it could pass."""
    return Score(name="rubric", value=value, reason="", source="rubric", method="model")
