"""The distinct values of each filter field, kept per batch as trajectories arrive, so that no list needs a scan."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from engine.types import Trajectory
from storage import search, tables

FIELDS = (
    "domains",
    "templates",
    "modes",
    "personas",
    "teachers",
    "models",
    "statuses",
    "outcomes",
    "culprits",
    "reasons",
    "tools",
    "scores",
)


def add(connection: Connection, batch_id: int, trajectories: Iterable[Trajectory]) -> None:
    """Note the values of new trajectories of a batch."""
    found: set[tuple[str, str | None]] = set()
    for t in trajectories:
        found |= {
            ("domains", t.domain),
            ("templates", t.template),
            ("modes", t.mode),
            ("personas", t.persona),
            ("teachers", t.teacher),
            ("models", t.models.get("teacher") or t.teacher),
            ("statuses", t.status),
            ("outcomes", t.outcome),
            ("culprits", t.culprit),
            ("reasons", t.reason),
        }
        found.update(("tools", call.name) for turn in t.turns for call in turn.tool_calls)
        found.update(("scores", score.name) for score in t.scores)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    rows = sorted({(batch_id, field, search.plain(value)[:200]) for field, value in found if value})
    connection.exec_driver_sql(
        f"INSERT INTO facet (batch_id, field, value) VALUES ({mark}, {mark}, {mark}) ON CONFLICT DO NOTHING", rows
    )


def values(session: Session) -> dict[str, list[str]]:
    """Return all values by field, sorted."""
    f = tables.facet.c
    found: dict[str, list[str]] = {field: [] for field in FIELDS}
    for field, value in session.execute(select(f.field, f.value).distinct().order_by(f.field, f.value)):
        found.setdefault(field, []).append(value)
    return found
