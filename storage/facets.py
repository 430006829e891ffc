"""The distinct values of each filter field, kept per batch as trajectories arrive, so that no list needs a scan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from typing import Any, Protocol

from sqlalchemy import Connection, delete, select
from sqlalchemy.orm import Session

from storage import tables
from storage.columns import FACETS

FIELDS = (*FACETS, "tools", "scores")
VERSIONS = "score_versions"
"""A field of no filter: which version of a judge gave a score of a batch, as JSON [judge, version, name of the score].
Older rows have no name and stand for any score of the judge."""


class Written(Protocol):
    """The rows of one trajectory, as far as facets need them."""

    @property
    def facts(self) -> Mapping[str, Any]: ...
    @property
    def tools(self) -> Sequence[tuple[int, str, int]]: ...
    @property
    def scores(self) -> Sequence[tuple[Any, ...]]: ...
    @property
    def versions(self) -> Set[tuple[str, str, str]]: ...


def of(rows: Sequence[Written]) -> dict[str, set[str | None]]:
    """Return the values of trajectories by field."""
    found: dict[str, set[str | None]] = {field: {r.facts[column] for r in rows} for field, column in FACETS.items()}
    found["tools"] = {use[1] for r in rows for use in r.tools}
    found["scores"] = {score[1] for r in rows for score in r.scores}
    found[VERSIONS] = {json.dumps(one, ensure_ascii=False) for one in set().union(*(r.versions for r in rows))}
    return found


def add(connection: Connection, batch_id: int, rows: Sequence[Written]) -> None:
    """Note the values of new trajectories of a batch."""
    found = of(rows)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    new = sorted((batch_id, field, value) for field, among in found.items() for value in among if value)
    connection.exec_driver_sql(
        f"INSERT INTO facet (batch_id, field, value) VALUES ({mark}, {mark}, {mark}) ON CONFLICT DO NOTHING", new
    )


def unused(session: Session, batch_id: int, candidates: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return those (field, value) that no trajectory of the batch has any more. The fields are those of FACETS,
    "scores" and VERSIONS. May scan the whole batch."""
    t, s, b = tables.trajectory.c, tables.score.c, tables.body.c

    def among(field: str, value: str) -> bool:
        having = select(t.id).where(t.batch_id == batch_id)
        if field in FACETS:
            having = having.where(t[FACETS[field]] == value)
        elif field == "scores":
            having = having.join(tables.score, s.trajectory_id == t.id).where(s.name == value)
        else:  # a text search, which may find too much and so keep a version, and never finds too little
            _, version, *names = json.loads(value)
            texts = [("version", version), *(("name", name) for name in names)]
            having = having.join(tables.body, b.trajectory_id == t.id)
            for key, text in texts:
                having = having.where(
                    b.body.contains(f'"{key}":{json.dumps(text, ensure_ascii=False)}', autoescape=True)
                )
        return session.execute(having.limit(1)).first() is not None

    return [(field, value) for field, value in candidates if not among(field, value)]


def forget(session: Session, batch_id: int, gone: Sequence[tuple[str, str]]) -> None:
    """Forget these (field, value) of a batch."""
    f = tables.facet.c
    for field, value in gone:
        session.execute(delete(tables.facet).where(f.batch_id == batch_id, f.field == field, f.value == value))


def values(session: Session) -> dict[str, list[str]]:
    """Return all values by field, sorted."""
    f = tables.facet.c
    found: dict[str, list[str]] = {field: [] for field in FIELDS}
    query = select(f.field, f.value).where(f.field.in_(FIELDS)).distinct().order_by(f.field, f.value)
    for field, value in session.execute(query):
        found[field].append(value)
    return found
