"""The rows of a SQLite file as plain values, so that two files can be compared whatever their pages look like.

Runs inside the sandbox, standard library only. sqlite3 itself is loaded when the first database is met.
"""

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
        rows = {}
        for row in connection.execute(f"SELECT * FROM {quoted}"):
            values = [_plain(value) for value in row]
            record = dict(zip([column[1] for column in columns], values, strict=True))
            rows[_key(values, key_at, rows)] = record
        tables[name] = (" ".join(sql.split()), rows)
    return tables


def _key(values, key_at, rows):
    if key_at:
        return ",".join(str(values[index]) for index in key_at)
    base = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]
    number = 1
    while f"{base}.{number}" in rows:
        number += 1
    return f"{base}.{number}"


def _plain(value):
    if isinstance(value, bytes):
        return {"blob": hashlib.sha256(value).hexdigest()[:32], "bytes": len(value)}
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value


def digest(tables):
    total = hashlib.sha256()
    for table in sorted(tables):
        sql, rows = tables[table]
        total.update(json.dumps([table, sql]).encode())
        for key in sorted(rows):
            total.update(json.dumps([key, rows[key]], sort_keys=True).encode())
    return total.hexdigest()[:32]
