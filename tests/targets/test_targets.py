"""Targets: no trainer trains a masked turn, options and format are filled in, contradictions are refused."""

from __future__ import annotations

import hashlib
import json
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine import plugins
from engine.errors import InputError
from engine.exporting.build import build, preview
from engine.exporting.convert import Conversion
from engine.exporting.json import dump_bytes
from engine.exporting.target import check_choice, find, for_target, names
from engine.types import Recipe, Review, Turn
from tests.exporting.export_steps import entries
from tests.needs import missing
from tests.samples.trajectories import attempts, mixed_trajectories, shop_trajectory
from tests.samples.turns import EMPTY, NESTED, assistant_turn, calling_turn, result_turn, user_turn
from tests.targets.rows import dialogues
from tests.targets.trainers import SHOWN, WHOLE_DIALOGUES, trained_text

WHOLE = {"train": 1.0}
TURNS = (
    user_turn("ask-one"),
    calling_turn(("c1", "get_order", {"id": "call-one"}), content="beside-one"),
    result_turn("c1", "get_order", "result-one"),
    assistant_turn("answer-one", reasoning="thought-one"),
    user_turn("ask-two"),
    calling_turn(("c2", "get_order", {"id": "call-two"}), ("c3", "get_order", {"id": "call-three"})),
    result_turn("c2", "get_order", "result-two"),
    result_turn("c3", "get_order", "result-three"),
    assistant_turn("answer-two"),
)
ANSWERS = [place for place, turn in enumerate(TURNS) if turn.role == "assistant"]


def words(turn: Turn) -> list[str]:
    return [call.arguments["id"] for call in turn.tool_calls] or [turn.content]


def rejected(*turns: int) -> dict[int, list[Review]]:
    return {0: [Review(trajectory=0, turn=turn, verdict="reject") for turn in turns]}


def rows(recipe: Recipe, turns: tuple[Turn, ...] = TURNS, reviews: dict[int, list[Review]] | None = None) -> list[Any]:
    (entry,) = entries([shop_trajectory(0, turns)], reviews)
    return [json.loads(dump_bytes(row)) for row in Conversion(recipe).record_and_rows(*entry[1:])[1].rows]


# ---------------------------------------------------------------- masks


@pytest.mark.parametrize("name", names())
def test_every_target_has_its_trainers_rule(name: str) -> None:
    forms = plugins.imported(plugins.places("targets")[name.partition("/")[0]]).FORMS
    assert "/" in name or find(name) == forms.get("sft", next(iter(forms.values())))
    assert find(name).format in plugins.names("exporters")
    if name not in SHOWN and find(name).trains:
        missing(f"NO RULE: give the target {name} an EXAMPLE, so that its masks can be tried.")


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("without", [(), *((place,) for place in ANSWERS), (ANSWERS[0], ANSWERS[2])])
def test_a_rejected_turn_is_never_trained_and_others_are(name: str, without: tuple[int, ...]) -> None:
    for untrained in find(name).untrained:
        found = rows(Recipe(target=name, untrained=untrained), reviews=rejected(*without))
        text = "".join(trained_text(name, row) for row in found)
        end = min([*without, len(TURNS)]) if untrained == "cut" else len(TURNS)
        for place, turn in enumerate(TURNS):
            trained = turn.role == "assistant" and place not in without and place < end
            if not trained or name in WHOLE_DIALOGUES:
                assert [word in text for word in words(turn)] == [trained] * len(words(turn)), (untrained, place, text)


@pytest.mark.parametrize("name", SHOWN)
def test_a_call_that_its_schema_refused_is_never_trained(name: str) -> None:
    turns = (TURNS[0], TURNS[1].model_copy(update={"train": False}), *TURNS[2:])
    text = "".join(trained_text(name, row) for row in rows(Recipe(target=name), turns))
    assert "call-one" not in text
    if name in WHOLE_DIALOGUES:
        assert ("answer-one" in text) == ("mask" in find(name).untrained)


@pytest.mark.parametrize("name", names())
def test_no_target_gives_up_a_mask(tmp_path: Path, name: str) -> None:
    texts = (user_turn("x"), assistant_turn("y"), user_turn("z"), assistant_turn("masked", train=False))
    given = [*attempts("t", 0, TURNS, (TURNS[0], assistant_turn("no"))), shop_trajectory(9, texts)]
    source = entries(given, rejected(ANSWERS[2]))
    report = build(Recipe(target=name, splits=WHOLE), source, tmp_path).report
    assert "train" not in report["lost"]
    assert report["changed"] or "mask" in find(name).untrained, "a dialogue that is cut is counted"


@pytest.mark.parametrize(
    ("name", "changed", "carries_ids"),
    [
        ("axolotl", False, True),
        ("llamafactory", True, False),
        ("ms_swift", False, False),
        ("prime_rl", True, True),
        ("trl", False, True),
    ],
)
def test_the_report_says_what_a_mask_costs(tmp_path: Path, name: str, changed: bool, carries_ids: bool) -> None:
    source = entries([shop_trajectory(0, TURNS)], rejected(ANSWERS[2]))
    report = build(Recipe(target=name, splits=WHOLE), source, tmp_path).report
    assert bool(report["changed"]) is changed
    assert ("tool_call_id" not in report["never_carried"]) is carries_ids


# ---------------------------------------------------------------- what a target sets


@pytest.mark.parametrize("name", names())
def test_every_option_that_a_target_names_is_one_of_its_format(name: str) -> None:
    target = find(name)
    for option, allowed in target.options.items():
        for value in allowed:
            plugins.configure("exporters", target.format, {option: value})
    recipe = for_target(Recipe(target=name))
    assert for_target(recipe) == recipe
    assert recipe.format == target.format
    assert {option: recipe.options[option] for option in target.options} == {
        option: allowed[0] for option, allowed in target.options.items()
    }


def test_reasoning_goes_where_ms_swift_reads_it() -> None:
    (row,) = rows(Recipe(target="ms_swift"), NESTED)
    assert row["messages"][-1]["content"].startswith("<think>\nConfirm it.\n</think>")
    assert not any("reasoning_content" in message for message in row["messages"])
    (plain,) = rows(Recipe(target="ms_swift", options={"reasoning": "drop"}), NESTED)
    assert plain["messages"][-1]["content"] == "Done, Zoë 🙂."


@pytest.mark.parametrize("name", ["axolotl", "ms_swift", "prime_rl"])
def test_arguments_of_mixed_types_are_read_by_any_arrow(tmp_path: Path, name: str) -> None:
    """`datasets` up to 4.6 type each column as Arrow does, and refuse a text where a number was."""
    from pyarrow import json as arrow

    given = [
        shop_trajectory(0, NESTED),
        shop_trajectory(1, EMPTY),
        shop_trajectory(2, (user_turn("x"), calling_turn(("c", "pay", {"value": 3})))),
    ]
    given += [shop_trajectory(3, (user_turn("y"), calling_turn(("c", "pay", {"value": {"deep": [1, "2"]}}))))]
    file = build(Recipe(target=name, splits=WHOLE), entries(given), tmp_path / "rows.jsonl").path
    found = arrow.read_json(file).to_pylist()
    assert len(found) == len(given)
    for row, before in zip(found, given, strict=True):
        said = [call for message in row["messages"] for call in message["tool_calls"] or ()]
        told = [call.arguments for turn in before.turns for call in turn.tool_calls]
        assert [json.loads(call["function"]["arguments"]) for call in said] == told


def test_trl_gets_objects_for_its_templates() -> None:
    (row,) = rows(Recipe(target="trl"), NESTED)
    assert row["completion"][0]["tool_calls"][0]["function"]["arguments"]["value"] == 20.5


@pytest.mark.parametrize("text", ["ends with </tool_call> inside", "<|im_end|> in a string", "<think>"])
def test_a_control_token_inside_a_call_stays_there_and_is_counted(tmp_path: Path, text: str) -> None:
    talk = (user_turn("Save a note"), calling_turn(("c1", "save_note", {"text": {"in": [text]}})))
    source = entries([shop_trajectory(0, (*talk, result_turn("c1", "save_note", "saved"), assistant_turn("Done.")))])
    done = build(Recipe(target="ms_swift", splits=WHOLE), source, tmp_path / "rows.jsonl")
    (call,) = json.loads(done.path.read_bytes())["messages"][1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"text": {"in": [text]}}
    assert done.report["changed"] == {"control_tokens_in_text": 1}


# ---------------------------------------------------------------- contradictions


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ({"target": "verl2"}, r"no target 'verl2'.*axolotl.*ms_swift"),
        ({"target": "_target"}, "no target"),
        ({"target": "../exporters/trl"}, "no target"),
        ({"target": "trl/other"}, "no target"),
        ({"target": "trl", "format": "llamafactory"}, r"trl reads chat_jsonl, not llamafactory.*name no target"),
        ({"target": "trl", "options": {"split_untrained": False}}, "split_untrained: false does not suit trl.*true"),
        ({"target": "trl", "options": {"arguments": "string"}}, "arguments: string does not suit trl.*object"),
        ({"target": "ms_swift", "options": {"reasoning": "field"}}, "reasoning: field does not suit.*think or drop"),
        ({"target": "llamafactory", "options": {"masked": "train"}}, "masked: train does not suit llamafactory"),
        ({"target": "trl", "options": {"nonsense": 1}}, "nonsense"),
    ],
)
def test_a_contradiction_is_refused_before_anything_is_written(
    tmp_path: Path, recipe: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        build(Recipe(**recipe), entries(mixed_trajectories()), tmp_path / "x.zip")
    with pytest.raises(InputError, match=told):
        preview(Recipe(**recipe), entries(mixed_trajectories()))
    assert list(tmp_path.iterdir()) == []


def test_what_a_target_leaves_open_may_be_chosen() -> None:
    (row, *_) = rows(Recipe(target="trl", options={"tools": "list", "system": "drop"}), NESTED)
    assert isinstance(row["tools"], list)
    assert row["prompt"][0]["role"] == "user"


def test_an_asked_for_mask_that_a_trainer_cannot_do_is_refused() -> None:
    with pytest.raises(InputError, match=r"prime_rl cannot do 'mask'.*Choose cut"):
        check_choice("prime_rl", None, "mask")
    with pytest.raises(InputError, match="reads llamafactory, not chat_jsonl"):
        check_choice("llamafactory", "chat_jsonl", None)
    check_choice("trl", "chat_jsonl", "mask")
    assert for_target(Recipe(target="prime_rl")).untrained == "cut"


# ---------------------------------------------------------------- what the files tell


@pytest.mark.parametrize("name", names())
def test_the_card_says_how_to_load_it_and_what_is_masked(tmp_path: Path, name: str) -> None:
    recipe = Recipe(target=name, splits={"train": 0.5, "validation": 0.5})
    found = build(recipe, entries(dialogues()), tmp_path)
    with zipfile.ZipFile(found.path) as archive:
        card = archive.read("README.md").decode()
        again = Recipe.model_validate_json(archive.read("recipe.json"))
        files = archive.namelist()
    target = find(name)
    assert found.settings is not None
    assert f"```{target.language}\n{found.settings}\n```" in card
    assert target.masking in card
    assert f"for {target.title} (`{name}`)" in card
    assert f"A turn that a human rejected {target.untrained[again.untrained]}." in card
    assert "Turns a human rejected are" not in card
    assert "$" not in found.settings
    assert again == for_target(recipe)
    assert "train" in found.settings
    assert any(file.startswith("train.") for file in files)
    rebuilt = build(again, entries(dialogues()), tmp_path / "again")
    assert rebuilt.sha256 == found.sha256


def test_settings_are_in_the_language_of_the_trainer() -> None:
    files = {"train": "train.jsonl", "test": "test.jsonl"}
    (dataset,) = yaml.safe_load(find("axolotl").settings_for(files))["datasets"]
    assert (dataset["path"], dataset["message_field_training"]) == ("train.jsonl", "train")
    assert yaml.safe_load(find("llamafactory").settings_for({"train": "mine.jsonl"}))["dataset"] == "turnwright_mine"
    assert tomllib.loads(find("prime_rl").settings_for(files))["data"]["splits"] == ["train"]
    compile(find("trl").settings_for(files), "settings", "exec")
    assert '"test": "test.jsonl"' in find("trl").settings_for(files)


def test_a_bare_file_is_named_in_the_settings(tmp_path: Path) -> None:
    found = build(Recipe(target="ms_swift", splits=WHOLE), entries(mixed_trajectories()), tmp_path / "mine.jsonl")
    assert "--dataset mine.jsonl" in str(found.settings)
    assert build(Recipe(splits=WHOLE), entries(mixed_trajectories()), tmp_path / "x.jsonl").settings is None


# ---------------------------------------------------------------- recipes without a target

OLD: dict[str, tuple[dict[str, Any], str]] = {
    "as it is by default": ({}, "7e3323a9be9a4bb48af26848b8446978920054836b2a3ea57642579175073649"),
    "cut": (
        {"untrained": "cut", "include_rejected": True, "splits": WHOLE},
        "b915f9858ad8484206e3ae7cfa476607587e469c1a7d818ab0c6cf6746cbf8cd",
    ),
    "llamafactory": (
        {"format": "llamafactory", "options": {"masked": "train"}, "seed": 3},
        "d8c4e54bfbf450d69cf07e1524a9c38b2ee55bfac4206b9a647e4cd0c880d4ff",
    ),
    "rows of prompt and completion": (
        {"options": {"turn_flag": "none", "split_untrained": True}, "licence": "MIT"},
        "6710829f6dc6cc790cbdbbd1c079b5dfdaa9541aec20aaa38ec53908c06405ba",
    ),
}
"""Recipes, and the hash of all files of their exports but the card, before there were targets."""


@pytest.mark.parametrize("case", list(OLD))
def test_a_recipe_without_a_target_gives_the_bytes_that_it_gave(tmp_path: Path, case: str) -> None:
    given, before = OLD[case]
    reviews = {0: [Review(trajectory=0, turn=5, verdict="reject")], 4: [Review(trajectory=4, rating=4)]}
    stored = Recipe(**given).model_dump_json()
    assert "target" not in stored
    seen = hashlib.sha256()
    with zipfile.ZipFile(
        build(Recipe.model_validate_json(stored), entries(mixed_trajectories(), reviews), tmp_path).path
    ) as archive:
        for name in sorted({*archive.namelist()} - {"README.md"}):
            seen.update(name.encode() + b"\0" + archive.read(name) + b"\0")
    assert seen.hexdigest() == before
