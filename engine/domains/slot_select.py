"""Runs one SELECT of a pack within counted bounds; also a program of its own (`python slot_select.py`) for long ones.

Only the standard library is imported, so that the child starts fast and knows nothing of the engine. What a pack may do
is the same in both: read; no chance, no clock, nothing that depends on the machine. SQLite counts the instructions of
its virtual machine; `Bounds` says how many, and how long values and results may be.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

MOST_COPIES = 10_000
"""Copies of its parts that SQLite makes of a WITH clause before it runs: each use of a part is one, also inside others,
and nothing counts them there."""
MOST_CHARACTERS = 100_000
_CHANCE = "draws by chance, and a plan must be the same for the same seed"
_CLOCK = 'tells the time, and a plan must be the same for the same seed; keep "today" in the workspace'
_MACHINE = "differs from machine to machine"
_REFUSED = {
    **dict.fromkeys(("random", "randomblob"), _CHANCE),
    **dict.fromkeys(("current_date", "current_time", "current_timestamp"), _CLOCK),
    **dict.fromkeys(("changes", "total_changes", "last_insert_rowid", "sqlite_version", "sqlite_source_id"), _MACHINE),
    **dict.fromkeys(("sqlite_compileoption_get", "sqlite_compileoption_used"), _MACHINE),
    **dict.fromkeys(("load_extension", "fts3_tokenizer", "sqlite_log"), "is not offered to slots"),
}
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_DATES = ("date", "time", "datetime", "julianday", "strftime", "unixepoch", "timediff")
_CLOCK_WORDS = frozenset({"now", "localtime", "utc", "subsec", "subsecond"})
"""Arguments of date functions that read the clock, or the time zone of the machine."""
_SUSPECT = re.compile("with|date|time|julian|strf|epoch", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))|'(?P<text>(?:[^']|'')*)'"
    r'|"(?P<quoted>(?:[^"]|"")*)"|\[(?P<bracketed>[^\]]*)\]|`(?P<ticked>(?:[^`]|``)*)`|(?P<word>\w+)|(?P<sign>.)',
    re.DOTALL,
)


_SIZED = (str, bytes)
_AT_ONCE = 64
"""Rows that are read before their size is looked at."""


class Found(NamedTuple):
    """The result of a SELECT; `size` is in characters and bytes, and 8 for each cell."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    size: int


class Bounds(NamedTuple):
    """What a SELECT may take: instructions of SQLite's virtual machine, bytes of one value or row, characters and bytes
    of the whole result, rows (the others are left out)."""

    steps: int
    value: int
    result: int
    rows: int


class Refused(Exception):
    """The SELECT is refused; the message says why."""


class Interrupted(Exception):
    """The SELECT reached the bound of its instructions, or was stopped by the caller."""


# ---------------------------------------------------------------- what a SELECT may do


class Guard:
    """A connection that runs SELECTs within bounds, and why it refused something."""

    def __init__(self, connection: sqlite3.Connection, bounds: Bounds) -> None:
        self.reason = ""
        self.bounds = bounds
        for function in ("json_each", "json_tree"):  # before the authorizer: their first use creates a virtual table
            connection.execute(f"select 1 from {function}('[]')").fetchall()
        connection.execute("pragma temp_store = memory")
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, MOST_CHARACTERS)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, bounds.value)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, min(50_000, bounds.value // 128))
        for name in _DATES:
            connection.create_function(name, -1, self._dated(name), deterministic=True)
        self.connection = connection
        connection.set_authorizer(self._allows)

    def database(self) -> bytes:
        """Return the bytes of the database, which the guard itself does not let SQLite count."""
        self.connection.set_authorizer(None)
        try:
            return self.connection.serialize()
        finally:
            self.connection.set_authorizer(self._allows)

    def _allows(self, action: int, _: str | None, name: str | None, *__: str | None) -> int:
        if action == sqlite3.SQLITE_FUNCTION and (reason := _REFUSED.get(str(name).lower())):
            self.reason = f"{name} {reason}"
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY

    def _dated(self, name: str) -> Callable[..., Any]:
        """Return a date function of SQLite that refuses to read the clock."""

        def dated(*args: Any) -> Any:
            if reason := clock_reason(name, args):
                self.reason = reason
                raise ValueError(reason)
            return _date(name, args)

        return dated


_dates = sqlite3.connect(":memory:", check_same_thread=False)
_asking = threading.Lock()


@lru_cache(maxsize=4_096, typed=True)
def _date(name: str, args: tuple[Any, ...]) -> Any:
    """Return what SQLite's own date function gives."""
    with _asking:
        return _dates.execute(f"select {name}({', '.join('?' * len(args))})", args).fetchone()[0]


@lru_cache(maxsize=4_096, typed=True)
def clock_reason(name: str, args: tuple[Any, ...]) -> str:
    """Return why a date function with these arguments is refused, "" when it is not."""
    texts = [one.strip().lower() for one in args if isinstance(one, str)]
    times = args[1:] if name == "strftime" else args
    if not times:
        return f"{name}() without a date {_CLOCK}"
    word = next((text for text in texts if text in _CLOCK_WORDS), None)
    return "" if word is None else f"{name}(... '{word}') {_CLOCK}"


@lru_cache(maxsize=4_096)
def surely_refused(query: str) -> str:
    """Return why a SELECT is refused before SQLite sees it, "" when it is not: it is too long, its WITH clause
    multiplies, or it names the clock."""
    if len(query) > MOST_CHARACTERS:
        return f"it has more than {MOST_CHARACTERS:,} characters"
    if not _SUSPECT.search(query):
        return ""
    tokens = _tokens(query)
    if (copies := _copies(tokens)) > MOST_COPIES:
        return f"the parts of its WITH clause use each other {copies:,} times, more than {MOST_COPIES:,}"
    return next(filter(None, map(lambda place: _clock_at(tokens, place), range(len(tokens)))), "")


_Token = tuple[str, str]
"""(kind, text): `name`, `text` or `sign`; names in small letters."""


def _tokens(query: str) -> list[_Token]:
    found: list[_Token] = []
    for match in _TOKEN.finditer(query):
        kind = str(match.lastgroup)
        text = match.group(kind)
        if kind in ("text", "sign"):
            found.append((kind, text))
        elif kind != "space":
            found.append(("name", text.lower()))
    return found


def _copies(tokens: list[_Token]) -> int:
    """Return an upper bound of the copies that the parts of WITH clauses are expanded to."""
    named = Counter(text for kind, text in tokens if kind == "name")
    parts = set()
    for place, (kind, text) in enumerate(tokens):
        if kind == "name" and text == "as" and place and _is_part(tokens, place + 1):
            before = place - 1
            if tokens[before] == ("sign", ")"):  # name (column, column) as (...)
                while before > 0 and tokens[before] != ("sign", "("):
                    before -= 1
                before -= 1
            parts.add(tokens[max(before, 0)][1])
    used = Counter(
        text
        for place, (kind, text) in enumerate(tokens)
        if kind == "name"
        and text in parts
        and tokens[place - 1] in _BEFORE_A_TABLE
        and tokens[place + 1 : place + 2] != [_DOT]
    )
    copies = 1
    for part in parts:
        copies *= max(1, min(used[part], named[part]))
    return copies


_DOT = ("sign", ".")
_BEFORE_A_TABLE = {("name", "from"), ("name", "join"), ("sign", ","), ("sign", "("), ("name", "in")}


def _is_part(tokens: list[_Token], place: int) -> bool:
    while place < len(tokens) and tokens[place] in (("name", "not"), ("name", "materialized")):
        place += 1
    return tokens[place : place + 1] == [("sign", "(")]


def _clock_at(tokens: list[_Token], place: int) -> str:
    """Return why the date function that is called at a place is refused, as far as its text tells."""
    kind, name = tokens[place]
    if kind != "name" or name not in _DATES or tokens[place + 1 : place + 2] != [("sign", "(")]:
        return ""
    if tokens[place + 2 : place + 3] == [("sign", ")")]:
        return clock_reason(name, ())
    depth, args = 0, []
    for kind, text in tokens[place + 1 :]:
        depth += (text in "([{") - (text in ")]}") if kind == "sign" and text else 0
        if depth == 0:
            break
        if depth == 1 and kind == "text":
            args.append(text)
    return clock_reason(name, ("", "", *args))


# ---------------------------------------------------------------- running it


def select(
    guard: Guard,
    query: str,
    used: Mapping[str, Any],
    stop: Callable[[], bool] = lambda: False,
    every: int = 5_000,
) -> Found:
    """Return what a SELECT finds. `stop` is asked each `every` instructions.

    Raises Refused for a wrong SELECT or a result that is too large, Interrupted for one that takes too many
    instructions or too long values.
    """
    if reason := surely_refused(query):
        raise Refused(reason)
    steps = 0
    connection, bounds = guard.connection, guard.bounds

    def ask() -> bool:
        nonlocal steps
        steps += every
        return steps > bounds.steps or stop()

    guard.reason = ""
    connection.set_progress_handler(ask, every)
    try:
        cursor = connection.execute(query, dict(used))
        columns = [column[0] for column in cursor.description or ()]
        return Found(columns, *_within(cursor, bounds))
    except (sqlite3.Error, ValueError, MemoryError) as error:  # ValueError: half a surrogate pair
        if guard.reason:
            raise Refused(guard.reason) from error
        if any(word in str(error) for word in ("interrupted", "too big", "too complex")):
            raise Interrupted(str(error)) from error
        if isinstance(error, MemoryError):
            raise Interrupted("out of memory") from error
        raise Refused(str(error)) from error
    finally:
        connection.set_progress_handler(None, 0)


def _within(cursor: sqlite3.Cursor, bounds: Bounds) -> tuple[list[tuple[Any, ...]], int]:
    """Return the first rows and their size. Raises Refused when they are too large together."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    while len(rows) < bounds.rows and (more := cursor.fetchmany(min(_AT_ONCE, bounds.rows - len(rows)))):
        size += sum(map(len, [cell for cell in chain.from_iterable(more) if isinstance(cell, _SIZED)]))
        size += 8 * len(more) * len(more[0])
        if size > bounds.result:
            raise Refused(f"its rows hold more than {bounds.result >> 20} MB")
        rows += more
    return rows, size


# ---------------------------------------------------------------- the child


def order(query: str, used: Mapping[str, Any], bounds: Bounds, memory: int) -> bytes:
    """Return the line that tells the child what to run; the bytes of the database follow it."""
    return json.dumps([query, {name: _packed(cell) for name, cell in used.items()}, bounds, memory]).encode() + b"\n"


def answer_of(line: bytes) -> Found:
    """Return the result in the child's answer. Raises as `select`, and ValueError for no answer."""
    found = json.loads(line)
    if "refused" in found:
        raise Refused(found["refused"])
    if "interrupted" in found:
        raise Interrupted(found["interrupted"])
    return Found(found["columns"], [tuple(map(_unpacked, row)) for row in found["rows"]], found["size"])


def _packed(cell: Any) -> Any:
    return {"bytes": cell.hex()} if isinstance(cell, bytes) else cell


def _unpacked(cell: Any) -> Any:
    return bytes.fromhex(cell["bytes"]) if isinstance(cell, dict) else cell


def main() -> None:
    """Run the SELECT that standard input orders, within the memory that it names, and print the answer."""
    query, used, bounds, memory = json.loads(sys.stdin.buffer.readline())
    database = sys.stdin.buffer.read()
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory + 2 * len(database), memory + 2 * len(database)))
    except (ImportError, ValueError, OSError):  # the caller's clock is left
        pass
    try:
        connection = sqlite3.connect(":memory:")
        connection.deserialize(database)
        guard = Guard(connection, Bounds(*bounds))
        slots = {name: _unpacked(cell) for name, cell in used.items()}
        found = select(guard, query, slots)
        rows = [list(map(_packed, row)) for row in found.rows]
        answer = {"columns": found.columns, "rows": rows, "size": found.size}
        text = json.dumps(answer)
    except Refused as refused:
        text = json.dumps({"refused": str(refused)})
    except Interrupted as error:
        text = json.dumps({"interrupted": str(error)})
    except MemoryError:
        text = json.dumps({"interrupted": "out of memory"})
    print(text)


if __name__ == "__main__":
    main()
