"""Why a batch stands as it does, in the colour of what it means."""

from __future__ import annotations

from pages._ui.layout import Kind, notice
from pages._ui.text import literal
from storage.batches import BatchRow

_BY_HAND = ("Paused by ", "Cancelled by ")
_BUDGET = "budget of "  # so engine/running/watch.py and engine/running/budget.py name the bound that pauses a batch
_ICONS = {"error": "error", "warning": "warning", "info": "info"}


def kind_of(row: BatchRow) -> Kind:
    """Return how grave the reason is: an error stopped the batch, or the reader should act on it, or it only tells.

    Somebody's own pause is no trouble, and a bound of the budget that was reached, or cannot hold, no fault. Every
    other pause is one: a sandbox, disk or model that does not work.
    """
    if row.reason.startswith(_BY_HAND) or row.status == "cancelled":
        return "info"
    if row.status == "failed":
        return "error"
    if row.status == "paused":
        return "warning" if _BUDGET in row.reason else "error"
    return "warning" if row.status == "done" else "info"


def reason_notice(row: BatchRow) -> None:
    """Draw the reason of a batch, where it has one."""
    if row.reason:
        kind = kind_of(row)
        notice(kind, literal(row.reason), icon=_ICONS[kind])
