"""One meaning of a verdict: whatever reviews are stored, row, filter, funnel, charts, counts and export say what the
table of engine/reviewing/verdicts.py says."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.exporting.build import build
from engine.reviewing.verdicts import EFFECTS, refusal, standing
from engine.types import Recipe, Review, Standing, Status, Trajectory, TrajectoryFilter, Turn
from storage.analysing import analytics
from storage.database import Database
from storage.exporting.recipes import awaiting_correction, count_admitted, likely_admitted
from storage.reviewing import reviews, trajectories
from storage.serving.store import SqlStore
from tests.samples.trajectories import lost_trajectory, order_trajectory
from tests.storage.stored_samples import queue_batch

ALL = TrajectoryFilter()
FIRST, LAST = 2, 4
"""The turns of the assistant."""
BETTER, EMPTY = Turn(role="assistant", content="Better."), Turn(role="assistant")
TURN: dict[str, dict[str, Any] | None] = {
    "unmarked": None,
    "accepted": {"verdict": "accept"},
    "rejected": {"verdict": "reject"},
    "to fix": {"verdict": "fix"},
    "emptied": {"verdict": "fix", "fix": EMPTY},
    "corrected": {"verdict": "fix", "fix": BETTER},
}
COMBINATIONS = [
    *itertools.product(
        (None, "accept", "reject", "fix"), TURN, ("unmarked", "to fix", "corrected"), ("kept", "rejected")
    )
]
"""Verdict on the whole, mark of the first and of the last turn of the assistant, what the judges said."""


def reviewed(db: Database) -> dict[int, tuple[Status, list[Review]]]:
    """Store a trajectory for each combination, with its reviews; return status and reviews by id. Every second whole
    verdict is given before the turns, and by another reviewer."""
    rows = [
        lost_trajectory(n, "judged", "low") if one[3] == "rejected" else order_trajectory(n)
        for n, one in enumerate(COMBINATIONS)
    ]
    SqlStore(db).save(queue_batch(db, len(rows)), rows)
    found: dict[int, tuple[Status, list[Review]]] = {}
    for id, (whole, first, last, status) in enumerate(COMBINATIONS, 1):
        who = "sam" if id % 2 else "me"
        given = [Review(trajectory=id, reviewer=who, verdict=whole)] if whole else []  # type: ignore[arg-type]
        for turn, mark in ((FIRST, TURN[first]), (LAST, TURN[last])):
            given += [Review(trajectory=id, turn=turn, **mark)] if mark else []
        found[id] = (status, given[::-1] if id % 2 else given)  # type: ignore[assignment]
        for review in found[id][1]:
            reviews.save_review(db, review)
    return found


def test_row_filter_funnel_charts_counts_and_export_agree_with_the_table(db: Database, tmp_path: Path) -> None:
    found = reviewed(db)
    stands: dict[int, Standing] = {id: standing(given) for id, (_, given) in found.items()}
    assert set(stands.values()) == set(EFFECTS), "the combinations come to every standing"
    rows_agree(db, stands)
    reviewed_agree(db, stands)
    funnel_agrees(db, {id: status for id, (status, _) in found.items()}, stands)
    for rejected, accepted in itertools.product((False, True), repeat=2):
        recipe = Recipe(
            format="trajectory", include_rejected=rejected, only_accepted=accepted, splits={"train": 1.0}, filter=ALL
        )
        everything = {id: (found[id][0], stands[id]) for id in found}
        export_agrees(db, recipe, everything, tmp_path)
        preview_agrees(db, recipe, everything)
        for one in EFFECTS:
            chosen = recipe.model_copy(update={"filter": TrajectoryFilter(verdicts=(one,))})
            among = {id: (found[id][0], stands[id]) for id in found if stands[id] == one}
            assert count_admitted(db, chosen) == len(leaving(chosen, among))
            held_back = awaiting_correction(chosen)
            waiting = trajectories.count(db, held_back) if held_back else 0
            assert waiting == (len(among) if one == "awaits_correction" else 0)
            preview_agrees(db, chosen, among)


def rows_agree(db: Database, stands: dict[int, Standing]) -> None:
    for id, expected in stands.items():
        assert trajectories.row(db, id).standing == expected, COMBINATIONS[id - 1]
    assert reviews.standings(db, stands) == stands
    for one in EFFECTS:
        wanted = {id for id, found in stands.items() if found == one}
        page, total = trajectories.page(db, TrajectoryFilter(verdicts=(one,)), limit=len(stands))
        assert ({row.id for row in page}, total) == (wanted, len(wanted))
        assert analytics.breakdown(db, TrajectoryFilter(verdicts=(one,)), "outcome")["total"].sum() == len(wanted)
        assert analytics.histogram(db, TrajectoryFilter(verdicts=(one,)), "reward")["count"].sum() == len(wanted)


def reviewed_agree(db: Database, stands: dict[int, Standing]) -> None:
    done = {id for id, found in stands.items() if EFFECTS[found].reviewed}
    assert reviews.review_progress(db, ALL) == (len(done), len(stands))
    assert analytics.overview(db).reviewed == len(done)
    offered, place = set(), None
    while (place := trajectories.next_unreviewed(db, ALL, place, sort="oldest")) not in offered:
        offered.add(place)
    assert offered == set(stands) - done


def funnel_agrees(db: Database, statuses: dict[int, Status], stands: dict[int, Standing]) -> None:
    frame = analytics.funnel(db, ALL).set_index("stage")
    accepted = {id for id, found in stands.items() if EFFECTS[found].accepted}
    kept = {id for id, status in statuses.items() if status == "kept"}
    held = {id for id, found in stands.items() if EFFECTS[found].held_back}
    fit = (kept | accepted) - held
    assert frame.loc["reviewed", ["count", "gained"]].tolist() == [len(fit), len(accepted - kept)]
    assert json.loads(frame.loc["reviewed", "reasons"]) == Counter(EFFECTS[stands[id]].held_back for id in kept & held)
    assert frame.loc["accepted", ["count", "gained"]].tolist() == [len(accepted), 0]
    why = Counter(EFFECTS[stands[id]].loss for id in fit - accepted)
    assert json.loads(frame.loc["accepted", "reasons"]) == why


def leaving(recipe: Recipe, among: dict[int, tuple[Status, Standing]]) -> set[int]:
    return {id for id, (status, one) in among.items() if refusal(recipe, one, status, "low", empty=False) is None}


def export_agrees(db: Database, recipe: Recipe, among: dict[int, tuple[Status, Standing]], folder: Path) -> None:
    path = folder / "out.jsonl"
    result = build(recipe, trajectories.stream(db, recipe.filter), path, extra_processes=0)
    ids = result.trajectories
    assert set(ids) == leaving(recipe, among)
    assert count_admitted(db, recipe) == len(ids)
    refused = (refusal(recipe, one, status, "low", empty=False) for status, one in among.values())
    assert result.report["dropped"] == Counter(reason for reason in refused if reason)
    held = {id for id, (_, one) in among.items() if EFFECTS[one].held_back}
    assert not held & set(ids)
    assert {json.loads(line)["status"] for line in path.read_text().splitlines()} <= {"kept", "rejected"}


def preview_agrees(db: Database, recipe: Recipe, among: dict[int, tuple[Status, Standing]]) -> None:
    """A preview reads only what the recipe's filter lets through, and nearly all that leaves."""
    read = {id for id, *_ in trajectories.stream(db, likely_admitted(recipe))}
    taken_back = {id for id, (status, one) in among.items() if EFFECTS[one].accepted and status != "kept"}
    assert leaving(recipe, among) - taken_back <= read <= set(among)
    if recipe.only_accepted or recipe.include_rejected:
        assert leaving(recipe, among) <= read
    elif "kept" in {status for status, _ in among.values()}:
        assert read == {id for id, (status, _) in among.items() if status == "kept"}


def test_a_turn_marked_fix_without_a_correction_never_leaves(db: Database, tmp_path: Path) -> None:
    SqlStore(db).save(queue_batch(db), [order_trajectory(0), order_trajectory(1)])
    reviews.change_review(db, reviews.ReviewKey(1, LAST, "me"), {"verdict": "fix"})
    recipe = Recipe(format="chat_jsonl", splits={"train": 1.0})
    result = build(recipe, trajectories.stream(db, ALL), tmp_path / "a.jsonl", extra_processes=0)
    assert (result.rows, result.report["dropped"]) == ({"train": 1}, {"awaits_correction": 1})
    reviews.change_review(db, reviews.ReviewKey(1, LAST, "me"), {"fix": BETTER})
    result = build(recipe, trajectories.stream(db, ALL), tmp_path / "b.jsonl", extra_processes=0)
    first = json.loads((tmp_path / "b.jsonl").read_text().splitlines()[0])
    assert (first["messages"][-1]["content"], first["messages"][-1]["train"]) == ("Better.", True)
    assert trajectories.row(db, 1).standing == "corrected"


CHANGES: list[dict[str, Any]] = [
    {"turn": LAST, "verdict": "fix"},
    {"turn": None, "verdict": "accept"},
    {"turn": LAST, "fix": BETTER},
    {"turn": LAST, "fix": EMPTY},
    {"turn": FIRST, "verdict": "reject"},
    {"turn": None, "verdict": "fix"},
    {"turn": LAST, "verdict": None, "fix": None},
    {"turn": None, "verdict": None},
]
AFTER: Sequence[Standing] = (
    "awaits_correction", "awaits_correction", "accepted", "awaits_correction", "awaits_correction", "awaits_correction",
    "awaits_correction", "none",
)  # fmt: skip


def test_each_change_and_each_undo_is_on_the_row_at_once(db: Database) -> None:
    SqlStore(db).save(queue_batch(db), [order_trajectory(0)])
    for change, expected in zip(CHANGES, AFTER, strict=True):
        reviews.change_review(
            db, reviews.ReviewKey(1, change["turn"], "me"), {k: v for k, v in change.items() if k != "turn"}
        )
        assert trajectories.row(db, 1).standing == standing(reviews.reviews_of(db, 1)) == expected, change
    for expected in (*reversed(AFTER[:-1]), "none"):
        assert len(reviews.undo(db, "me")) == 1
        assert trajectories.row(db, 1).standing == standing(reviews.reviews_of(db, 1)) == expected


def test_what_awaits_a_correction_stays_so_when_many_are_accepted(db: Database) -> None:
    SqlStore(db).save(queue_batch(db), [order_trajectory(0), order_trajectory(1)])
    reviews.change_review(db, reviews.ReviewKey(1, LAST, "me"), {"verdict": "fix"})
    assert reviews.decide_many(db, [1, 2], "me", "accept", seen={1: "awaits_correction", 2: "none"}) == []
    assert reviews.standings(db, [1, 2, 3]) == {1: "awaits_correction", 2: "accepted"}
    assert len(reviews.undo(db, "me")) == 2
    assert reviews.standings(db, [1, 2]) == {1: "awaits_correction", 2: "none"}


@pytest.mark.parametrize("order", [("me", "sam"), ("sam", "me")])
def test_the_last_reviewer_counts_for_lists_and_exports_alike(db: Database, order: tuple[str, str]) -> None:
    SqlStore(db).save(queue_batch(db), [order_trajectory(0)])
    for who, verdict in zip(order, ("accept", "reject"), strict=True):
        reviews.change_review(db, reviews.ReviewKey(1, None, who), {"verdict": verdict})
    ((_, body, streamed),) = trajectories.stream(db, ALL)
    assert Trajectory.model_validate_json(body).id == "rollout-0"
    assert standing(streamed) == standing(reviews.reviews_of(db, 1)) == trajectories.row(db, 1).standing == "rejected"
