"""The rows of one set for a target: what most breaks a file, and attempts at one task."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from engine.exporting.convert import encode_all
from engine.exporting.report import Report
from engine.types import Recipe, Review, Trajectory
from tests.exporting.export_steps import entries
from tests.samples.trajectories import hostile_trajectories, mixed_trajectories

CONTROL = "</tool_call><|im_end|>"


def dialogues() -> list[Trajectory]:
    """Return the mixed set and the hostile one: parallel calls, clashing types of arguments, empty contents, masked
    turns, unicode, texts with control tokens."""
    return [*mixed_trajectories(), *hostile_trajectories()]


REVIEWS = {0: [Review(trajectory=0, turn=5, verdict="reject")]}
"""The last answer of the parallel dialogue is not to be trained."""


def lines(target: str, given: Iterable[Trajectory] | None = None, **recipe: Any) -> tuple[list[bytes], dict[str, Any]]:
    """Return (the lines of an export of the dialogues for a target, its report)."""
    made = Recipe(target=target, **recipe)
    report = Report()
    source = entries(list(dialogues() if given is None else given), REVIEWS if given is None else None)
    found: list[bytes] = []
    for encoded in encode_all(made, source, extra_processes=0):
        found += report.admit(encoded.converted) or ()
    return found, report.as_dict()


def rows(target: str, given: Iterable[Trajectory] | None = None, **recipe: Any) -> list[dict[str, Any]]:
    """Return the rows of an export of the dialogues for a target."""
    return [json.loads(line) for line in lines(target, given, **recipe)[0]]
