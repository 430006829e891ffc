"""Attempts at one task put together on disk, and pairs of a better and a worse one of them.

A pair branches at the first call in which the two differ: what stands before is the prompt of both.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby

from engine.exporting.dialogue import Turns, before_masked, problem, to_last_answer
from engine.types import Record, RecordTurn, Review

_CACHE_KIB = 8_192
_Entry = tuple[int, bytes, Sequence[Review]]


def in_groups(source: Iterable[_Entry], group_of: Callable[[bytes], str]) -> Iterator[list[_Entry]]:
    """Yield the entries of each group together, groups and entries in the order of the source.

    They wait in a temporary SQLite file that vanishes by itself, so memory holds one group at a time.
    """
    with closing(sqlite3.connect("", isolation_level=None)) as spool:
        spool.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        spool.execute("CREATE TABLE first (name TEXT PRIMARY KEY, place INTEGER) WITHOUT ROWID")
        spool.execute("CREATE TABLE entry (grouped INTEGER, place INTEGER, id INTEGER, body BLOB, reviews BLOB)")
        spool.execute("BEGIN")
        for place, (id, body, reviews) in enumerate(source):
            name = group_of(body)
            spool.execute("INSERT OR IGNORE INTO first VALUES (?, ?)", (name, place))
            (grouped,) = spool.execute("SELECT place FROM first WHERE name = ?", (name,)).fetchone()
            row = (grouped, place, id, body, pickle.dumps(reviews) if reviews else None)
            spool.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", row)
        spool.execute("CREATE INDEX by_group ON entry (grouped, place)")
        rows = spool.execute("SELECT grouped, id, body, reviews FROM entry ORDER BY grouped, place")
        for _, members in groupby(rows, lambda row: row[0]):
            yield [(id, body, pickle.loads(reviews) if reviews else ()) for _, id, body, reviews in members]


# ---------------------------------------------------------------- which is better


def is_good(record: Record) -> bool | None:
    """Return whether the assistant did well (kept, or accepted by a human) or badly; None where that is not known, or
    where user, tool or infrastructure are to blame."""
    label = record.imported.get("label")
    if record.status == "kept":
        return label is not False
    if record.status == "rejected" and record.outcome == "failure" and record.culprit in ("agent", None):
        return False
    return None


def best(records: Sequence[Record]) -> Record | None:
    """Return the good record with the highest reward, the first of several; None where none is good."""
    good = [record for record in records if is_good(record)]
    return max(good, key=lambda record: record.reward or 0.0, default=None)


# ---------------------------------------------------------------- pairs


@dataclass(frozen=True)
class Pair:
    """Two attempts with one prompt: the first `start` turns of `better`, which `worse` shares but for wording beside
    calls. Both are cut to their last answer, `better` before its first masked one."""

    better: Turns
    worse: Turns
    start: int


def pair(better: Record, worse: Record) -> Pair | str:
    """Return the pair of two records, or why there is none."""
    if [(tool.name, tool.parameters) for tool in better.tools] != [
        (tool.name, tool.parameters) for tool in worse.tools
    ]:
        return "other_tools_than_the_best"
    start = _branch(better.turns, worse.turns)
    if isinstance(start, str):
        return start
    right = better.turns[:start], before_masked(better.turns[start:])
    chosen, rejected = to_last_answer((*right[0], *right[1])), to_last_answer(worse.turns)
    if len(chosen) <= start:
        return "best_is_masked_there"
    reason = problem(chosen) or problem(rejected)
    return reason if reason is not None else Pair(chosen, rejected, start)


def _branch(better: Turns, worse: Turns) -> int | str:
    """Return the place of the first answer that differs, or why the two have no prompt in common."""
    for place, (one, other) in enumerate(zip(better, worse, strict=False)):
        if one.role != other.role or (one.role != "assistant" and one.content != other.content):
            return "other_words_than_the_best"
        if one.role == "assistant" and not _same_step(one, other):
            return place if any(turn.role == "user" for turn in better[:place]) else "no_opening_request"
    return "same_as_the_best"


def _same_step(one: RecordTurn, other: RecordTurn) -> bool:
    """Return whether two answers make the same calls; without calls, whether they say the same."""
    if one.tool_calls or other.tool_calls:
        calls = [[(call.name, call.arguments, call.raw) for call in turn.tool_calls] for turn in (one, other)]
        return calls[0] == calls[1]
    return one.content == other.content
