"""The budget of a batch: its fields, warnings before launch, and the form that changes it later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st
from pydantic import ValidationError

from engine.running.watch import reached_bound
from engine.types import Budget, Endpoint
from pages._ui.buttons import button
from pages._ui.database import db, saving
from pages._ui.messages import keep_message
from pages._ui.text import literal
from storage.generating import batches, budgets

PRICE = "input_cost_per_token"
UNKNOWN = (
    "Counted where neither the server nor litellm's price table tells what a call costs. Take the dearest model's."
)


def fields(now: Budget, options: Callable[[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """Draw the fields and return their values; `options(name, value)` gives the key and start of each."""
    empty: dict[str, Any] = {"value": None, "placeholder": "No bound", "format": "%g"}
    price: dict[str, Any] = {**empty, "placeholder": "Not given", "help": UNKNOWN}
    with st.grid(3, min_column_width=150):
        tokens = st.number_input("Tokens", 1, step=1000, **{**empty, "format": "%d"}, **options("tokens", now.tokens))
        dollars = st.number_input("Dollars", 0.01, step=1.0, **empty, **options("cost", now.cost_usd))
        time = st.number_input("Seconds of work", 1.0, step=60.0, **empty, **options("time", now.seconds))
    with st.grid(2, min_column_width=220):
        given = st.number_input(
            "Dollars per million input tokens",
            0.0,
            step=0.1,
            **price,
            **options("input_price", now.input_cost_per_million),
        )
        taken = st.number_input(
            "Dollars per million output tokens",
            0.0,
            step=0.1,
            **price,
            **options("output_price", now.output_cost_per_million),
        )
    return {
        "tokens": tokens,
        "cost_usd": dollars,
        "seconds": time,
        "input_cost_per_million": given,
        "output_cost_per_million": taken,
    }


def warn_of_prices(values: dict[str, Any], models: Iterable[Endpoint]) -> None:
    """Warn before launch that a bound in dollars needs prices, where none is given for a model."""
    if values["cost_usd"] is None or values["input_cost_per_million"] is not None:
        return
    names = sorted({endpoint.model for endpoint in models if endpoint.options.get(PRICE) is None})
    if names:
        st.warning(
            f"No price is given for {literal(', '.join(names))}. Unless its server or litellm's price table tells what "
            "a call costs, the batch pauses after its first call and asks for prices. Give them here, or a bound in "
            "tokens.",
            icon=":material/price_change:",
        )


def spent_up(row: batches.BatchRow) -> str:
    """Return why resuming would pause at once, or ""."""
    return reached_bound(row.batch.budget, row.tokens, row.cost_usd, row.seconds)


def change_form(row: batches.BatchRow) -> None:
    """Draw the form that changes the budget of a batch that no engine holds, and can resume it."""
    if row.status not in budgets.CHANGEABLE or row.imported:
        return
    now, name = row.batch.budget, f"budget_began_{row.id}"
    began: Budget = st.session_state.setdefault(name, now)
    bounded = any(bound is not None for bound in (now.tokens, now.cost_usd, now.seconds))
    with st.expander(
        f"Budget: {budgets.budget_text(now)}", icon=":material/savings:", expanded=bounded and row.status == "paused"
    ):
        if began != now:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.warning("Somebody else changed this budget in the meantime.", icon=":material/sync_problem:")
                button("Load what is saved", key=f"budget_load_{row.id}", on_click=_load, args=(row.id,))
        try:
            wanted = Budget.model_validate(fields(began, lambda field, value: _field(row.id, field, value)))
        except ValidationError as error:
            st.error(literal(error.errors()[0]["msg"].removeprefix("Value error, ")), icon=":material/error:")
            return
        _buttons(row, began, wanted)


def _field(number: int, field: str, value: Any) -> dict[str, Any]:
    key = f"budget_{field}_{number}"
    st.session_state.setdefault(key, value)
    return {"key": key}


def _buttons(row: batches.BatchRow, began: Budget, wanted: Budget) -> None:
    short = reached_bound(wanted, row.tokens, row.cost_usd, row.seconds)
    if short:
        st.caption(f":material/block: {short} Resuming would pause at once.")
    with st.container(horizontal=True):
        if row.status != "queued" and button(
            "Save and resume",
            type="primary" if spent_up(row) else "secondary",
            icon=":material/play_arrow:",
            key=f"budget_resume_{row.id}",
        ):
            _save(row, wanted, began, resume=not short)
        if button("Save the budget", icon=":material/save:", key=f"budget_save_{row.id}"):
            _save(row, wanted, began, resume=False)


def _save(row: batches.BatchRow, wanted: Budget, began: Budget, *, resume: bool) -> None:
    """Store the budget, then resume if wanted and possible. Shows the conflict when somebody else changed it since."""
    with saving():
        budgets.set_budget(db(), row.id, wanted, before=began)
        st.session_state[f"budget_began_{row.id}"] = wanted
        if resume:
            batches.command(db(), row.id, "resume")
        keep_message("Budget saved, resuming" if resume else "Budget saved")
        st.rerun()


def _load(number: int) -> None:
    """Fill the form with the stored budget."""
    for key in [key for key in st.session_state if str(key).startswith("budget_") and str(key).endswith(f"_{number}")]:
        del st.session_state[key]
