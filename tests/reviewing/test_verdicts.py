"""The standing that reviews give a trajectory, and whether a recipe exports it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from engine.reviewing.verdicts import ACCEPTED, EFFECTS, UNDECIDED, admitted, awaiting, corrections, refusal, standing
from engine.types import Recipe, Review, Standing, Status, TrajectoryFilter, Turn
from tests.samples.turns import assistant_turn, calling_turn


def whole(verdict: Any = None, **more: Any) -> Review:
    return Review(trajectory=1, verdict=verdict, **more)


def turn(index: int, verdict: Any, fix: Turn | None = None, **more: Any) -> Review:
    return Review(trajectory=1, turn=index, verdict=verdict, fix=fix, **more)


BETTER, CALL = assistant_turn("Better."), calling_turn(("c1", "get_order", {"id": "W2"}))
EMPTY = Turn(role="assistant", content=" \n", reasoning="Only thought.")
CASES: list[tuple[Standing, Sequence[Review]]] = [
    ("none", []),
    ("none", [whole(rating=5, note="nice", tags=("a",))]),
    ("none", [turn(2, "accept"), turn(4, "reject"), turn(5, None)]),
    ("accepted", [whole("accept")]),
    ("accepted", [turn(2, "reject"), whole("accept")]),
    ("accepted", [turn(2, "fix", BETTER), whole("accept")]),
    ("rejected", [whole("reject")]),
    ("rejected", [turn(2, "fix"), whole("reject")]),
    ("rejected", [whole("reject"), turn(2, "fix", BETTER)]),
    ("awaits_correction", [whole("fix")]),
    ("awaits_correction", [turn(2, "fix")]),
    ("awaits_correction", [turn(2, "fix"), whole("accept")]),
    ("awaits_correction", [whole("accept"), turn(2, "fix")]),
    ("awaits_correction", [turn(2, "fix", BETTER), turn(4, "fix")]),
    ("awaits_correction", [turn(2, "fix", BETTER), turn(4, "fix"), whole("fix")]),
    ("awaits_correction", [turn(2, "fix", EMPTY)]),
    ("awaits_correction", [whole("fix"), turn(2, "accept", BETTER)]),
    ("corrected", [turn(2, "fix", BETTER)]),
    ("corrected", [turn(2, "fix", CALL)]),
    ("corrected", [turn(2, "fix", BETTER), turn(4, "reject"), whole("fix")]),
    ("none", [turn(2, "accept", BETTER)]),
    # several reviewers: the last one counts, for the whole and for each turn
    ("rejected", [whole("accept", reviewer="a"), whole("reject", reviewer="b")]),
    ("accepted", [whole("reject", reviewer="a"), whole("accept", reviewer="b"), whole(rating=1, reviewer="c")]),
    ("awaits_correction", [turn(2, "fix", BETTER, reviewer="a"), turn(2, "fix", reviewer="b")]),
    ("corrected", [turn(2, "fix", reviewer="a"), turn(2, "fix", BETTER, reviewer="b")]),
    ("none", [turn(2, "fix", reviewer="a"), turn(2, "accept", reviewer="b")]),
]


@pytest.mark.parametrize(("expected", "reviews"), CASES)
def test_the_standing_of_each_combination_of_reviews(expected: Standing, reviews: Sequence[Review]) -> None:
    assert standing(reviews) == expected


def test_which_turns_wait_and_which_are_corrected() -> None:
    reviews = [turn(4, "fix"), turn(2, "fix", BETTER), turn(3, "fix", EMPTY), whole("fix")]
    assert awaiting(reviews) == (3, 4)
    assert list(corrections(reviews)) == [2]


def test_each_standing_has_one_effect() -> None:
    assert tuple(EFFECTS) == get_args(Standing)
    for name, effect in EFFECTS.items():
        assert not (effect.accepted and effect.held_back), name
        assert (effect.loss is None) == effect.accepted, "the funnel counts as accepted what leaves, and no other"
        assert effect.held_back in (None, effect.loss), "funnel and report name one reason"
    assert set(ACCEPTED) | set(UNDECIDED) | {n for n, e in EFFECTS.items() if e.held_back} == set(EFFECTS)


RECIPES = [
    Recipe(include_rejected=rejected, only_accepted=accepted)
    for rejected, accepted in itertools.product((False, True), repeat=2)
]


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_a_recipe_admits_of_one_is_what_it_admits_of_many(recipe: Recipe) -> None:
    for found, status, empty in itertools.product(EFFECTS, get_args(Status), (False, True)):
        alone = refusal(recipe, found, status, "why", empty=empty) is None
        parts = [p for p in admitted(recipe) if found in p.standings and status in p.statuses]
        among = [p for p in parts if not (p.talked and empty)]
        assert len(among) == alone, (found, status, empty)


def test_the_reasons_why_a_recipe_holds_back() -> None:
    def why(found: Standing, status: Status = "kept", **recipe: Any) -> str | None:
        return refusal(Recipe(**recipe), found, status, "low", empty=False)

    assert why("rejected") == "rejected_by_human"
    assert why("awaits_correction", only_accepted=True) == "awaits_correction"
    assert why("accepted", "rejected") is None
    assert why("corrected", "failed", only_accepted=True) is None
    assert why("none", "rejected") == "rejected:low"
    assert why("none", "rejected", include_rejected=True) is None
    assert why("none", only_accepted=True) == "not_accepted_by_human"


def test_filters_that_were_saved_with_the_older_words_go_on() -> None:
    old = TrajectoryFilter.model_validate_json('{"verdicts":["fix","none","accept"]}')
    assert old.verdicts == ("corrected", "awaits_correction", "none", "accepted")
    recipe = Recipe.model_validate_json('{"name":"x","filter":{"verdicts":["reject","rejected"]}}')
    assert recipe.filter.verdicts == ("rejected",)
    assert TrajectoryFilter(verdicts=("corrected",)).verdicts == ("corrected",)
    for wrong in (["maybe"], [["fix"]], [None], "fix", 3):
        with pytest.raises(ValidationError):
            TrajectoryFilter.model_validate({"verdicts": wrong})
