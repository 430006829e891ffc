"""The rows of a SQLite file as plain values, so that two files can be compared whatever their pages look like.

Runs inside the sandbox, standard library only. sqlite3 itself is loaded when the first database is met.
"""

import collections
import hashlib
import json
import os


def natural(key):
    return (0, int(key), "") if key.lstrip("-").isdecimal() else (1, 0, key)


def of_file(full, data):
    """Return the rows of a database in the workspace, committed pages of its side files included."""
    if not any(os.path.exists(full + suffix) for suffix in ("-wal", "-journal")):
        return of_bytes(data)
    import sqlite3

    connection = sqlite3.connect(full, timeout=5)
    try:
        return _tables(connection)
    finally:
        connection.close()


def of_bytes(data):
    import sqlite3

    image = bytearray(data)
    image[18:20] = b"\x01\x01"  # a database image in memory cannot be in WAL mode
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(bytes(image))
        return _tables(connection)
    finally:
        connection.close()


def _tables(connection):
    """Return {table: (its CREATE statement, {primary key: {column: value}})}."""
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    names = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
    ).fetchall()
    tables = {}
    for name, sql in names:
        quoted = '"' + name.replace('"', '""') + '"'
        columns = connection.execute(f"PRAGMA table_info({quoted})").fetchall()
        key_at = [row[0] for row in sorted((c for c in columns if c[5]), key=lambda c: c[5])]
        names_of = [column[1] for column in columns]
        records = []
        for row in connection.execute(f"SELECT * FROM {quoted}"):
            values = [_plain(value) for value in row]
            records.append((_key(values, key_at), values))
        tables[name] = (" ".join(sql.split()), _by_key(records, names_of))
    return tables


def _key(values, key_at):
    """Return the primary key as text, or None where there is none (SQLite lets a key hold NULL)."""
    if not key_at or any(values[index] is None for index in key_at):
        return None
    return ",".join(str(values[index]) for index in key_at)


def _by_key(records, names):
    """Return {key: {column: value}}. Rows without a key, and those whose keys read alike (1 and '1'), are named by
    their content, so that none hides another and their order says nothing."""
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
    """Return a cell as JSON; a real number without a fraction is the whole number that it equals."""
    if isinstance(value, bytes):
        return {"blob": hashlib.sha256(value).hexdigest()[:32], "bytes": len(value)}
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return {"real": str(value)}
        return int(value) if value.is_integer() and abs(value) < 1 << 63 else value
    return value


def digest(tables):
    total = hashlib.sha256()
    for table in sorted(tables):
        sql, rows = tables[table]
        total.update(json.dumps([table, sql]).encode())
        for key in sorted(rows):
            total.update(json.dumps([key, rows[key]], sort_keys=True).encode())
    return total.hexdigest()[:32]
