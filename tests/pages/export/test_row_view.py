"""The preview draws messages and tokens with what is trained, and a length is chosen beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from engine.types import ContextLength
from storage.database import Database
from storage.exporting import exports
from tests.pages.export.test_masking import REJECTED, reviewed
from tests.samples.tokenizers import tokenizer_folder
from tests.samples.trajectories import refund_trajectory
from tests.samples.turns import HOSTILE, assistant_turn
from tests.storage.stored_samples import insert_imported

__all__ = ["reviewed"]

Open = Callable[..., AppTest]


def opened(page: AppTest, target: str | None = None, **texts: str) -> AppTest:
    page.session_state["export_preview"] = True
    if target:
        page.selectbox(key="export_target").set_value(target)
    for key, value in texts.items():
        page.text_input(key=key).set_value(value)
    return page.run()


def views(page: AppTest) -> list[dict[str, Any]]:
    """Return what the components that draw a row are given."""
    found = [one.proto for one in page.get("bidi_component")]
    return [json.loads(one.json) for one in found if one.component_name == "turnwright_row_view"]


def test_the_first_rows_are_drawn_as_turns_with_what_is_trained(open_page: Open, reviewed: Database) -> None:
    page = opened(open_page("exports"), "axolotl")
    assert not page.exception
    assert [tab.label for tab in page.tabs] == ["Turns", "JSON"]
    (view,) = views(page)
    (part,) = view["parts"]
    trained = [place for place, one in enumerate(part["messages"]) if one["trained"]]
    assert trained == [2, 5, 10]
    assert part["messages"][REJECTED]["trained"] is False
    assert part["messages"][2]["calls"][0]["name"]


def test_tokens_are_drawn_with_a_tokenizer_of_ones_own(open_page: Open, reviewed: Database, tmp_path: Path) -> None:
    deaf = "{% for m in messages %}<|im_start|>{{ m.role }}{{ m.content }}<|im_end|>{% endfor %}"
    folder = tokenizer_folder(tmp_path / "mine", deaf)
    page = opened(open_page("exports"), "axolotl", export_tokenizer=str(folder))
    assert not page.exception
    assert any("This template drops the list of tools, tool calls" in one.value for one in page.warning)
    view = next(view for view in views(page) if "tokens" in view)
    assert len(view["tokens"]) == len(view["trained"])
    assert 0 < sum(view["trained"]) < len(view["trained"])
    told = next(one.value for one in page.caption if "of them trained" in one.value)
    assert f"{len(view['tokens']):,}" in told.replace("\\", "")


def test_a_length_reaches_the_recipe_and_the_count(open_page: Open, reviewed: Database, tmp_path: Path) -> None:
    folder = str(tokenizer_folder(tmp_path / "mine"))
    page = opened(open_page("exports"), None, export_tokenizer=folder)
    page.number_input(key="export_context").set_value(100)
    page.selectbox(key="export_longer").set_value("cut").run()
    assert any("beyond the context length" in one.value for one in page.caption) or not views(page)
    page.button(key="build_export").click().run()
    (row,) = exports.list_exports(reviewed)
    assert row.recipe.context == ContextLength(tokenizer=folder, tokens=100, longer="cut")


def test_what_is_no_tokenizer_is_said_and_nothing_is_built(open_page: Open, reviewed: Database) -> None:
    page = opened(open_page("exports"), None, export_tokenizer="no/such/folder")
    assert "is no file" in page.error[0].value.replace("\\", "")
    assert page.button(key="build_export").disabled
    page.text_input(key="export_tokenizer").set_value("")
    page.number_input(key="export_context").set_value(100).run()
    assert "needs a tokenizer" in page.error[0].value


def test_hostile_text_is_only_given_to_the_component(open_page: Open, database: Database) -> None:
    turns = refund_trajectory(0).turns
    insert_imported(database, "in", [refund_trajectory(0, turns=(*turns, assistant_turn(HOSTILE)))])
    page = opened(open_page("exports"), "axolotl")
    assert any(
        HOSTILE in json.dumps(view, ensure_ascii=False).replace("\\\\", "\\").replace('\\"', '"')
        for view in views(page)
    )
    assert not any("script" in one.value for one in (*page.markdown, *page.caption))
