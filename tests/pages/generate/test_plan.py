"""What a batch is planned to hold, on the launch page and on the batch's page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from engine.domains import pack_files
from engine.planning.batch_file import parse_batch
from engine.planning.planner import plan
from engine.types import MODES, Domain, Persona, RolloutSpec
from pages._ui.badges import mode_name
from storage import tables
from storage.database import Database
from storage.designing import domains
from storage.generating import batches
from tests.golden_plans import GOLDEN
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported, queue_batch

Open = Callable[..., AppTest]


@pytest.fixture
def three(ready: Database) -> Database:
    """A database with three domains: the ledger, and two that are the rental shop."""
    files = pack_files.read_folder(GOLDEN / "packs" / "rental")
    domains.save_domain(ready, files, based_on=None)
    yard = files["domain.yaml"].replace(b"id: rental", b"id: yard").replace(b"name: Tool rental", b"name: Yard")
    domains.save_domain(ready, {**files, "domain.yaml": yard}, based_on=None)
    return ready


def specs(db: Database, number: int, persona: Persona) -> list[RolloutSpec]:
    batch = batches.get_batch(db, number).batch
    found = {str(share.digest): domains.domain_by_digest(db, str(share.digest)) for share in batch.domains}
    return list(plan(batch, found, [persona]))


def line(page: AppTest, heading: str) -> str:
    """Return what the page says of the modes, domains or dialogues of a plan."""
    (found,) = [m.value for m in page.markdown if m.value.startswith(f":gray[{heading}:]")]
    return found.replace("\\", "").replace("\N{NO-BREAK SPACE}", " ")


def open_with_all(open_page: Open, database: Database) -> AppTest:
    """Open the form and choose every domain."""
    page = open_page("new-batch")
    return page.multiselect(key="batch_domains").set_value([row.id for row in domains.list_domains(database)]).run()


def launch(page: AppTest, button: str = "launch") -> AppTest:
    assert not page.exception
    page.button(key=button).click().run()
    assert not page.exception
    return page


def test_the_launch_page_shows_what_is_then_planned(open_page: Open, three: Database, persona: Persona) -> None:
    page = open_with_all(open_page, three)
    page.number_input(key="batch_trajectories").set_value(31).run()
    modes, places, lengths = line(page, "Modes"), line(page, "Domains"), line(page, "Dialogues")
    launch(page)
    found = specs(three, 1, persona)
    for mode, n in Counter(spec.mode for spec in found).items():
        assert f"{mode_name(mode)} **{n}**" in modes
    names = {row.id: row.name for row in domains.list_domains(three)}
    for domain, n in Counter(spec.domain for spec in found).items():
        assert f"{names[domain]} **{n}**" in places
    assert lengths.endswith("1 user turn **23** · 2 user turns **8**")


def test_the_launch_page_marks_what_no_chosen_domain_serves(open_page: Open, ready: Database) -> None:
    page = open_page("new-batch")
    page.multiselect(key="batch_templates_ledger").set_value(["balance"]).run()
    assert any(c.value.endswith("No chosen domain serves: Parallel calls, Dependent calls.") for c in page.caption)
    assert page.number_input(key="batch_mode_parallel").disabled
    assert "Parallel calls: not served" in line(page, "Modes")
    assert "2 user turns: not served" in line(page, "Dialogues")
    (told,) = [info.value for info in page.info if "No chosen domain serves" in info.value]
    assert "No chosen domain serves Parallel calls: its share goes to the other modes" in told.replace("\\", "")
    assert not page.button(key="launch").disabled


@pytest.mark.parametrize("weights", [{}, {"single": 40.0, "multiple": 5.0}])
def test_three_first_are_three_modes_and_three_domains(
    open_page: Open, three: Database, persona: Persona, weights: dict[str, float]
) -> None:
    page = open_with_all(open_page, three)
    page.number_input(key="batch_weight_ledger").set_value(30.0)
    for mode, weight in weights.items():
        page.number_input(key=f"batch_mode_{mode}").set_value(weight)
    launch(page.run(), "try_first")
    found = specs(three, 1, persona)
    assert len(found) == 3
    assert len({spec.mode for spec in found}) == 3
    assert len({spec.domain for spec in found}) == 3


def test_a_shortfall_is_told_on_both_pages(open_page: Open, three: Database) -> None:
    page = open_page("new-batch")
    page.multiselect(key="batch_domains").set_value(["ledger", "rental"]).run()
    page.multiselect(key="batch_templates_ledger").set_value(["compare"]).run()
    page.number_input(key="batch_trajectories").set_value(60)
    for mode in MODES:
        page.number_input(key=f"batch_mode_{mode}").set_value(float(mode in ("single", "parallel")) or 0.0)
    page.number_input(key="batch_mode_single").set_value(9.0).run()
    told = "Ledger gets 6 of 30 tasks: it serves too few of the modes, or has too few long dialogues."
    assert any(told in info.value.replace("\\", "") for info in page.info)
    opened = launch(page)
    assert any(told in info.value.replace("\\", "") for info in opened.info)
    assert "Ledger **6** · Tool rental **54**" in line(opened, "Domains")


def test_launching_again_takes_the_newest_plan_and_can_repeat_the_old_one(open_page: Open, ready: Database) -> None:
    old = queue_batch(ready, 20, plan_version=1)
    page = open_page("new-batch", like=str(old))
    assert page.checkbox(key="batch_old_plan").value is False
    launch(page)
    assert batches.get_batch(ready, 2).batch.plan_version == 2
    page = open_page("new-batch", like=str(old))
    page.checkbox(key="batch_old_plan").check().run()
    assert "Tool error **2**" in line(page, "Modes")
    launch(page)
    assert batches.get_batch(ready, 3).batch.fingerprint == batches.get_batch(ready, old).batch.fingerprint
    page = open_page("new-batch", like="2")
    assert not [box for box in page.checkbox if box.key == "batch_old_plan"], "nothing to choose for the newest"


def test_a_batch_of_before_is_shown_with_its_version_so_that_it_can_be_repeated(
    open_page: Open, ready: Database
) -> None:
    old = queue_batch(ready, 20, plan_version=1)
    body = batches.get_batch(ready, old).batch.model_dump_json(exclude={"plan_version"})
    with ready.write() as session:
        session.execute(tables.batch.update().values(body=body))
    assert batches.get_batch(ready, old).batch.plan_version is None
    page = open_page("batch", id=str(old))
    assert not page.exception
    (shown,) = [code.value for code in page.code if code.language == "yaml"]
    assert parse_batch(shown.encode(), "b.yaml").plan_version == 1
    assert "Single call **" in line(page, "Modes")


def test_an_imported_batch_shows_no_plan(open_page: Open, ready: Database) -> None:
    page = open_page("batch", id=str(insert_imported(ready, "came in", [refund_trajectory(1)])))
    assert not page.exception
    assert not [m.value for m in page.markdown if m.value.startswith(":gray[Modes:]")]
    (shown,) = [code.value for code in page.code if code.language == "yaml"]
    assert "plan_version" not in shown


def test_a_file_that_names_a_plan_version_fills_the_form_with_it(open_page: Open, ready: Database) -> None:
    page = open_page("new-batch")
    page.file_uploader(key="file_of_batch").upload("b.yaml", b"domains: [ledger]\nplan_version: 1", "application/yaml")
    page.run()
    page.button(key="fill_form").click().run()
    assert page.checkbox(key="batch_old_plan").value is True
    launch(page)
    assert batches.get_batch(ready, 1).batch.plan_version == 1


def test_many_domains_stand_in_the_table_alone(ready: Database, ledger: Domain, open_page: Open) -> None:
    for number in range(14):
        id = f"ledger_{number:02d}".encode()
        files = {**ledger.files, "domain.yaml": ledger.files["domain.yaml"].replace(b"id: ledger", b"id: " + id)}
        domains.save_domain(ready, files, based_on=None)
    page = open_with_all(open_page, ready)
    assert line(page, "Domains").endswith("15 domains, see the table")
    assert len(page.dataframe[0].value) == 15
