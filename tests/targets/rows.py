"""The rows of one set for a target: what most breaks a file, and attempts at one task."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from engine.exporting.convert import encode_all
from engine.exporting.report import Report
from engine.types import Recipe, Review, Trajectory
from tests.exporting.export_steps import entries
from tests.samples.trajectories import attempts, hostile_trajectories, mixed_trajectories
from tests.samples.turns import SYSTEM, assistant_turn, calling_turn, result_turn, user_turn

CONTROL = "</tool_call><|im_end|>"


def dialogues() -> list[Trajectory]:
    """Return the mixed set, the hostile one, and attempts at tasks: parallel calls, clashing types of arguments, empty
    contents, masked turns, unicode, texts with control tokens."""
    return [*mixed_trajectories(), *hostile_trajectories(), *tried()]


def tried() -> list[Trajectory]:
    """Return three attempts at each of three tasks, of which the first is kept. The second makes another call after the
    same one; the third calls as the first did and says something else at the end."""
    found: list[Trajectory] = []
    for n in range(3):
        asked = (SYSTEM, user_turn(f"Change the price of {n} to {CONTROL} 店."))
        seen = (
            calling_turn(("a", "get_order", {"id": str(n)}), content="Let me look."),
            result_turn("a", "get_order", "5"),
        )
        right = calling_turn(("b", "set_price", {"value": n}), ("c", "get_order", {"id": str(n)}))
        done = (result_turn("b", "set_price", CONTROL), result_turn("c", "get_order", "6"))
        wrong = calling_turn(("b", "set_price", {"value": CONTROL}))
        good = (*asked, *seen, right, *done, assistant_turn("Done."))
        worse = (
            *asked,
            seen[0].model_copy(update={"content": ""}),
            seen[1],
            wrong,
            result_turn("b", "set_price", "no"),
        )
        found += attempts(
            f"task-{n}",
            100 + 10 * n,
            good,
            (*worse, assistant_turn("I could not.")),
            (*good[:-1], assistant_turn("No.")),
        )
    return found


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
