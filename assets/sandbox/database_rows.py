"""The rows of a SQLite file as plain values, so that two files with equal rows compare equal whatever their bytes.

Runs inside the sandbox, standard library only. sqlite3 is imported with the first database.
"""

import collections
import hashlib
import json
import os


def natural(key):
    """Return a sort key that puts whole numbers first, in their order."""
    return (0, int(key), "") if key.lstrip("-").isdecimal() else (1, 0, key)


def of_file(full, data):
    """Return the tables of a database file in the workspace, including what is committed in its side files."""
    if not any(os.path.exists(full + suffix) for suffix in ("-wal", "-journal")):
        return of_bytes(data)
    import sqlite3

    connection = sqlite3.connect(full, timeout=5)
    try:
        return _tables(connection)
    finally:
        connection.close()


def of_bytes(data):
    """Return the tables of a database without side files, given its bytes."""
    import sqlite3

    image = bytearray(data)
    image[18:20] = b"\x01\x01"  # marks it as not in WAL mode, in which SQLite cannot open a database in memory
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
