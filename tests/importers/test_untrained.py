"""An answer that an imported file masks is trained in no export."""

from __future__ import annotations

from typing import Any

import pytest

from tests.exporting.export_steps import exported
from tests.importers.reading import imported, one, says

NO: list[dict[str, Any]] = [
    {"weight": 0},
    {"weight": 0.0},
    {"weight": "0"},
    {"trainable": False},
    {"train": False},
    {"training": False},
    {"loss": False},
    {"loss": 0},
    {"loss_scale": 0.0},
    {"loss_scale": 0, "loss": True},
    {"loss_multiplier": 0},
    {"weight": -1},
    {"training_detail": [{"begin_offset": 0, "end_offset": 4, "train": False}]},
    {"train_detail": '[{"begin_offset": 0, "end_offset": 4, "train": false}]'},
    {"train_detail": False},
    {"training_detail": "false"},
    {"loss_mask": 0},
    {"loss_mask": False},
    {"loss_mask": [0, 0]},
    {"loss_mask": ["0", 0.0], "weight": 1},
    {"masked": [True]},
    {"step_loss_mask": 0},
    {"masked": True},
    {"is_masked": "true"},
    {"masked": 1, "train": True},
]
YES: list[dict[str, Any]] = [{}, {"weight": 1}, {"weight": None}, {"train": True, "loss": 1.0}, {"trainable": "true"}]
YES += [
    {"loss_mask": [1, 1.0]},
    {"masked": False},
    {"is_masked": 0, "loss_mask": 1},
    {"train_detail": True},
    {"train_detail": "[]"},
]

ROW_NO: list[dict[str, Any]] = [
    {"label": False},
    {"label": 0},
    {"label": "false"},
    {"kto_tag": False},
    {"weight": 0},
    {"loss_mask": 0},
    {"loss_mask": [0, 0, 0]},
    {"loss_multiplier": 0.0},
]


@pytest.mark.parametrize("flags", NO)
def test_a_turn_that_a_flag_switches_off_is_not_trained(flags: dict[str, Any]) -> None:
    found, told = one(says("bad", **flags), {"role": "user", "content": "no"}, says("good"))
    assert [turn.train for turn in found.turns if turn.role == "assistant"] == [False, True]
    assert (told["untrained"], told["lost"]) == (1, {})
    for options in ({}, {"loss": "ms_swift"}, {"split_untrained": True}):
        rows, _ = exported("chat_jsonl", [found], **options)
        assert [m.get("train") for row in rows for m in row.get("messages", []) if m["role"] == "assistant"] in (
            [],
            [False, True],
        )
        assert all("bad" not in str(row.get("completion")) for row in rows)
    rows, _ = exported("llamafactory", [found])
    assert rows == [], "the format has no flag, so the row ends before the first such turn"


@pytest.mark.parametrize("flags", YES)
def test_a_turn_that_no_flag_switches_off_is_trained(flags: dict[str, Any]) -> None:
    found, told = one(says(**flags))
    assert found.turns[1].train
    assert (told["untrained"], told["lost"]) == (0, {})


@pytest.mark.parametrize("flag", ["weight", "loss_scale"])
def test_a_weight_between_is_trained_and_told(flag: str) -> None:
    found, told = one(says(**{flag: 0.5}))
    assert found.turns[1].train
    assert told["lost"] == {f"{flag} other than 0 and 1": 1}


def test_a_flag_that_says_neither_yes_nor_no_is_told() -> None:
    found, told = one(says(train="later", loss_scale={"a": 1}))
    assert found.turns[1].train
    assert told["lost"] == {"loss_scale": 1, "train": 1}


def test_a_mask_of_tokens_that_differ_is_not_trained_and_told() -> None:
    found, told = one(says(loss_mask=[0, 1, 1]))
    assert not found.turns[1].train
    assert (told["changed"]["partly_untrained_turn_left_untrained"], told["lost"]) == (1, {})
    found, told = one(says(loss_mask=[0, [1]]))
    assert (found.turns[1].train, told["lost"]) == (True, {"loss_mask": 1})
    row = {"messages": [{"role": "user", "content": "a"}, says()], "loss_mask": [0, 0, 1, 1]}
    whole, told = imported(row)
    assert (whole[0].turns[1].train, told["lost"]) == (True, {"loss_mask": 1})


def test_one_part_that_must_not_be_trained_masks_its_turn() -> None:
    def part(text: str, **more: Any) -> dict[str, Any]:
        return {"type": "text", "text": text, **more}

    found, told = one(says([part("a", train=False), part("b", weight=0)]))
    assert (found.turns[1].content, found.turns[1].train) == ("ab", False)
    assert "partly_untrained_turn_left_untrained" not in told["changed"]
    found, told = one(says([part("a", train=False), part("b")]))
    assert not found.turns[1].train
    assert told["changed"]["partly_untrained_turn_left_untrained"] == 1


@pytest.mark.parametrize("flags", ROW_NO)
@pytest.mark.parametrize("format", ["chat_jsonl", "llamafactory"])
def test_a_row_that_is_switched_off_comes_in_and_leaves_nowhere(flags: dict[str, Any], format: str) -> None:
    row: dict[str, Any] = {
        "messages": [{"role": "user", "content": "a"}, says("never")],
        "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "never"}],
    }
    kept = {key: row[key] for key in (("messages",) if format == "chat_jsonl" else ("conversations",))}
    found, told = imported(kept | flags, format=format)
    assert not found[0].turns[1].train
    assert (told["held_back"], told["untrained"], told["lost"]) == ({"nothing_to_train": 1}, 1, {})
    for name in ("chat_jsonl", "llamafactory"):
        rows, report = exported(name, found)
        assert (rows, report["dropped"]) == ([], {"nothing_to_train": 1})
    if flags.keys() & {"label", "kto_tag"}:
        assert found[0].imported["label"] is False, "a format that has a use for it can say so"


@pytest.mark.parametrize("label", [2, -1, 0.5, "spam", "2", [0]])
def test_a_label_that_is_no_yes_or_no_is_not_taken_for_one(label: Any) -> None:
    found, told = imported({"messages": [{"role": "user", "content": "a"}, says()], "label": label})
    assert found[0].turns[1].train
    assert told["lost"] == {"label": 1}


def test_spans_that_say_nothing_readable_are_told() -> None:
    found, told = one(says(train_detail="[nonsense", training_detail=["x"]))
    assert found.turns[1].train
    assert told["lost"] == {"train_detail": 1, "training_detail": 1}


def test_flags_of_sharegpt_turns_count_too() -> None:
    said = [
        {"from": "human", "value": "a"},
        {"from": "gpt", "value": "b", "weight": 0, "odd": 1},
        {"from": "human", "value": "c"},
        {"from": "gpt", "value": "d", "reasoning": "why"},
        {"from": "human", "value": "e", "train": True},
        {"from": "gpt", "value": "f", "train_detail": [{"begin_offset": 0, "end_offset": 1, "train": False}]},
    ]
    found, told = imported({"conversations": said}, format="llamafactory")
    assert [turn.train for turn in found[0].turns] == [True, False, True, True, True, False]
    assert found[0].turns[3].reasoning == "why"
    assert told["lost"] == {"conversations.odd": 1, "training on a turn of the human": 1}


def test_training_on_a_user_is_not_carried() -> None:
    for flag in ({"train": True}, {"loss_mask": 1}, {"masked": False}):
        _, told = imported({"messages": [{"role": "user", "content": "a", **flag}, says()]})
        assert told["lost"] == {"training on a turn of the user": 1}
    for flag in ({"train": "false"}, {"weight": "0"}, {"masked": True}):
        assert imported({"messages": [{"role": "user", "content": "a", **flag}, says()]})[1]["lost"] == {}
