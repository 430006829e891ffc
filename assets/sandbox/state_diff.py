"""The changes of a workspace, in a form that is equal for equal end states.

Runs inside the sandbox, standard library only. JSON and JSON lines are compared by value (json_values.py), SQLite by
rows (database_rows.py), workbooks by cells (workbooks.py), text by lines, other files by bytes. Leaves and text are
bounded; digests always cover the whole content.
"""

import hashlib
import os
import stat

import database_rows
import json_values
import leaves
import workbooks

MOST_TEXT = 64 << 10
"""Characters of a text diff."""
_MOST_PARSED = 32 << 20
"""Bytes of a file above which it is compared by bytes."""
_HEAVY = 1 << 20
"""Bytes of changed files above which they are compared in a process of their own."""
MOST_AT_ONCE = 5000
"""Files and folders above which the workspace is walked in a process of its own."""
_MOST_FILES = 100_000
"""Files and folders of a workspace above which it is not compared."""
_MOST_CHANGES = 20_000
"""Changed files above which a workspace is not compared."""
_MOST_READ = 1 << 30
"""Bytes that are read of files too large to be parsed. A sparse file may be larger than the disk that holds it."""
_MOST_LINES = 4000
"""Lines of both sides of a text above which the diff is one hunk, because difflib would take too long."""
_SQLITE = b"SQLite format 3\0"
_ZIP = b"PK\x03\x04"
_SIDECARS = ("-wal", "-shm", "-journal")


class TooMuch(Exception):
    """The workspace, or what changed in it, is not compared; the message says why."""


class Baseline:
    """The pristine files {path: bytes}, and a cache of their parsed values."""

    def __init__(self, files):
        self.files = files
        self._parsed = {}

    def parsed(self, path, kind, parse):
        key = (path, kind)
        if key not in self._parsed:
            self._parsed[key] = parse(self.files[path])
        return self._parsed[key]


def differing(workspace, baseline, most=_MOST_FILES):
    """Return [(path, lstat or None)] of the files that are not pristine, sorted. A database also counts as changed when
    it has side files; these are not listed themselves. Raises workspace.TooMany for more than `most` files."""
    found = []
    present = dict(workspace.walk(most=most))
    for path, status in present.items():
        base = _database_of(path, present, baseline)
        if base is not None:
            continue
        before = baseline.files.get(path)
        pending = path + "-wal" in present or path + "-journal" in present
        if (
            before is None
            or pending
            or not stat.S_ISREG(status.st_mode)
            or status.st_size != len(before)
            or workspace.content(path) != before
        ):
            found.append((path, status))
    for path in baseline.files:
        if path not in present and not path.startswith(".git/"):
            found.append((path, None))
    found.sort(key=lambda pair: pair[0])
    return found


def _database_of(path, present, baseline):
    """Return the path of the database whose side file this is, None when it is none."""
    for suffix in _SIDECARS:
        if path.endswith(suffix) and (path[: -len(suffix)] in present or path[: -len(suffix)] in baseline.files):
            return path[: -len(suffix)]
    return None


def read_pristine(baseline, found):
    """Read the pristine databases among the files, so that processes which are forked later need not."""
    for path, _ in found:
        before = baseline.files.get(path)
        if before is not None and before.startswith(_SQLITE) and len(before) <= _MOST_PARSED:
            _rows(baseline, path)


def heavy(workspace, found):
    """Return whether the files should be compared in a process of their own: they are large, or a database or a
    workbook, which SQLite and expat read for us."""
    regular = [(path, status) for path, status in found if status is not None and stat.S_ISREG(status.st_mode)]
    if sum(status.st_size for _, status in regular) > _HEAVY:
        return True
    return any(next(workspace.parts(path), b"").startswith((_SQLITE, _ZIP)) for path, _ in regular)


def refused(reason):
    """Return the changes of a workspace that cannot be compared. They equal no others."""
    return [
        {
            "path": ".",
            "kind": "modified",
            "format": "text",
            "before_digest": "",
            "after_digest": _bytes_digest(b"refused"),
            "text": f"This workspace cannot be compared: {reason}\n",
        }
    ]


def changes(workspace, baseline, found, by_bytes=False):
    """Return the changes of the files that `differing` found, as dictionaries with the fields of engine.types.Change.
    With `by_bytes` no content is parsed. Raises TooMuch."""
    if len(found) > _MOST_CHANGES:
        raise TooMuch(f"{len(found)} files differ")
    result = []
    left = _MOST_READ
    for path, status in found:
        before = baseline.files.get(path)
        if status is not None and stat.S_ISREG(status.st_mode) and (by_bytes or status.st_size > _MOST_PARSED):
            left -= status.st_size
            change = _by_bytes(workspace, path, before, status, left >= 0)
        else:
            change = _change(workspace, baseline, path, before, status)
        if change is not None:
            change["path"] = path.encode("utf-8", "replace").decode()
            result.append(change)
    return result


def _change(workspace, baseline, path, before, status):
    if status is not None and not stat.S_ISREG(status.st_mode):
        return _special(workspace, path, before, status)
    after = workspace.content(path) if status is not None else None
    change = {
        "kind": "added" if before is None else "removed" if after is None else "modified",
        "before_digest": "",
        "after_digest": "",
    }
    for compare in (_sqlite, _json, _text):
        detail = compare(workspace, baseline, path, before, after)
        if detail is not None:
            return {**change, **detail} if detail["before_digest"] != detail["after_digest"] else None
    if before == after:
        return None
    return {**change, "format": "binary", "before_digest": _bytes_digest(before), "after_digest": _bytes_digest(after)}


def _by_bytes(workspace, path, before, status, wanted):
    """Return the change of a file by its bytes, which are not kept in memory; by its size alone unless it is
    `wanted`. None when it did not change."""
    total = hashlib.sha256()
    try:
        if wanted:
            for part in workspace.parts(path):
                total.update(part)
        else:
            total.update(b"unread\0%d" % status.st_size)
    except OSError as error:
        total.update(b"unreadable\0%d" % error.errno)
    before_digest, after_digest = _bytes_digest(before), total.hexdigest()[:32]
    if before_digest == after_digest:
        return None
    return {
        "kind": "added" if before is None else "modified",
        "format": "binary",
        "before_digest": before_digest,
        "after_digest": after_digest,
    }


def _special(workspace, path, before, status):
    """Return the change by which a link, a pipe, a device or a folder that is too deep stands in place of a file."""
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(os.path.join(workspace.folder, path)).encode("utf-8", "replace")
        return {
            "kind": "added" if before is None else "modified",
            "format": "text",
            "before_digest": _bytes_digest(before),
            "after_digest": _bytes_digest(b"link\0" + target),
            "text": f"link to {target.decode()}\n",
        }
    return {
        "kind": "added" if before is None else "modified",
        "format": "binary",
        "before_digest": _bytes_digest(before),
        "after_digest": _bytes_digest(b"special\0%d" % stat.S_IFMT(status.st_mode)),
    }


def _bytes_digest(data):
    return "" if data is None else hashlib.sha256(data).hexdigest()[:32]


# The comparisons `_json`, `_sqlite` and `_text` return the fields of a change, or None for a file of another format.

# ---------------------------------------------------------------- JSON and workbooks


_LOADERS = {
    ".json": json_values.load,
    ".geojson": json_values.load,
    ".jsonl": json_values.load_lines,
    ".ndjson": json_values.load_lines,
    ".xlsx": workbooks.load,
    ".xlsm": workbooks.load,
}


def _json(workspace, baseline, path, before, after):
    load = _LOADERS.get(os.path.splitext(path)[1].lower())
    if load is None or any(side is not None and len(side) > _MOST_PARSED for side in (before, after)):
        return None
    old = baseline.parsed(path, "json", load) if before is not None else (leaves.ABSENT, "")
    new = load(after) if after is not None else (leaves.ABSENT, "")
    if old is None or new is None:
        return None
    found = leaves.Leaves()
    if old[1] != new[1]:
        leaves.compare(old[0], new[0], "", found)
    return {"format": "json", "before_digest": old[1], "after_digest": new[1], **found.fields()}


# ---------------------------------------------------------------- SQLite


def _sqlite(workspace, baseline, path, before, after):
    sides = [side for side in (before, after) if side is not None]
    if not all(side.startswith(_SQLITE) and len(side) <= _MOST_PARSED for side in sides):
        return None
    import sqlite3  # not at the top: each fork of a server without a database would pay for it

    rows = _rows(baseline, path) if before is not None else ({}, "")
    if rows is None:
        return None
    old, old_digest = rows
    try:
        new = {} if after is None else database_rows.of_file(os.path.join(workspace.folder, path), after)
    except (sqlite3.Error, ValueError, OverflowError, OSError):
        return None
    found = leaves.Leaves()
    new_digest = "" if after is None else database_rows.digest(new)
    if old_digest != new_digest:
        for table in sorted(old.keys() | new.keys()):
            _compare_tables(table, old.get(table), new.get(table), found)
    return {"format": "sqlite", "before_digest": old_digest, "after_digest": new_digest, **found.fields()}


def _rows(baseline, path):
    """Return (tables, their digest) of a pristine database; None when it cannot be compared by rows."""
    import sqlite3

    def read(data):
        try:
            tables = database_rows.of_bytes(data)
        except (sqlite3.Error, ValueError, OverflowError):
            return None
        return tables, database_rows.digest(tables)

    return baseline.parsed(path, "sqlite", read)


def _compare_tables(table, old, new, found):
    old_sql, old_rows = old or (leaves.ABSENT, {})
    new_sql, new_rows = new or (leaves.ABSENT, {})
    if old_sql != new_sql:
        found.add(table, old_sql, new_sql)
    for key in sorted(old_rows.keys() | new_rows.keys(), key=database_rows.natural):
        before, after = old_rows.get(key, leaves.ABSENT), new_rows.get(key, leaves.ABSENT)
        if before is leaves.ABSENT or after is leaves.ABSENT or not json_values.equal(before, after):
            found.add(f"{table}/{key}", before, after)


# ---------------------------------------------------------------- text


def _decoded(data):
    """Return a text file's content, "" when there is no file, None when it is no UTF-8 text."""
    if data is None:
        return ""
    if b"\0" in data or len(data) > _MOST_PARSED:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _text(workspace, baseline, path, before, after):
    old, new = _decoded(before), _decoded(after)
    if old is None or new is None:
        return None
    text = ""
    if (before or b"") != (after or b""):
        text = _unified(_lines(old), _lines(new), before is None, after is None)
    cut = len(text) > MOST_TEXT
    return {
        "format": "text",
        "before_digest": _bytes_digest(before),
        "after_digest": _bytes_digest(after),
        "text": text[:MOST_TEXT],
        "truncated": cut,
    }


def _lines(text):
    """Return the lines of a text with their newlines. Only a newline ends a line: splitlines() would also split at a
    form feed or U+2028, inside what an editor shows as one line."""
    *whole, rest = text.split("\n")
    return [line + "\n" for line in whole] + ([rest] if rest else [])


def _unified(old, new, added, removed):
    """Return the hunks of a unified diff without file names. Long files give one hunk around all that differs."""
    if added or removed or len(old) + len(new) > _MOST_LINES:
        return _one_hunk(old, new)
    import difflib

    lines = list(difflib.unified_diff(old, new))[2:]
    return "".join(_ended(line) for line in lines)


def _one_hunk(old, new):
    """Return one hunk of a unified diff from the first to the last line that differs."""
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    first_old, first_new = head + bool(left), head + bool(right)
    lines = [f"@@ -{first_old},{len(left)} +{first_new},{len(right)} @@\n"]
    lines += ["-" + line for line in left] + ["+" + line for line in right]
    return "".join(_ended(line) for line in lines)


def _ended(line):
    """Return a line of a diff with its newline, or with the note that there is none."""
    return line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
