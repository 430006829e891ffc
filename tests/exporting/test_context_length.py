"""Trajectories beyond a context length: named, left out, or cut where a trained answer ends."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError
from engine.exporting.alterations.context_length import Fit
from engine.exporting.alterations.labels import labels_of
from engine.exporting.build import ExportResult, build
from engine.exporting.content import tool_schemas
from engine.exporting.convert import Conversion
from engine.exporting.messages import MessageForm
from engine.exporting.record import record_of
from engine.exporting.tokenizer import load
from engine.types import Attachment, ContextLength, Recipe, Trajectory, Turn
from tests.exporting.export_steps import entries
from tests.samples.tokenizers import tokenizer_folder
from tests.samples.trajectories import attempts, mixed_trajectories, shop_trajectory
from tests.samples.turns import SYSTEM, assistant_turn, calling_turn, result_turn, user_turn

WHOLE = {"train": 1.0}
TURNS = (
    SYSTEM,
    user_turn("What does #W1 cost?"),
    calling_turn(("a", "get_order", {"id": "#W1"})),
    result_turn("a", "get_order", "5"),
    assistant_turn("It costs 5."),
    user_turn("And #W2? " + "Please. " * 200),
    assistant_turn("It costs 6."),
    user_turn("Thanks."),
    assistant_turn("You are welcome."),
)


@pytest.fixture
def tokenizer(tmp_path: Path) -> str:
    return str(tokenizer_folder(tmp_path / "tokenizer"))


def tokens(tokenizer: str, turns: tuple[Turn, ...]) -> int:
    """Return the tokens of a dialogue, counted here."""
    record = record_of(shop_trajectory(0, turns))
    found = load(tokenizer)
    return found.count(found.text(MessageForm().messages(record.turns), tool_schemas(record.tools)))


def built(
    folder: Path, limit: ContextLength | None, source: list[Trajectory] | None = None, **more: Any
) -> tuple[list[dict[str, Any]], ExportResult]:
    """Return the rows of an export, and what it came to."""
    recipe = Recipe(splits=WHOLE, context=limit, **more)
    result = build(recipe, entries(source or [shop_trajectory(0, TURNS), shop_trajectory(1, TURNS[:5])]), folder)
    with zipfile.ZipFile(result.path) as archive:
        return [json.loads(line) for line in archive.read("train.jsonl").splitlines()], result


def card_of(result: ExportResult) -> str:
    with zipfile.ZipFile(result.path) as archive:
        return archive.read("README.md").decode()


def test_a_limit_that_nothing_exceeds_changes_no_row(tmp_path: Path, tokenizer: str) -> None:
    source = mixed_trajectories()
    without, _ = built(tmp_path, None, source)
    for longer in ("name", "leave_out", "cut"):
        limit = ContextLength(tokenizer=tokenizer, tokens=10**6, longer=longer)
        rows, result = built(tmp_path, limit, source)
        assert rows == without
        assert result.report["beyond_context"]["trajectories"] == 0


def test_a_longer_one_is_named_and_stays(tmp_path: Path, tokenizer: str) -> None:
    limit = ContextLength(tokenizer=tokenizer, tokens=tokens(tokenizer, TURNS) - 1)
    without, _ = built(tmp_path, None)
    rows, result = built(tmp_path, limit)
    assert rows == without
    assert result.report["beyond_context"] == {
        "tokens": limit.tokens,
        "longer": "name",
        "trajectories": 1,
        "longest": {"0": limit.tokens + 1},
    }
    assert f"more than {limit.tokens} tokens" in card_of(result)
    assert "left as they are: 1." in card_of(result)
    assert str(tmp_path) not in card_of(result)


def test_one_token_more_is_enough(tmp_path: Path, tokenizer: str) -> None:
    limit = ContextLength(tokenizer=tokenizer, tokens=tokens(tokenizer, TURNS), longer="leave_out")
    assert len(built(tmp_path, limit)[0]) == 2
    less = limit.model_copy(update={"tokens": limit.tokens - 1})
    rows, result = built(tmp_path, less)
    assert len(rows) == 1
    assert result.report["dropped"] == {"longer_than_context": 1}
    assert "left out: 1." in card_of(result)


@pytest.mark.parametrize(("end", "left"), [(9, 9), (8, 7), (7, 7), (6, 5), (5, 5), (4, 3), (3, 3)])
def test_it_is_cut_after_the_last_answer_that_fits(tmp_path: Path, tokenizer: str, end: int, left: int) -> None:
    limit = ContextLength(tokenizer=tokenizer, tokens=tokens(tokenizer, TURNS[:end]), longer="cut")
    rows, result = built(tmp_path, limit, [shop_trajectory(0, TURNS)])
    assert [message["content"] for message in rows[0]["messages"]] == [turn.content for turn in TURNS[:left]]
    assert result.report["changed"] == ({"cut_to_context": 1} if left < 9 else {})
    assert f"that fits: {int(left < 9)}." in card_of(result)


def test_a_cut_ends_on_an_answer_that_is_trained(tmp_path: Path, tokenizer: str) -> None:
    turns = (*TURNS[:6], TURNS[6].model_copy(update={"train": False}), *TURNS[7:])
    limit = ContextLength(tokenizer=tokenizer, tokens=tokens(tokenizer, TURNS) - 1, longer="cut")
    rows, _ = built(tmp_path, limit, [shop_trajectory(0, turns)])
    assert len(rows[0]["messages"]) == 5


def test_what_cannot_be_cut_short_enough_is_left_out(tmp_path: Path, tokenizer: str) -> None:
    limit = ContextLength(tokenizer=tokenizer, tokens=5, longer="cut")
    with pytest.raises(InputError, match="longer_than_context"):
        built(tmp_path, limit)


@pytest.mark.parametrize(("name", "options"), [("rl_tasks", {}), ("nemo_gym", {"form": "rollout"})])
def test_what_a_reward_belongs_to_is_never_cut(tokenizer: str, name: str, options: dict[str, str]) -> None:
    limit = ContextLength(tokenizer=tokenizer, tokens=50, longer="cut")
    with pytest.raises(InputError, match="needs whole dialogues"):
        Conversion(Recipe(format=name, options=options, context=limit))
    Conversion(Recipe(format=name, options=options, context=limit.model_copy(update={"longer": "leave_out"})))


def test_labels_are_those_of_the_turns_that_are_left(tokenizer: str) -> None:
    limit = ContextLength(tokenizer=tokenizer, tokens=tokens(tokenizer, TURNS[:6]), longer="cut")
    ((_, body, reviews),) = entries([shop_trajectory(0, TURNS)])
    for style in (None, "random"):
        made = Conversion(Recipe(context=limit, labels=True, tool_names=style)).altered(body, reviews).record
        answers = [turn for turn in made.turns if turn.role == "assistant"]
        assert len(made.turns) < len(TURNS)
        assert len(labels_of(made)["turn_labels"]) == len(answers)


def test_a_cut_takes_along_what_belongs_to_the_turns(tokenizer: str) -> None:
    noted = [Attachment(turn=place, kind="note", value=place) for place in (2, 8)]
    trajectory = shop_trajectory(0, TURNS).model_copy(update={"attachments": tuple(noted), "begun": (1, 5, 7)})
    limit = ContextLength(tokenizer=tokenizer, tokens=tokens(tokenizer, TURNS[:6]), longer="cut")
    found = Fit(limit).fitted(record_of(trajectory))
    assert len(found.record.turns) == 5
    assert [one.turn for one in found.record.attachments] == [2]
    assert found.record.begun == (1,)


def test_a_dialogue_that_the_template_refuses_stays_and_is_counted(tmp_path: Path) -> None:
    deaf = "{% for m in messages %}{% if m.tool_calls %}{{ raise_exception('no calls') }}{% endif %}{% endfor %}"
    folder = tokenizer_folder(tmp_path / "deaf", deaf)
    _, result = built(tmp_path, ContextLength(tokenizer=str(folder), tokens=1, longer="leave_out"))
    assert result.report["lost"] == {"length_not_counted": 2}


def test_attempts_are_left_out_one_by_one_and_never_cut(tmp_path: Path, tokenizer: str) -> None:
    worse = (*TURNS[:2], assistant_turn("No. " * 900))
    tried = list(attempts("t", 0, TURNS[:5], worse, (*TURNS[:2], assistant_turn("Never."))))
    limit = ContextLength(tokenizer=tokenizer, tokens=tokens(tokenizer, TURNS), longer="leave_out")
    rows, result = built(tmp_path, limit, tried, target="trl/dpo")
    assert [row["rejected"][0]["content"] for row in rows] == ["Never."]
    assert result.report["dropped"] == {"longer_than_context": 1}
    cut = limit.model_copy(update={"longer": "cut"})
    for more in ({"target": "trl/dpo"}, {"format": "trajectory"}):
        with pytest.raises(InputError, match="whole dialogues"):
            built(tmp_path, cut, tried, **more)


def test_a_recipe_without_a_limit_is_written_as_before() -> None:
    assert "context" not in Recipe().model_dump()
    limit = ContextLength(tokenizer="x", tokens=1)
    assert Recipe.model_validate_json(Recipe(context=limit).model_dump_json()).context == limit
