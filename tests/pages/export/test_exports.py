"""Recipes and the list of exports, without a browser and without an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import pytest
from streamlit.testing.v1 import AppTest

from engine import plugins
from engine.types import ExportOutcome, Recipe, Review, TrajectoryFilter
from pages._ui.filters import filter_parameters
from storage.database import Database
from storage.exporting import exports
from storage.reviewing import reviews
from storage.serving import requests
from tests.samples.trajectories import never_started, refund_trajectory
from tests.storage.stored_samples import insert_imported

Open = Callable[..., AppTest]
LOST = {"status": "rejected", "stage": "judged", "reason": "facts"}


@pytest.fixture
def filled(database: Database) -> Database:
    """Four kept ones, two that the judges rejected, one that never started."""
    kept, lost = (refund_trajectory(n) for n in range(4)), (refund_trajectory(n, **LOST) for n in (4, 5))
    insert_imported(database, "in", [*kept, *lost, never_started(6)])
    return database


def leaving(page: AppTest) -> str:
    return next(metric.value for metric in page.metric if metric.label == "Trajectories")


def judge(db: Database, number: int, verdict: str) -> None:
    reviews.save_review(db, Review(trajectory=number, reviewer="me", verdict=verdict))  # type: ignore[arg-type]


def test_the_count_follows_switches_and_verdicts(open_page: Open, filled: Database) -> None:
    page = open_page("exports")
    assert leaving(page) == "4"
    judge(filled, 1, "reject")
    judge(filled, 5, "accept")
    assert leaving(page.run()) == "4"
    page.checkbox(key="export_accepted").check().run()
    assert leaving(page) == "1"
    page.checkbox(key="export_accepted").uncheck()
    page.checkbox(key="export_rejected").check().run()
    assert leaving(page) == "5", "three kept, one accepted, one rejected; what never started has no turn to export"


def test_a_filter_in_the_address_is_kept(open_page: Open, filled: Database) -> None:
    page = open_page("exports", **filter_parameters(TrajectoryFilter(modes=("parallel",))))
    assert any("no trajectory matches" in info.value for info in page.info)
    assert page.button(key="build_export").disabled
    page = open_page("exports", **filter_parameters(TrajectoryFilter(batches=(1,), max_reward=0.15)))
    assert leaving(page) == "2"
    page.button(key="build_export").click().run()
    chosen = exports.list_exports(filled)[0].recipe.filter
    assert chosen.batches == (1,)
    assert chosen.max_reward == 0.15


def test_what_is_typed_last_is_built_with_a_click_at_once(open_page: Open, filled: Database) -> None:
    page = open_page("exports")
    page.text_input(key="export_name").set_value("typed")
    page.button(key="build_export").click().run()
    assert exports.list_exports(filled)[0].recipe.name == "typed"


def test_splits_must_sum_to_a_hundred(open_page: Open, filled: Database) -> None:
    page = open_page("exports")
    page.number_input(key="export_share_train").set_value(80).run()
    assert "they sum to 90 %, so 10 are missing" in page.error[0].value
    assert page.button(key="build_export").disabled
    page.text_input(key="export_licence").set_value(" CC-BY-4.0 ")
    page.number_input(key="export_share_test").set_value(10).run()
    assert not page.error
    page.button(key="build_export").click().run()
    row = exports.list_exports(filled)[0]
    assert row.recipe.splits == {"train": 0.8, "validation": 0.1, "test": 0.1}
    assert row.recipe.licence == "CC-BY-4.0"
    asked = requests.get_request(filled, 1)
    assert asked is not None
    assert (asked.kind, asked.payload) == ("build_export", {"export_id": row.id})


@pytest.mark.parametrize("name", plugins.names("exporters"))
def test_every_option_of_a_format_reaches_the_recipe(open_page: Open, filled: Database, name: str) -> None:
    page = open_page("exports")
    page.selectbox(key="export_format").set_value(name).run()
    wanted: dict[str, Any] = {}
    for field, info in plugins.load("exporters", name).config.model_fields.items():
        key = f"export_{name}_{field}"
        if get_origin(info.annotation) is Literal:
            wanted[field] = next(c for c in get_args(info.annotation) if c != info.default)
            page.selectbox(key=key).set_value(wanted[field])
            assert page.selectbox(key=key).help
        elif info.annotation is str:
            wanted[field] = "{% for m in messages %}\n{{ m.content }}{% endfor %}"
            page.text_area(key=key).set_value(wanted[field])
        else:
            wanted[field] = not info.default
            page.toggle(key=key).set_value(wanted[field])
    page.run()
    page.button(key="build_export").click().run()
    assert exports.list_exports(filled)[0].recipe.options == wanted


def test_labels_and_names_of_tools_reach_the_recipe(open_page: Open, filled: Database) -> None:
    page = open_page("exports")
    page.checkbox(key="export_labels").check()
    page.selectbox(key="export_tool_names").set_value("mixed").run()
    page.button(key="build_export").click().run()
    recipe = exports.list_exports(filled)[0].recipe
    assert (recipe.labels, recipe.tool_names) == (True, "mixed")


def test_what_came_of_exports_is_drawn(open_page: Open, filled: Database) -> None:
    done, failed = (exports.create_export(filled, Recipe(name=name)) for name in ("good", "bad"))
    report = {"trajectories": 5, "exported": 4, "dropped": {"duplicate": 1}, "splits": {"train": 4}, "lost": {}}
    exports.finish_export(filled, done, ExportOutcome("1/good.zip", 2048, "ab" * 32, 4, report))
    exports.fail_export(filled, failed, "The disk is full.")
    page = open_page("exports")
    assert "The disk is full" in page.error[0].value
    link = page.get("link_button")[0].proto
    assert link.url.startswith(f"/api/exports/{done}?token=")
    assert any("4 rows" in caption.value and "2\\.0 KB" in caption.value for caption in page.caption)
    page.button(key=f"delete_{failed}").click().run()
    assert len(exports.list_exports(filled)) == 2, "it asks first"
    assert any("Delete the export **bad**" in one.value for one in page.markdown)
    page.button(key=f"delete_{failed}_no").click().run()
    page.button(key=f"delete_{failed}").click().run()
    page.button(key=f"delete_{failed}_yes").click().run()
    assert [row.id for row in exports.list_exports(filled)] == [done]


def test_a_long_history_is_shown_in_parts(open_page: Open, filled: Database) -> None:
    for number in range(12):
        exports.fail_export(filled, exports.create_export(filled, Recipe(name=f"n{number}")), "No.")
    page = open_page("exports")
    assert len(page.error) == 10
    page.button(key="older_exports").click().run()
    assert len(page.error) == 12


def test_a_push_is_asked_of_the_engine_and_its_address_is_shown(open_page: Open, filled: Database) -> None:
    number = exports.create_export(filled, Recipe(name="good"))
    exports.finish_export(filled, number, ExportOutcome("1/good.zip", 2048, "ab" * 32, 4, {}))
    page = open_page("exports")
    page.session_state[f"publish_{number}"] = True
    page.run()
    assert page.button(key=f"push_{number}").disabled
    page.text_input(key=f"push_{number}_repository").set_value(" me/set ").run()
    page.text_input(key=f"push_{number}_variable").set_value("MY_TOKEN").run()
    page.button(key=f"push_{number}").click().run()
    asked = requests.claim_request(filled, "engine", 1.0)
    assert asked is not None
    assert (asked.kind, asked.payload) == (
        "push_export",
        {"path": "1/good.zip", "address": "hf:me/set", "variable": "MY_TOKEN", "public": False},
    )
    assert page.run().button(key=f"push_{number}").disabled
    requests.finish_request(filled, asked.id, {"address": "https://hub/datasets/me/set/tree/abc"}, None)
    page.run()
    assert any("hub/datasets/me/set/tree/abc" in one.value for one in page.success)
