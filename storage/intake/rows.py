"""Convert trajectories to rows and insert them in bulk.

This is the hot path of the engine, so rows are tuples and go straight to the driver's executemany.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError
from sqlalchemy import ColumnElement, Connection, Table, select, update

from engine.dialogue.subsets import subsets
from engine.errors import StorageError
from engine.reading.json_value import without_surrogates
from engine.types import EARLIER_RUNS, ModelCall, Status, Trajectory
from storage import facets, search, tables
from storage.columns import bits

TITLE = 160
"""Characters of a title."""
RUN_AGAIN = "run_again"
"""In place of a reason: the runs of a rollout that its simulated user spoiled before the last one."""
NAME = 200
"""Characters of a tool's name that the table keeps."""


class Spent(NamedTuple):
    """What model calls cost. `tokens` sums what is known; calls without a price are counted apart. A failed call of
    which no server stated anything is in none of them."""

    tokens: int = 0
    cost_usd: float = 0.0
    priced_calls: int = 0
    unpriced_calls: int = 0


_NOTHING = Spent()


def spent(calls: Sequence[ModelCall]) -> Spent:
    """Sum up model calls."""
    if not calls:
        return _NOTHING
    tokens, cost, priced, unpriced = 0, 0.0, 0, 0
    for call in calls:
        if call.uncounted:
            continue
        tokens += (call.prompt_tokens or 0) + (call.completion_tokens or 0)
        if call.cost_usd is None:
            unpriced += 1
        else:
            priced += 1
            cost += call.cost_usd
    return Spent(tokens, cost, priced, unpriced)


def dump(model: BaseModel) -> str:
    """Return the model as JSON that any database can hold; a lone surrogate becomes U+FFFD."""
    try:
        return model.model_dump_json()
    except PydanticSerializationError:
        return json.dumps(without_surrogates(model.model_dump(mode="python")), ensure_ascii=False)


def insert(connection: Connection, batch_id: int, trajectories: Sequence[Trajectory], now: float) -> list[Trajectory]:
    """Insert the trajectories that the batch does not hold yet and add them to its counters; return those.

    Call it inside a write transaction. Raises StorageError when the batch is gone.
    """
    locked = connection.execute(select(tables.batch.c.id).where(tables.batch.c.id == batch_id).with_for_update())
    if locked.first() is None:
        raise StorageError(f"Batch {batch_id} was deleted. Its results have nowhere to go; start it again.")
    unique = {t.id: t for t in reversed(trajectories)}
    there = _stored_ids(connection, batch_id, list(unique))
    fresh = [t for i, t in reversed(unique.items()) if i not in there]
    if fresh:
        rows = [rows_of(i, batch_id, t, now) for i, t in zip(_allocate(connection, len(fresh)), fresh, strict=True)]
        _insert_many(connection, tables.trajectory, [tuple(r.facts.values()) for r in rows], rows[0].facts)
        _insert_many(connection, tables.body, [r.body for r in rows])
        _insert_many(connection, tables.score, [score for r in rows for score in r.scores])
        _insert_many(connection, tables.tool_use, [use for r in rows for use in r.tools])
        _insert_many(connection, tables.user_fault, [fault for r in rows for fault in r.user_faults])
        search.insert(connection, [r.text for r in rows])
        facets.add(connection, batch_id, rows)
        _count(connection, batch_id, rows)
    return fresh


def _stored_ids(connection: Connection, batch_id: int, ids: list[str]) -> set[str]:
    if connection.dialect.name == "sqlite":
        query = (
            "SELECT rollout_id FROM trajectory WHERE batch_id = ? AND rollout_id IN (SELECT value FROM json_each(?))"
        )
        return {r[0] for r in connection.exec_driver_sql(query, (batch_id, json.dumps(ids)))}
    query = "SELECT rollout_id FROM trajectory WHERE batch_id = %s AND rollout_id = ANY(%s)"
    return {r[0] for r in connection.exec_driver_sql(query, (batch_id, ids))}


def _allocate(connection: Connection, count: int) -> list[int]:
    """Return ids for new rows, ascending. On SQLite the write lock is held, so nobody else can take them."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'trajectory'").scalar()
        first = int(found or 0) + 1
        return list(range(first, first + count))
    query = "SELECT nextval(pg_get_serial_sequence('trajectory', 'id')) FROM generate_series(1, %s)"
    return sorted(int(r[0]) for r in connection.exec_driver_sql(query, (count,)))


def _insert_many(
    connection: Connection, table: Table, rows: list[tuple[Any, ...]], columns: Iterable[str] | None = None
) -> None:
    """Insert rows whose values are in the order of `columns`, or of the table."""
    if rows:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        names = ", ".join(columns or (c.name for c in table.columns))
        marks = ", ".join([mark] * len(rows[0]))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)


class Rows(NamedTuple):
    """The rows of one trajectory. `facts` is its own row as {column: value}, in the same order for each; the others are
    in the column order of their tables. `versions` are the (judge, version, name) of its scores."""

    facts: dict[str, Any]
    body: tuple[int, str]
    scores: list[tuple[Any, ...]]
    tools: list[tuple[int, str, int]]
    user_faults: list[tuple[int, str, int]]
    versions: set[tuple[str, str, str]]
    text: tuple[int, str]
    spent: Spent


def rows_of(number: int, batch_id: int, t: Trajectory, now: float) -> Rows:
    """Return the rows of one trajectory under this id."""
    said, calls, opening = _texts_and_calls(t)
    names = {search.plain(name)[:NAME]: count for name, count in calls.items()}
    scores = {s.name: s for s in t.scores}
    total = spent(t.calls)
    facts = _facts(t, total, sum(calls.values()), opening)
    facts["id"], facts["batch_id"], facts["created_at"] = number, batch_id, now
    return Rows(
        facts,
        (number, dump(t)),
        [(number, search.plain(s.name), s.value, s.passed, s.method, s.source) for s in scores.values()],
        [(number, name, count) for name, count in names.items()],
        [(number, search.plain(reason), count) for reason, count in _user_faults(t).items()],
        {(search.plain(s.source), search.plain(s.version), search.plain(s.name)) for s in t.scores},
        (number, search.document(said, names)),
        total,
    )


def _user_faults(t: Trajectory) -> dict[str, int]:
    """Return how many messages of the simulated user were not taken, by reason, and how often it spoiled a run."""
    found: dict[str, int] = {}
    for call in t.calls:
        if call.not_taken and call.role == "user":
            found[call.not_taken] = found.get(call.not_taken, 0) + 1
    for one in t.attachments:
        if one.kind == EARLIER_RUNS and one.version == 1:
            found[RUN_AGAIN] = len(one.value)
    return found


def _texts_and_calls(t: Trajectory) -> tuple[list[str], dict[str, int], str]:
    """Return the texts of user and assistant, the number of calls by tool, and the user's first text, in one pass."""
    said: list[str] = []
    calls: dict[str, int] = {}
    opening = ""
    for turn in t.turns:
        for call in turn.tool_calls:
            calls[call.name] = calls.get(call.name, 0) + 1
        if turn.content and (turn.role == "assistant" or turn.role == "user"):
            said.append(turn.content)
            if not opening and turn.role == "user":
                opening = turn.content
    return said, calls, opening or (t.task.goal if t.task else "")


def _facts(t: Trajectory, total: Spent, calls: int, opening: str) -> dict[str, Any]:
    """Return {column: value} of a trajectory's row, without id, batch and time."""
    counted = [call for call in t.calls if not call.uncounted]
    known = not counted or any(c.prompt_tokens is not None or c.completion_tokens is not None for c in counted)
    return {
        "rollout_id": t.id,
        "number": t.index,
        "status": t.status,
        "domain": t.domain,
        "mode": t.mode,
        "outcome": t.outcome,
        "culprit": t.culprit,
        "stage": t.stage,
        "reason": t.reason and search.plain(t.reason),
        "reward": t.reward,
        "turns": len(t.turns),
        "tool_calls": calls,
        "tokens": total.tokens if known else None,
        "cost_usd": total.cost_usd if total.priced_calls or not counted else None,
        "seconds": t.execution.seconds,
        "verdict": None,
        "rating": None,
        "exported": False,
        "template": t.template,
        "persona": t.persona,
        "teacher": t.teacher,
        "model": t.models.get("teacher") or t.teacher,
        "title": search.plain(" ".join(opening[: TITLE * 4].split())[:TITLE]),
        "subsets": bits(subsets(t.turns, t.tools, t.attachments)),
    }


def _count(connection: Connection, batch_id: int, rows: Sequence[Rows]) -> None:
    by_status = Counter(r.facts["status"] for r in rows)
    b = tables.batch.c
    counted = {status: b[status] + by_status[status] for status in get_args(Status)}
    count_spent(connection, batch_id, Spent(*map(sum, zip(*(r.spent for r in rows), strict=True))), **counted)


def count_spent(connection: Connection, batch_id: int, total: Spent, **more: ColumnElement[int]) -> None:
    """Add what was spent to the counters of a batch, and set further columns. Call it inside a write transaction."""
    b = tables.batch.c
    added = {name: b[name] + value for name, value in total._asdict().items()}
    connection.execute(update(tables.batch).where(b.id == batch_id).values(**more, **added))
