"""Example personas."""

from __future__ import annotations

from typing import Any

from engine.types import Persona


def persona_named(id: str, **changes: Any) -> Persona:
    """Return a persona with this id; `changes` replace fields."""
    values: dict[str, Any] = {
        "id": id,
        "name": id.title(),
        "occupation": "teacher",
        "goal_style": "knows what she wants",
        "tone": "friendly",
        "expertise": "novice",
        "patience": 2,
        "disclosure": "step_by_step",
        "description": f"{id.title()} teaches maths. Asks short questions.",
    }
    return Persona(**values | changes)


ADA = persona_named("ada")
"""She says things one after the other, and gives up soon."""

TESS = Persona(
    id="tester",
    name="Tess",
    occupation="tester",
    goal_style="direct",
    tone="plain",
    expertise="expert",
    patience=6,
    disclosure="everything_at_once",
    description="Says what she wants.",
)
"""She says everything at once. The fixture `persona`."""
