"""How the tables of faults are asserted."""

from __future__ import annotations

from typing import Any

from engine.hygiene.check import Context, check
from engine.hygiene.findings import Role
from engine.hygiene.thoughts import split
from engine.types import Turn

TOOLS = frozenset(("get_order", "verify_customer", "book_appointment"))


def reasons(text: str, role: Role = "assistant", **context: Any) -> list[str]:
    """Return the reasons found in a text, after its thoughts were cut; each quote must be short and not empty."""
    found = check(split(text).text, Context(role, **{"tools": TOOLS, **context}))
    assert all(0 < len(one.quote) <= 120 for one in found)
    return [one.reason for one in found]


def said(*texts: str) -> list[Turn]:
    """Return turns in which a person and an assistant say these texts, the person first."""
    return [Turn(role="assistant" if place % 2 else "user", content=text) for place, text in enumerate(texts)]
