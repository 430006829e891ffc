"""A mode added as a file appears wherever modes do: form, counts, filters, the pages of a domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from engine.planning.planner import plan
from engine.types import MODES, Batch, Domain, DomainShare, Persona
from pages._ui.badges import mode_name
from storage.database import Database
from storage.generating import batches
from tests.modes.read_only import dropped_in
from tests.pages.generate.test_plan import launch, line
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

Open = Callable[..., AppTest]
KEY = "batch_mode_read_only"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[None]:
    with dropped_in(tmp_path):
        yield


@pytest.mark.usefixtures("there")
def test_the_form_offers_it_and_the_launch_page_counts_it(
    open_page: Open, ready: Database, ledger: Domain, persona: Persona
) -> None:
    page = open_page("new-batch")
    field = page.number_input(key=KEY)
    assert (field.label, field.value, field.disabled) == ("Reads only", 0.0, False)
    assert field.help.replace("\\", "") == "Looking things up serves the request, and nothing may be changed."
    assert "Reads only" not in line(page, "Modes")
    field.set_value(3.0).run()
    assert "Reads only **5**" in line(page, "Modes")
    launch(page)
    batch = batches.get_batch(ready, 1).batch
    assert batch.modes == {**dict.fromkeys(MODES, 1.0), "read_only": 3.0}
    assert Counter(spec.mode for spec in plan(batch, {ledger.digest: ledger}, [persona]))["read_only"] == 5


@pytest.mark.usefixtures("there")
def test_a_batch_that_leaves_it_out_is_the_same_as_without_the_file(open_page: Open, ready: Database) -> None:
    launch(open_page("new-batch"))
    assert batches.get_batch(ready, 1).batch.modes == dict.fromkeys(MODES, 1.0)


@pytest.mark.usefixtures("there")
def test_the_form_says_that_no_chosen_domain_serves_it(open_page: Open, ready: Database) -> None:
    page = open_page("new-batch")
    page.multiselect(key="batch_templates_ledger").set_value(["move"]).run()
    field = page.number_input(key=KEY)
    assert field.disabled
    assert field.help.endswith("No template of the chosen domains serves this mode.")
    assert any("No chosen domain serves:" in c.value and "Reads only" in c.value for c in page.caption)


@pytest.mark.usefixtures("there")
def test_the_domains_page_and_the_filters_name_it(open_page: Open, ready: Database) -> None:
    page = open_page("domain", id="ledger")
    (table,) = [frame.value for frame in page.dataframe if "Reads only" in frame.value.columns]
    assert dict(zip(table["Template"], table["Reads only"], strict=True))["balance"] == "✓"
    bar = open_page("queue")
    assert bar.multiselect(key="modes").options[-1] == "Reads only"


def test_what_is_stored_of_it_is_shown_when_it_is_gone(open_page: Open, ready: Database, ledger: Domain) -> None:
    assert mode_name("read_only") == "Read only"
    insert_imported(ready, "came in", [refund_trajectory(mode="read_only")])
    assert "Read only" in open_page("queue").multiselect(key="modes").options
    share = DomainShare(id="ledger", digest=ledger.digest)
    number = batches.create_batch(ready, Batch(name="b", domains=(share,), modes={"read_only": 1.0, "single": 1.0}))
    page = open_page("batch", id=str(number))
    assert not page.exception
    page = open_page("new-batch", like=str(number))
    assert not page.exception
    assert any("No longer there, so left out: read" in c.value for c in page.caption)
    assert page.number_input(key="batch_mode_single").value == 1.0
