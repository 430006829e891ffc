"""What the person of a task wants, as text: the goals of the requests in the dialogue. Pure.

A template may give a `goal` to every turn. A task joins the goals of its requests in order, so that the person wants
nothing that the dialogue never asks. When one of its requests has none, the task takes the goal of the whole template,
however few of the template's requests it has.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from engine.domains import templates
from engine.types import TaskTemplate

KNOWN: dict[str, Any] = {"known": True}


def by_request(template: TaskTemplate, turns: int | None = None) -> bool:
    """Return whether each of the template's first `turns` turns (default: all) has a goal of its own."""
    return all(turn.goal is not None for turn in template.turns[:turns])


def goal_of(template: TaskTemplate, turns: int, slots: Mapping[str, Any], known: Collection[int]) -> str:
    """Return what the person wants in the first `turns` requests of a template. `known` are the indexes of those before
    which an earlier request said who is speaking. Raises InputError for a text that cannot be rendered."""

    def text(source: str, number: int) -> str:
        return templates.render_text(
            source, {**templates.SPEAKER_NOT_KNOWN, **slots, **(KNOWN if number in known else {})}
        )

    if not by_request(template, turns):
        return text(template.goal, 0)
    return " ".join(text(turn.goal or "", number) for number, turn in enumerate(template.turns[:turns]))


def warning(template: TaskTemplate) -> str | None:
    """Return why a task of the template may want more than its dialogue asks, with the next move, or None."""
    if by_request(template, len(template.turns) - 1):  # a task with the last request has all, and so wants the whole
        return None
    number = next(number for number, turn in enumerate(template.turns, 1) if turn.goal is None)
    where = f"templates/{template.id}.yaml: turns.{number}.goal"
    wide = "A task with fewer requests wants what the whole template says."
    return f"{where} is missing. {wide} Give every turn its own goal."
