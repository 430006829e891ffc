"""The target of an export is chosen first and sets format, options and masks in form, preview and file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from engine import plugins
from engine.exporting.target import GROUPS, TRIED, find, for_target, names
from engine.types import ExportOutcome, Recipe
from pages._ui.text import literal
from storage.database import Database
from storage.exporting import exports
from tests.pages.export.test_masking import previewed_and_built, reviewed
from tests.targets.trainers import WHOLE_DIALOGUES, trained_text

__all__ = ["reviewed"]

Open = Callable[..., AppTest]
ITEMS = {"nemo_gym/rollout": 2}
"""Targets that write an answer of these dialogues as several items: what is said beside the thought or the call."""


def choose(page: AppTest, name: str | None) -> AppTest:
    return page.selectbox(key="export_target").set_value(name).run()


def keys(page: AppTest) -> set[str]:
    return {
        str(one.key)
        for kind in (page.selectbox, page.toggle, page.text_area, page.text_input)
        for one in kind
        if one.key
    }


@pytest.mark.parametrize("name", WHOLE_DIALOGUES)
def test_what_is_built_for_a_trainer_is_what_the_preview_shows(
    open_page: Open, reviewed: Database, tmp_path: Path, name: str
) -> None:
    page = choose(open_page("exports"), name)
    page.number_input(key="export_share_train").set_value(100)
    page.number_input(key="export_share_validation").set_value(0)
    previewed, rows, report = previewed_and_built(page, reviewed, tmp_path)
    assert previewed == rows
    assert rows
    assert "train" not in report["lost"]
    trained = sum(len(json.loads(trained_text(name, row))) for row in rows)
    kept = 3 if "mask" in find(name).untrained else 2
    assert trained == kept * ITEMS.get(name, 1), "one of four was rejected, the third"
    (row,) = exports.list_exports(reviewed)
    assert (row.recipe.target, row.recipe.format) == (name, find(name).format)
    page.session_state[f"report_{row.id}"] = True
    page.run()
    split = {"train": "train.jsonl"}
    assert find(name).settings_for(split) in [code.value for code in page.code]
    assert any(f"for {literal(find(name).title)}" in caption.value for caption in page.caption)


@pytest.mark.parametrize("name", names())
def test_only_what_changes_something_for_a_trainer_is_offered(open_page: Open, reviewed: Database, name: str) -> None:
    page = choose(open_page("exports"), name)
    target, shown = find(name), keys(page)
    assert "export_format" not in shown
    assert (f"export_untrained_to_{name}" in shown) == (len(target.untrained) > 1)
    assert "export_untrained" not in shown
    for field in plugins.load("exporters", target.format).config.model_fields:
        allowed = target.options.get(field)
        assert (f"export_to_{name}_{field}" in shown) == (allowed is None or len(allowed) > 1), field
        if allowed is not None and len(allowed) > 1:
            assert page.selectbox(key=f"export_to_{name}_{field}").value == allowed[0]
    assert target.line in [caption.value for caption in page.caption]
    page.button(key="build_export").click().run()
    recipe = exports.list_exports(reviewed)[0].recipe
    assert for_target(recipe).untrained in target.untrained


def test_the_usual_ones_are_offered_first_and_all_are_found_by_search(open_page: Open, reviewed: Database) -> None:
    page = open_page("exports")
    usual = page.button_group(key="export_usual")
    assert usual.options == [title for title in usual.options if title]
    assert len(usual.options) == len([name for name in names() if find(name).usual]) <= 8
    box = page.selectbox(key="export_target")
    assert len(box.options) == len(names()) + 1
    for name in names():
        (entry,) = [one for one in box.options if one.endswith(f"({name})")]
        assert entry.startswith(f"{GROUPS[find(name).group]}: {find(name).title} ")
    heads = [one.partition(":")[0] for one in box.options[1:]]
    assert list(dict.fromkeys(heads)) == [head for head in GROUPS.values() if head in heads], "grouped"


def test_the_usual_ones_and_the_list_agree(open_page: Open, reviewed: Database) -> None:
    page = choose(open_page("exports"), "trl")
    assert page.session_state["export_usual"] == "trl"
    page = choose(page, "anthropic")
    assert page.session_state["export_usual"] is None
    page.button_group(key="export_usual").set_value("openai").run()
    assert page.selectbox(key="export_target").value == "openai"


def test_each_target_is_told_in_a_line_with_how_it_was_tried(open_page: Open, reviewed: Database) -> None:
    page = open_page("exports")
    page.session_state["export_every_target"] = True
    page.run()
    told = "\n".join(one.value for one in page.markdown)
    for name in names():
        assert f"`{name}`: {literal(find(name).line)}" in told
    page = choose(page, "mistral")
    assert any(TRIED["loader"] in caption.value for caption in page.caption)


def test_the_format_is_chosen_again_once_no_trainer_is(open_page: Open, reviewed: Database) -> None:
    page = choose(choose(open_page("exports"), "trl"), None)
    assert {"export_format", "export_untrained", "export_chat_jsonl_turn_flag"} <= keys(page)
    assert any("read none" in caption.value for caption in page.caption)
    page.button(key="build_export").click().run()
    assert exports.list_exports(reviewed)[0].recipe.target is None


def test_an_option_that_a_trainer_leaves_open_reaches_the_recipe(open_page: Open, reviewed: Database) -> None:
    page = choose(open_page("exports"), "trl")
    page.selectbox(key="export_to_trl_reasoning").set_value("drop")
    page.selectbox(key="export_untrained_to_trl").set_value("cut").run()
    page.button(key="build_export").click().run()
    recipe = exports.list_exports(reviewed)[0].recipe
    assert (recipe.options, recipe.untrained) == ({"reasoning": "drop"}, "cut")


def test_an_export_for_a_trainer_that_is_not_there_any_more_is_still_listed(
    open_page: Open, reviewed: Database
) -> None:
    number = exports.create_export(reviewed, Recipe(target="forgotten"))
    exports.finish_export(reviewed, number, ExportOutcome("1/x.zip", 1, "", 1, {"trajectories": 1, "exported": 1}))
    page = open_page("exports")
    page.session_state[f"report_{number}"] = True
    page.run()
    assert not page.exception
    assert any("for forgotten" in caption.value for caption in page.caption)
