"""The rows of a SQLite file as plain values, so that two files with equal rows compare equal whatever their bytes.

Runs inside the sandbox, standard library only. sqlite3 is imported with the first database.
"""

import collections
import hashlib
import json
import os
import stat

_LONGEST = 32 << 20
"""Bytes of the longest text or blob that SQLite may make while it reads."""
_STORED = 0
"""What `table_xinfo` says of a column that holds values of its own; generated columns have other numbers."""


def natural(key):
    """Return a sort key that puts whole numbers first, in their order."""
    return (0, int(key), "") if key.lstrip("-").isdecimal() else (1, 0, key)


def of_file(full, data):
    """Return the tables of a database file in the workspace, including what is committed in its side files. Raises
    ValueError when it yields far more than it holds, or a side file is no regular file."""
    beside = [full + suffix for suffix in ("-wal", "-journal", "-shm") if os.path.lexists(full + suffix)]
    if not all(stat.S_ISREG(os.lstat(path).st_mode) for path in beside):
        raise ValueError("a side file is no regular file")
    if not any(path.endswith(("-wal", "-journal")) for path in beside):
        return of_bytes(data)
    import sqlite3

    connection = sqlite3.connect(full, timeout=5)
    try:
        return _tables(connection, len(data) + sum(os.path.getsize(path) for path in beside))
    finally:
        connection.close()


def of_bytes(data):
    """Return the tables of a database without side files, given its bytes. Raises ValueError as `of_file`."""
    import sqlite3

    image = bytearray(data)
    image[18:20] = b"\x01\x01"  # marks it as not in WAL mode, in which SQLite cannot open a database in memory
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(bytes(image))
        return _tables(connection, len(data))
    finally:
        connection.close()


def _tables(connection, size):
    """Return {table: (its CREATE statement, {primary key: {column: value}})}.

    A generated column follows from the others, and working it out may take any size, so it is not read. Raises
    ValueError for a file of `size` bytes that yields far more than it holds, as a damaged one can."""
    import sqlite3

    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    left = (1 << 20) + 16 * size
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    names = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
    ).fetchall()
    tables = {}
    for name, sql in names:
        quoted = _quoted(name)
        columns = connection.execute(f"PRAGMA table_xinfo({quoted})").fetchall()
        columns = [column for column in columns if column[6] == _STORED]
        key_at = [at for at, column in sorted(enumerate(columns), key=lambda c: c[1][5]) if column[5]]
        names_of = [column[1] for column in columns]
        records = []
        for row in connection.execute(f"SELECT {', '.join(map(_quoted, names_of))} FROM {quoted}"):
            left -= sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row)
            if left < 0:
                raise ValueError("it yields more than it holds")
            values = [_plain(value) for value in row]
            records.append((_key(values, key_at), values))
        tables[name] = (" ".join(sql.split()), _by_key(records, names_of))
    return tables


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'


def _key(values, key_at):
    """Return a row's primary key as text; None when the table has none or the key holds NULL, which SQLite allows."""
    if not key_at or any(values[index] is None for index in key_at):
        return None
    return ",".join(str(values[index]) for index in key_at)


def _by_key(records, names):
    """Return {key: {column: value}} of the rows. Rows without a key, and rows whose keys are the same text (1 and '1'),
    get a digest of their content as key, so that none replaces another and their order does not matter."""
    times = collections.Counter(key for key, _ in records)
    rows = {}
    for key, values in records:
        record = dict(zip(names, values, strict=True))
        rows[key if key is not None and times[key] == 1 else _content_key(values, rows)] = record
    return rows


def _content_key(values, rows):
    base = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]
    number = 1
    while f"{base}.{number}" in rows:
        number += 1
    return f"{base}.{number}"


def _plain(value):
    """Return a cell as a JSON value. A real number without a fraction becomes a whole number, a blob its digest."""
    if isinstance(value, bytes):
        return {"blob": hashlib.sha256(value).hexdigest()[:32], "bytes": len(value)}
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return {"real": str(value)}
        return int(value) if value.is_integer() and abs(value) < 1 << 63 else value
    return value


def digest(tables):
    """Return a digest of all tables, their columns and rows."""
    total = hashlib.sha256()
    for table in sorted(tables):
        sql, rows = tables[table]
        total.update(json.dumps([table, sql]).encode())
        for key in sorted(rows):
            total.update(json.dumps([key, rows[key]], sort_keys=True).encode())
    return total.hexdigest()[:32]
