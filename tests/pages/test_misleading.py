"""Things that once misled readers stay mended: a colour, a number from too few values, a notice without a next move."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from engine.running.budget import unbounded_reason
from engine.running.watch import reached_bound
from engine.types import Budget, Domain, DomainShare, Endpoint, ModelCall, Pulse, Recipe, Trajectory
from pages._ui.messages import pages_named
from pages._ui.routes import PAGES
from pages.design.parts.domain_dialogs import renamed
from storage import tables
from storage.database import Database
from storage.designing import domains
from storage.exporting.exports import create_export
from storage.generating import batches
from storage.serving.engines import beat
from storage.serving.store import SqlStore
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported, queue_batch

Open = Callable[..., AppTest]
SCRIPTED = Endpoint(model="played", llm="scripted", options={"follow": "tools"})
KEYLESS = "models.teacher: the environment variable KEY is not set. Choose another variable under Settings."


def ended(
    db: Database, status: str, reason: str = "", *made: Trajectory, took: float | None = None, **changes: Any
) -> int:
    """Return a batch that an engine gave back in this status, after `took` seconds of work."""
    number = queue_batch(db, **{"trajectories": 6, "domains": (DomainShare(id="ledger"),)} | changes)
    store = SqlStore(db)
    assert store.claim("me", time.time(), 60)
    store.save(number, made)
    store.release(number, "me", status, reason)
    if took is not None:
        with db.write() as session:
            session.execute(update(tables.batch).where(tables.batch.c.id == number).values(seconds=took))
    return number


def metrics(page: AppTest) -> dict[str, str]:
    assert not page.exception
    return {metric.label: metric.value for metric in page.metric}


def texts(elements: Iterable[Any]) -> list[str]:
    """Return what elements say, as it is read on the screen."""
    return [element.value.replace("\\", "") for element in elements]


def links(page: AppTest) -> set[str]:
    """Return the labels of the page's links."""
    return {link.proto.label for link in page.get("page_link")}


# ---------------------------------------------------------------- colours


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        ("paused", "Paused by hand.", "info"),
        ("paused", "The sandbox stopped working: gone. Mend it, then resume.", "error"),
        ("paused", "10 rollouts in a row failed, the last one with model connection: refused.", "error"),
        ("failed", KEYLESS, "error"),
        ("cancelled", "Cancelled by the user.", "info"),
        ("done", "The teacher made no call in any of 9 rollouts that needed one.", "warning"),
    ],
)
def test_a_pause_has_the_colour_of_what_it_means(
    open_page: Open, ready: Database, status: str, reason: str, kind: str
) -> None:
    page = open_page("batch", id=str(ended(ready, status, reason)))
    drawn = {name: texts(getattr(page, name)) for name in ("error", "warning", "info")}
    assert [name for name, texts in drawn.items() if any(reason[:40] in text for text in texts)] == [kind]
    if status in ("paused", "failed"):
        overview = open_page("overview")
        assert any(reason[:40] in text for text in texts(getattr(overview, kind)))


BUDGETS = (
    Budget(seconds=60.0),
    Budget(tokens=10, cost_usd=0.01),
    Budget(cost_usd=5.0, input_cost_per_million=1.0, output_cost_per_million=1.0),
)


@pytest.mark.parametrize(
    "reason",
    [
        *(reached_bound(budget, 10, 5.0, 61.0) for budget in BUDGETS),
        unbounded_reason(ModelCall(role="teacher", model="m"), Budget(tokens=5)),
        unbounded_reason(
            ModelCall(role="teacher", model="m", prompt_tokens=1, completion_tokens=1), Budget(cost_usd=5.0)
        ),
    ],
)
def test_a_budget_is_no_fault_and_no_mere_note(open_page: Open, ready: Database, reason: str) -> None:
    assert reason
    number = ended(ready, "paused", reason)
    page = open_page("batch", id=str(number))
    assert texts(page.warning) == [reason]
    assert not page.error


def test_a_button_that_destroys_is_red_and_never_the_next_move(
    open_page: Open, ready: Database, ledger: Domain
) -> None:
    paused, done = ended(ready, "paused", "Paused by hand."), ended(ready, "done", "", refund_trajectory(0))
    found = []
    for number, opener, key in (
        (paused, f"cancel_{paused}", "confirm_cancel"),
        (done, f"delete_{done}", "confirm_delete"),
    ):
        page = open_page("batch", id=str(number))
        page.button(key=opener).click().run()
        found.append(page.button(key=key))
    for button in found:
        assert button.proto.type == "secondary"
        assert button.label.startswith(":red[")


def test_no_primary_button_of_any_page_deletes() -> None:
    """Dialogs of domains and personas are opened from a table's row; what they are written with is looked at here."""
    primary, red = [], []
    for path in sorted(PAGES.rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            words = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else ""
            if not isinstance(words, str) or not words.lower().startswith(("delete", "cancel the", "drop", "remove")):
                continue
            red += [words] if getattr(call.func, "id", "") == "destroy_button" else []
            looks = {word.arg: getattr(word.value, "value", None) for word in call.keywords}
            primary += [f"{path.name}: {words}"] if looks.get("type") == "primary" else []
    assert primary == []
    assert {"Delete the batch", "Cancel the batch", "Delete the domain", "Delete the persona"} <= set(red)


# ---------------------------------------------------------------- notices that name a page


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Choose a model for the teacher under Settings.", ["settings"]),
        ("No engine is answering, so nothing is built. See Settings.", ["settings"]),
        ("Choose one from the list in Settings, or look under Exports; see Settings.", ["settings", "exports"]),
        ("It waits in the queue of the server.", []),
        ("The settings under test are wrong.", []),
        ("", []),
    ],
)
def test_the_pages_that_a_notice_names_are_known(text: str, names: list[str]) -> None:
    assert [route.name for route in pages_named(text)] == names


def test_a_notice_that_names_a_page_links_there(open_page: Open, ready: Database) -> None:
    number = ended(ready, "failed", KEYLESS)
    assert "Open Settings" in links(open_page("batch", id=str(number)))
    overview = open_page("overview")
    assert any(KEYLESS in text for text in texts(overview.error))
    assert "Open Settings" in links(overview)
    form = open_page("new-batch")
    form.selectbox(key="batch_teachers").set_value("llm").run()
    assert any("Choose a model for the teacher under Settings" in text for text in texts(form.error))
    assert "Open Settings" in links(form)
    insert_imported(ready, "some", [refund_trajectory(0)])
    create_export(ready, Recipe())
    exports = open_page("exports")
    assert any("nothing is built" in one.value for one in exports.warning)
    assert "Open Settings" in links(exports)
    beat(ready, Pulse("host:1", 1, time.time(), "local", False))
    weak = open_page("overview")
    assert any("does not isolate" in one.value for one in weak.warning)
    assert "Open Settings" in links(weak)


def test_no_page_writes_a_notice_that_names_a_page_without_the_link() -> None:
    drawn = []
    for path in sorted(PAGES.rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            if getattr(call.func, "attr", "") in ("error", "warning", "info", "success", "toast", "caption"):
                told = [one.value for one in ast.walk(call) if isinstance(one, ast.Constant)]
                text = " ".join(one for one in told if isinstance(one, str))
                drawn += [f"{path.name}: {text[:80]}"] if pages_named(text) else []
    assert drawn == []


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(("took", "told"), [(2.0, "–"), (59.0, "–"), (60.0, "4,320"), (120.0, "2,160")])
def test_a_number_for_a_day_needs_a_minute_of_work(open_page: Open, ready: Database, took: float, told: str) -> None:
    number = ended(ready, "paused", "Paused by hand.", *(refund_trajectory(n) for n in range(3)), took=took)
    shown = metrics(open_page("batch", id=str(number)))
    assert shown["Per day"] == told
    assert shown["Rate"].endswith("/s")


def test_there_are_no_tiles_for_tokens_where_no_model_was_called(open_page: Open, ready: Database) -> None:
    number = ended(ready, "done", "", refund_trajectory(0, calls=()), refund_trajectory(1, calls=()))
    for page in (open_page("batch", id=str(number)), open_page("overview"), open_page("scores")):
        shown = metrics(page)
        assert shown
        assert not {"Tokens", "Tokens each", "Cost"} & shown.keys()
    (row,) = batches.latest(ready, number, 1)
    page = open_page("trajectory", id=str(row.id))
    assert not {"Tokens", "Cost", "Model calls"} & metrics(page).keys()


def test_tokens_are_told_where_a_model_was_called_and_unknown_ones_are_no_zero(
    open_page: Open, ready: Database
) -> None:
    told = ModelCall(role="teacher", model="m", prompt_tokens=7, completion_tokens=3, cost_usd=0.5)
    number = ended(ready, "done", "", refund_trajectory(0, calls=(told,)))
    shown = metrics(open_page("batch", id=str(number)))
    assert (shown["Tokens"], shown["Cost"]) == ("10", "$0.50")
    assert metrics(open_page("overview"))["Tokens"] == "10"
    untold = ended(ready, "done", "", refund_trajectory(1, calls=(ModelCall(role="teacher", model="m"),)))
    shown = metrics(open_page("batch", id=str(untold)))
    assert (shown["Tokens"], shown["Cost"]) == ("–", "–")
    begun = ended(ready, "queued", "", teacher="llm", models={"teacher": SCRIPTED})
    assert metrics(open_page("batch", id=str(begun)))["Tokens"] == "0"


# ---------------------------------------------------------------- the form of a new batch


def _second_domain(db: Database, ledger: Domain) -> None:
    domains.save_domain(db, renamed(ledger.files, "second", "Another ledger"), based_on=None)


def _said(page: AppTest) -> str:
    return next(text for text in texts(page.caption) if "estimate" in text or "judging by" in text)


def test_an_estimate_judges_by_batches_of_the_same_domains_players_and_judges(
    open_page: Open, ready: Database, ledger: Domain
) -> None:
    _second_domain(ready, ledger)
    ended(ready, "done", "", refund_trajectory(0), took=600.0)
    page = open_page("new-batch")
    page.multiselect(key="batch_domains").set_value(["second"]).run()
    assert _said(page) == "No estimate yet: nothing like it has finished. Try 3 first."
    page.multiselect(key="batch_domains").set_value(["ledger"]).run()
    assert "judging by 1 finished batch of the same domains, players and judges" in _said(page)
    assert "33 min" in _said(page), "600 s for six is 2,000 s for twenty"
    page.multiselect(key="batch_domains").set_value(["ledger", "second"]).run()
    assert _said(page).startswith("No estimate yet")
    page.multiselect(key="batch_domains").set_value(["ledger"]).run()
    page.session_state["batch_judges"] = ["rules"]
    assert _said(page.run()).startswith("No estimate yet")


def test_a_new_batch_begins_with_the_domain_that_was_saved_last_alone(
    open_page: Open, ready: Database, ledger: Domain
) -> None:
    _second_domain(ready, ledger)
    page = open_page("new-batch")
    assert page.multiselect(key="batch_domains").value == ["second"]
    assert not page.error
    again = domains.list_domains(ready)
    version = next(row.version for row in again if row.id == "ledger")
    files = dict(ledger.files) | {"policy.md": ledger.files["policy.md"] + b"\nBe brief.\n"}
    domains.save_domain(ready, files, based_on=version)
    assert open_page("new-batch").multiselect(key="batch_domains").value == ["ledger"]
    both = ended(ready, "done", domains=(DomainShare(id="ledger"), DomainShare(id="second")))
    assert open_page("new-batch", like=str(both)).multiselect(key="batch_domains").value == ["ledger", "second"]
