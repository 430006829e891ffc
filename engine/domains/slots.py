"""Makes SQL tables of a workspace's data files, and runs the slot queries of templates on them.

The tables are in a private in-memory database that only allows reading, with counted bounds on work, values and rows
(slot_select.py), so a pack's SELECT can neither write nor open a file. The order of rows is the query's own; use ORDER
BY where it matters. SQL has whole numbers up to 64 bits; larger ones become text with all their digits, also inside
nested JSON.

A query first runs here, with so few steps that it cannot hold the process. A longer one begins anew in a child with its
own memory, which alone decides, so the result depends on no clock and on nothing else that the process does. Only what
counting does not bound stops the child by the clock; that is `Stopped` and no fault of the pack.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from engine.domains import slot_select
from engine.domains.slot_select import Bounds, Found, Guard, Interrupted, Refused
from engine.domains.table_files import Ambiguous, Unreadable, csv_rows, json_tables
from engine.errors import InputError, Stopped
from engine.reading.json_value import writable_below
from engine.types import Domain

MAX_ROWS = 20_000
MAX_OPERATIONS = 50_000_000
"""Instructions of SQLite for one query: a second or two where values are short."""
MAX_TEXT = 64 * 1024
MAX_VALUE = 16 << 20
"""Bytes of one value or row in a query."""
MAX_RESULT = 64 << 20
"""Characters and bytes of all rows of a query, and of all results that are kept of one workspace."""
MAX_CELLS = 10_000_000
"""Cells of one table."""
_HERE = Bounds(steps=1_000_000, value=128 << 10, result=MAX_RESULT, rows=MAX_ROWS)
"""What a query may take in this process; the heaviest of the shipped packs takes a third of the steps."""
_IN_CHILD = Bounds(steps=MAX_OPERATIONS, value=MAX_VALUE, result=MAX_RESULT, rows=MAX_ROWS)
_SECONDS_HERE = 2.0
_GROWTH_HERE = 256 << 20
_CHILD_SECONDS = 30.0
_CHILD_MEMORY = 1 << 30
_ASKED_EACH = 2
_KEPT_RESULTS = 2_000


class Tables:
    """The tables of one workspace. Safe to share between threads. Raises InputError for data that is too large."""

    def __init__(self, workspace: Mapping[str, bytes]) -> None:
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._lock = threading.Lock()
        self._cache: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._cached = 0
        self._unread = _fill(connection, workspace)
        self._guard = Guard(connection, _HERE)

    def rows(self, query: str, slots: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of a SELECT as {column: value}, cached; `:name` stands for a slot. Raises InputError."""
        used = {name: slots[name] for name in re.findall(r":([A-Za-z_]\w*)", query) if name in slots}
        key = (query, json.dumps(used, sort_keys=True, default=str))
        if key not in self._cache:
            found = self._select(query, used)
            if len(self._cache) > _KEPT_RESULTS or self._cached + found.size > MAX_RESULT:
                self._cache.clear()
                self._cached = 0
            self._cached += found.size
            rows = self._cache[key] = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
            return rows
        return self._cache[key]

    def columns(self, query: str, known: Iterable[str] = ()) -> list[str]:
        """Return the column names of a SELECT without reading rows; the slots in `known` are bound to NULL."""
        return self._select(f"select * from ({query.strip().rstrip(';')}) limit 0", dict.fromkeys(known)).columns

    def _select(self, query: str, used: Mapping[str, Any]) -> Found:
        try:
            with self._lock:
                try:
                    return slot_select.select(self._guard, query, used, _growing_or_late())
                except Interrupted:
                    database = self._guard.database()
            return _in_child(database, query, used)
        except Refused as error:
            missing = str(error).startswith(("no such table", "no such column"))
            why = "".join(f" {told}." for told in self._unread) if missing else ""
            move = "Correct the SELECT, or the file." if why else "Correct the SELECT."
            raise InputError(_place(query), f"{error}.{why}", move, source=query) from error


def _growing_or_late() -> Callable[[], bool]:
    """Return what says whether a query shall go on in a child, because it holds this process or fills it."""
    begin = memory = asked = 0.0

    def stop() -> bool:
        nonlocal begin, memory, asked
        if asked % _ASKED_EACH == 0:
            if asked == 0:
                begin, memory = time.monotonic(), _resident()
            elif time.monotonic() - begin > _SECONDS_HERE or _resident() - memory > _GROWTH_HERE:
                return True
        asked += 1
        return False

    return stop


def _resident() -> int:
    """Return the bytes of memory that this process has; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as told:  # noqa: PTH123 (a third of the time)
            return int(told.read(100).split()[1]) * 4096
    except OSError:
        return 0


def _in_child(database: bytes, query: str, used: Mapping[str, Any]) -> Found:
    """Return what a SELECT finds, which a process of its own runs. Raises Refused, and Stopped when it runs out
    of time or memory."""
    given = slot_select.order(query, used, _IN_CHILD, _CHILD_MEMORY) + database
    try:
        ran = subprocess.run(
            [sys.executable, "-I", "-S", slot_select.__file__],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_CHILD_SECONDS,
            env={},
            check=False,
        )
        return slot_select.answer_of(ran.stdout)
    except Interrupted as error:
        if "memory" in str(error):
            raise _stopped(query, f"it needs more than {_CHILD_MEMORY >> 20} MB of memory") from error
        steps = f"it takes more than {MAX_OPERATIONS:,} steps of SQLite"
        raise Refused(steps if "interrupted" in str(error) else str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise _stopped(query, f"it took more than {_CHILD_SECONDS:g} seconds") from error
    except (OSError, ValueError) as error:
        raise _stopped(query, "its process ended without an answer") from error


def _stopped(query: str, why: str) -> Stopped:
    move = "Make the SELECT cheaper, or try again where the machine is free."
    return Stopped(_place(query), f"was stopped: {why}.", move, source=query)


def _place(query: str) -> str:
    """Return how an error names a query."""
    return f"slot query {' '.join(query.split())[:80]!r}"


def as_slots(query: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return a drawn row. Raises InputError when a column holds a value that JSON cannot hold."""
    for name, value in row.items():
        if not writable_below(value):
            what = "bytes" if isinstance(value, bytes) else "an infinite number"
            move = "Select other columns, or a text such as hex(...)."
            raise InputError(_place(query), f"column {name} holds {what}.", move, source=query)
    return row


_cache: dict[tuple[str, str | None], Tables] = {}
_CACHED = 64


def tables_of(domain: Domain, variant: str | None = None) -> Tables:
    """Return the tables of a domain's workspace; those of the last 64 (digest, variant) are cached."""
    key = (domain.digest, variant)
    if key not in _cache:
        while len(_cache) >= _CACHED:
            _cache.pop(next(iter(_cache)))
        _cache[key] = Tables(domain.workspace(variant))
    return _cache[key]


def _fill(connection: sqlite3.Connection, workspace: Mapping[str, bytes]) -> list[str]:
    """Create the tables of all data files, and the table `files`. Returns of which files there is none, and why."""
    tables: dict[str, list[dict[str, Any]]] = {}
    unread: list[str] = []
    for path in sorted(workspace):
        data, suffix, stem = workspace[path], PurePosixPath(path).suffix.lower(), PurePosixPath(path).stem
        try:
            if data[:16] == b"SQLite format 3\x00":
                _copy_sqlite(connection, path, data)
            elif suffix in (".csv", ".tsv"):
                tables.setdefault(stem, csv_rows(data, "\t" if suffix == ".tsv" else ","))
            elif suffix == ".json":
                for name, rows in json_tables(data, stem).items():
                    tables.setdefault(name, rows)
        except Ambiguous as error:
            raise InputError(
                path, f"{error}.", "Correct it: tools and people would read it in different ways.", file=path
            ) from error
        except Unreadable as error:
            unread.append(f"{path} gives no table: it {error}")
    tables["files"] = [_file_row(path, workspace[path]) for path in sorted(workspace)]
    for name, rows in tables.items():
        try:
            _create(connection, name, rows)
        except RecursionError:  # a nested value that was read, but cannot be written again
            continue
    connection.commit()
    return unread


def _file_row(path: str, data: bytes) -> dict[str, Any]:
    pure = PurePosixPath(path)
    try:
        content = data.decode() if len(data) <= MAX_TEXT and b"\x00" not in data else None
    except UnicodeDecodeError:
        content = None
    return {"path": path, "name": pure.name, "extension": pure.suffix.lstrip("."), "size": len(data), "text": content}


def _copy_sqlite(connection: sqlite3.Connection, path: str, data: bytes) -> None:
    """Copy the tables of a SQLite file; a damaged one gives none. Raises InputError for one that takes too much: its
    generated columns may work out anything."""
    source = sqlite3.connect(":memory:")
    steps = 0

    def too_many() -> bool:
        nonlocal steps
        steps += 10_000
        return steps > MAX_OPERATIONS

    try:
        source.deserialize(_without_wal(data))
        source.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(2 * len(data), 64 << 10))
        source.set_progress_handler(too_many, 10_000)
        size = 0
        names = [row[0] for row in source.execute("select name from sqlite_master where type = 'table' order by name")]
        for name in names:
            if name.startswith("sqlite_"):
                continue
            cursor = source.execute('select * from "{}"'.format(name.replace('"', '""')))
            columns = [c[0] for c in cursor.description]
            rows = []
            for row in cursor:
                size += sum(len(cell) for cell in row if isinstance(cell, str | bytes)) + len(row)
                if size > 2 * MAX_RESULT:
                    raise sqlite3.DataError("too big")
                rows.append(dict(zip(columns, row, strict=True)))
            _create(connection, name, rows, columns)
    except sqlite3.Error as error:
        if "too big" in str(error) or "interrupted" in str(error):
            problem = "its tables hold or work out more than slots can read."
            raise InputError(path, problem, "Make it smaller, and use no generated columns.", file=path) from error
    finally:
        source.close()


def _without_wal(data: bytes) -> bytes:
    """Return the file with its two version bytes set to rollback mode: one in WAL mode cannot be opened from memory."""
    return data[:18] + b"\x01\x01" + data[20:] if data[18:20] == b"\x02\x02" else data


def _create(
    connection: sqlite3.Connection, name: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()
) -> None:
    """Create a table of rows. Does nothing without columns, or when two columns or tables would get one name."""
    keys = list(columns) or list(dict.fromkeys(key for row in rows for key in row))
    if not keys:
        return
    identifiers = [_identifier(key) for key in keys]
    if len(set(identifiers)) != len(identifiers):
        return
    if len(keys) * len(rows) > MAX_CELLS:
        problem = f"gives a table of {len(rows):,} rows and {len(keys):,} columns, more than {MAX_CELLS:,} cells."
        raise InputError(f"table {_identifier(name)[:80]}", problem, "Make it smaller.")
    quoted = ", ".join(f'"{identifier}"' for identifier in identifiers)
    try:
        connection.execute(f'create table "{_identifier(name)}" ({quoted})')
    except sqlite3.OperationalError:
        return
    marks = ", ".join("?" * len(keys))
    connection.executemany(
        f'insert into "{_identifier(name)}" values ({marks})', ([_cell(row.get(key)) for key in keys] for row in rows)
    )


def _cell(value: Any) -> Any:
    found = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
    return found.encode("utf-8", "replace").decode() if isinstance(found, str) and not found.isascii() else found


def _identifier(name: str) -> str:
    cleaned = re.sub(r"\W", "_", name)
    return f"_{cleaned}" if cleaned[:1].isdigit() else cleaned
