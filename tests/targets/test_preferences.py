"""Preferences: pairs of attempts at one task branch at the first call that differs; labels say what was kept."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from engine.exporting.build import build, preview
from engine.exporting.groups import in_groups
from engine.types import Recipe, Review, Turn
from tests.exporting.export_steps import entries
from tests.samples.trajectories import attempts, shop_trajectory
from tests.samples.turns import SYSTEM, assistant_turn, calling_turn, result_turn, user_turn
from tests.targets.rows import CONTROL, lines, rows, tried
from tests.targets.typed import misfits

ASKED = (SYSTEM, user_turn("Order 1?"))
LOOK = (calling_turn(("a", "get_order", {"id": "1"})), result_turn("a", "get_order", "5"))
GOOD = (*ASKED, *LOOK, assistant_turn("It costs 5."))
BAD = (*ASKED, calling_turn(("z", "get_order", {"id": "2"})), result_turn("z", "get_order", "7"), assistant_turn("7."))


def told(*talks: tuple[Turn, ...]) -> dict[str, Any]:
    return lines("trl/dpo", attempts("t", 0, *talks))[1]


def test_a_pair_has_one_prompt_and_begins_with_the_first_call_that_differs() -> None:
    found = rows("trl/dpo", tried()[:3])
    assert len(found) == 2
    first, second = found
    assert [one["role"] for one in first["prompt"]] == ["system", "user", "assistant", "tool"]
    assert first["prompt"][2]["content"] == "Let me look.", "in the words of the better one"
    assert [call["function"]["name"] for call in first["chosen"][0]["tool_calls"]] == ["set_price", "get_order"]
    assert first["rejected"][0]["tool_calls"][0]["function"]["arguments"] == {"value": CONTROL}
    assert [one["content"] for one in second["chosen"]] == ["Done."]
    assert [one["content"] for one in second["rejected"]] == ["No."]
    assert (first["chosen_score"], first["rejected_score"], first["margin"]) == (1.0, 0.0, 1.0)
    assert {row["group_id"] for row in found} == {"task-0"}
    assert isinstance(first["tools"], str)


@pytest.mark.parametrize(
    ("talks", "reasons"),
    [
        ((GOOD,), {"no_worse_attempt": 1}),
        ((GOOD, GOOD), {"no_worse_attempt": 1, "same_as_the_best": 1}),
        ((GOOD, (SYSTEM, user_turn("Another."), *BAD[2:])), {"no_worse_attempt": 1, "other_words_than_the_best": 1}),
        (
            ((*ASKED, LOOK[0].model_copy(update={"train": False}), *GOOD[3:]), BAD),
            {"no_worse_attempt": 1, "best_is_masked_there": 1},
        ),
        ((GOOD, (*ASKED, assistant_turn("x"))), {}),
    ],
)
def test_what_gives_no_pair_is_told(talks: tuple[tuple[Turn, ...], ...], reasons: dict[str, int]) -> None:
    report = told(*talks)
    assert report["dropped"] == reasons
    assert report["trajectories"] == report["exported"] + sum(reasons.values()) == len(talks)


def test_who_is_not_to_blame_is_no_worse_side() -> None:
    kept, lost = attempts("t", 0, GOOD, BAD)
    other = lost.model_copy(update={"culprit": "tool"})
    assert lines("trl/dpo", [kept, other])[1]["dropped"] == {"no_worse_attempt": 1, "not_the_assistants_fault": 1}
    assert lines("trl/dpo", [other, lost])[1]["dropped"] == {"no_good_attempt": 2}
    assert lines("trl/kto", [kept, other])[1]["dropped"] == {"not_the_assistants_fault": 1}


def test_the_better_side_ends_before_a_turn_that_was_rejected(tmp_path: Path) -> None:
    reviews = {0: [Review(trajectory=0, turn=4, verdict="reject")]}
    build(
        Recipe(target="trl/dpo", splits={"train": 1.0}),
        entries(attempts("t", 0, GOOD, BAD), reviews),
        tmp_path / "a.jsonl",
    )
    row = json.loads((tmp_path / "a.jsonl").read_text())
    assert [one["role"] for one in row["chosen"]] == ["assistant"]
    assert "It costs 5." not in json.dumps(row)


def test_both_sides_count_as_exported_and_the_preview_shows_the_pairs(tmp_path: Path) -> None:
    recipe = Recipe(target="trl/dpo", splits={"train": 0.5, "validation": 0.5})
    scattered = sorted(tried(), key=lambda one: one.attempt)
    done = build(recipe, entries(scattered), tmp_path)
    assert done.report["exported"] == len(done.trajectories) == 9
    assert sum(done.rows.values()) == 6
    shown = preview(recipe, entries(scattered), 3)
    with zipfile.ZipFile(done.path) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    written = [json.loads(line) for name in ("train.jsonl", "validation.jsonl") for line in files[name].splitlines()]
    assert len(shown) == 3
    assert all(row in written for row in shown)
    assert "all that was rolled out" in files["README.md"]
    for row in written:
        others = [
            name for name in files if name.endswith("n.jsonl") and f'"group_id":"{row["group_id"]}"' in files[name]
        ]
        assert len(others) == 1, "attempts at one task are in one split"


def test_groups_come_whole_in_the_order_of_their_first_member() -> None:
    given = [(n, name.encode(), ()) for n, name in enumerate(["b", "a", "b", "c", "a", "b"])]
    found = [[id for id, _, _ in group] for group in in_groups(given, bytes.decode)]
    assert found == [[0, 2, 5], [1, 4], [3]]


def test_kto_labels_what_was_kept_and_what_was_rejected() -> None:
    found = rows("trl/kto", attempts("t", 0, GOOD, BAD))
    assert [row["label"] for row in found] == [True, False]
    assert [one["role"] for one in found[0]["prompt"]] == ["system", "user"]
    assert [one["role"] for one in found[0]["completion"]] == ["assistant", "tool", "assistant"]
    imported = shop_trajectory(0, tuple(t.model_copy(update={"train": t.role != "assistant"}) for t in GOOD))
    labelled = imported.model_copy(update={"imported": {"label": False}})
    assert [row["label"] for row in rows("trl/kto", [labelled])] == [False]


def test_a_preference_of_openai_is_one_message_a_side_and_fits_its_types() -> None:
    chat = pytest.importorskip("openai.types.chat")
    found, report = lines("openai/dpo", tried())
    assert report["changed"] == {"cut_to_one_message": 3}
    for row in map(json.loads, found):
        assert set(row) == {"input", "preferred_output", "non_preferred_output"}
        assert set(row["input"]) == {"messages", "tools", "parallel_tool_calls"}
        assert len(row["preferred_output"]) == len(row["non_preferred_output"]) == 1
        for one in (*row["input"]["messages"], *row["preferred_output"], *row["non_preferred_output"]):
            assert misfits(one, chat.ChatCompletionMessageParam) == []
        assert row["preferred_output"] != row["non_preferred_output"]


def test_ms_swift_gets_two_whole_dialogues_and_trains_what_differs() -> None:
    row = rows("ms_swift/rejected", tried()[:3])[0]
    flags = [
        [one["loss"] for one in row[side] if one["role"] == "assistant"] for side in ("messages", "rejected_messages")
    ]
    assert flags == [[False, True, True], [False, True, True]]
    assert row["messages"][:4] == row["rejected_messages"][:4]


def test_nemo_gets_ranks() -> None:
    row = rows("nemo_rl/rank", tried()[:3])[0]
    assert [one["rank"] for one in row["completions"]] == [0, 1]
    assert row["context"][-1]["role"] == "tool"
    assert "tools" in lines("nemo_rl/rank", tried())[1]["lost"]


def test_trl_reads_the_pairs(tmp_path: Path) -> None:
    """TRL's own `datasets` and its check of conversational rows take them."""
    datasets = pytest.importorskip("datasets")
    (tmp_path / "train.jsonl").write_bytes(b"".join(line + b"\n" for line in lines("trl/dpo", tried())[0]))
    loaded = datasets.load_dataset(
        "json", data_files=str(tmp_path / "train.jsonl"), cache_dir=str(tmp_path), split="train"
    )
    assert [row["chosen"] for row in loaded] == [row["chosen"] for row in rows("trl/dpo", tried())]
