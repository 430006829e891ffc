"""The files of an export are chosen in the form, as far as the consumer reads several."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from engine.types import Container
from storage.database import Database
from storage.exporting import exports
from tests.pages.export.test_masking import reviewed

__all__ = ["reviewed"]

Open = Callable[..., AppTest]


def built(page: AppTest, db: Database) -> Container | None:
    """Press the button and return the container of the newest export."""
    page.button(key="build_export").click().run()
    return exports.list_exports(db)[0].recipe.container


def test_files_are_chosen_and_the_usual_ones_leave_the_recipe_as_it_was(open_page: Open, reviewed: Database) -> None:
    page = open_page("exports")
    assert built(page, reviewed) is None
    page.selectbox(key="export_container_any_kind").set_value("parquet").run()
    page.number_input(key="export_container_any_rows").set_value(500)
    page.number_input(key="export_container_any_bytes").set_value(150).run()
    assert built(page, reviewed) == Container(kind="parquet", shard_rows=500, shard_bytes=150_000_000)
    page.selectbox(key="export_container_any_columns").set_value("none").run()
    assert built(page, reviewed) == Container(
        kind="parquet", compression="none", shard_rows=500, shard_bytes=150_000_000
    )


def test_a_consumer_is_offered_what_it_reads(open_page: Open, reviewed: Database) -> None:
    page = open_page("exports")
    page.selectbox(key="export_target").set_value("axolotl").run()
    assert page.selectbox(key="export_container_axolotl_kind").options == ["JSON Lines", "JSON array", "Parquet"]
    assert not [one for one in page.number_input if one.key == "export_container_axolotl_rows"]
    page.selectbox(key="export_target").set_value("openai").run()
    assert not [one for one in page.selectbox if str(one.key).startswith("export_container")]
