"""Pages offer the plug-ins of installed packages with their options, and no broken package breaks a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from storage.database import Database
from storage.generating import batches
from tests.pages.generate.test_plan import launch
from tests.throw_away import KINDS, installed, write_all, write_package

Open = Callable[..., AppTest]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[None]:
    site = tmp_path / "site"
    write_all(site)
    broken = {(kind, "broken"): "broken_plugins.broken" for kind in KINDS}
    write_package(site, "broken_plugins", {"broken": "raise RuntimeError(3)"}, broken)
    with installed(site):
        yield


@pytest.mark.usefixtures("there")
def test_a_batch_is_launched_with_players_judge_and_mode_of_a_package(open_page: Open, ready: Database) -> None:
    page = open_page("new-batch")
    assert not page.exception
    assert "broken" not in page.pills(key="batch_judges").options
    page.selectbox(key="batch_teachers").set_value("throwaway")
    page.pills(key="batch_judges").set_value(["state", "brevity"]).run()
    page.number_input(key="batch_judges_brevity_most").set_value(70)
    page.text_input(key="batch_teachers_throwaway_closing").set_value("Bye.")
    page.number_input(key="batch_mode_throwaway").set_value(2.0).run()
    launch(page)
    batch = batches.get_batch(ready, 1).batch
    assert batch.model_dump(mode="json")["judges"] == ["state", {"brevity": {"most": 70}}]
    assert batch.model_dump(mode="json")["teacher"] == {"throwaway": {"closing": "Bye."}}
    assert batch.modes["throwaway"] == 2.0


@pytest.mark.usefixtures("there")
def test_settings_and_exports_offer_them(open_page: Open, ready: Database) -> None:
    page = open_page("settings")
    page.session_state["settings_tab"] = "Sandbox"
    page.run()
    assert not page.exception
    assert page.text_input(key="sandbox_throwaway_folder").value == ""
    assert page.selectbox(key="sandbox_choice").options == ["Auto", "Bubblewrap", "Docker", "Local", "Throwaway"]
    page = open_page("exports")
    assert not page.exception
    assert "Throw-away trainer" in str(page.selectbox(key="export_target").options)
    assert not any("broken" in option for option in page.selectbox(key="export_format").options)
    assert any(option.startswith("throwaway: What was said") for option in page.selectbox(key="export_format").options)
