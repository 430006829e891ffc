"""What changed in a workspace, in a form that is equal whenever the end states are equal.

Runs inside the sandbox, standard library only. JSON and JSON lines are compared by value, SQLite by rows, text by
lines, other files by bytes. Numbers compare by value (1 = 1.0 = 10e-1) whatever their size, booleans and null only with
their own kind, and what is absent equals nothing else. Leaves and text are bounded; digests always cover the whole
content.
"""

import hashlib
import json
import marshal
import math
import os
import stat

import database_rows

MOST_LEAVES = 500
MOST_TEXT = 64 << 10
MOST_VALUE = 4096
MOST_DIGITS = 4300
"""Of a whole number in leaves: what Python and the engine's JSON readers take. Longer ones are shown as cut text."""
_MOST_PARSED = 32 << 20
_HEAVY = 1 << 20
_MOST_LINES = 4000
_SQLITE = b"SQLite format 3\0"
_SIDECARS = ("-wal", "-shm", "-journal")
_ABSENT = object()


class Baseline:
    """The pristine files {path: bytes} with what was parsed of them so far."""

    def __init__(self, files):
        self.files = files
        self._parsed = {}

    def parsed(self, path, kind, parse):
        key = (path, kind)
        if key not in self._parsed:
            self._parsed[key] = parse(self.files[path])
        return self._parsed[key]


def differing(workspace, baseline):
    """Return [(path, lstat or None)] of files whose bytes, or whose database's side files, are not pristine."""
    found = []
    present = {}
    for path, status in workspace.walk():
        present[path] = status
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
    for suffix in _SIDECARS:
        if path.endswith(suffix) and (path[: -len(suffix)] in present or path[: -len(suffix)] in baseline.files):
            return path[: -len(suffix)]
    return None


def heavy(found):
    """Say whether comparing needs a process of its own: a lot of bytes, or a file that may be a database."""
    return sum(status.st_size for _, status in found if status) > _HEAVY


def changes(workspace, baseline, found, by_bytes=False):
    """Return the changes as dictionaries shaped like engine.types.Change, sorted by path."""
    result = []
    for path, status in found:
        before = baseline.files.get(path)
        change = _change(workspace, baseline, path, before, status, by_bytes)
        if change is not None:
            change["path"] = path.encode("utf-8", "replace").decode()
            result.append(change)
    return result


def _change(workspace, baseline, path, before, status, by_bytes):
    if status is not None and not stat.S_ISREG(status.st_mode):
        return _special(workspace, path, before, status)
    after = workspace.content(path) if status is not None else None
    change = {
        "kind": "added" if before is None else "removed" if after is None else "modified",
        "before_digest": "",
        "after_digest": "",
    }
    if not by_bytes:
        for compare in (_sqlite, _json, _text):
            detail = compare(workspace, baseline, path, before, after)
            if detail is not None:
                return {**change, **detail} if detail["before_digest"] != detail["after_digest"] else None
    if before == after:
        return None
    return {**change, "format": "binary", "before_digest": _bytes_digest(before), "after_digest": _bytes_digest(after)}


def _special(workspace, path, before, status):
    """A link, pipe or device in place of a file."""
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


# ---------------------------------------------------------------- JSON


class Number:
    """A number that Python's own numbers would change; `text` is the same for all writings of its value."""

    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return isinstance(other, Number) and self.text == other.text

    def __hash__(self):
        return hash(self.text)


def _normal(text):
    """Return (sign, digits without zeros at either end, power of ten) of a JSON number."""
    mantissa, _, power = text.lower().partition("e")
    sign, mantissa = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    short = digits.rstrip("0")
    if not short:
        return "", "0", 0
    return sign, short, int(power or 0) - len(fraction) + len(digits) - len(short)


def _number(text):
    """Return the value of a JSON number: an int where it is whole, a float where that is exact, else a Number."""
    number = float(text)
    short = len(text) <= 16 and "e" not in text and "E" not in text  # at most 15 digits, which every float keeps
    if abs(number) < 1 << 53 and (short or repr(number) == text):
        return int(number) if number.is_integer() else number
    sign, digits, power = _normal(text)
    if power >= 0 and len(digits) + power <= MOST_DIGITS:
        return int(sign + digits + "0" * power)
    if math.isfinite(number) and _normal(repr(number)) == (sign, digits, power):
        return number
    return Number(f"{sign}{digits}e{power}")


def _refuse(text):
    raise ValueError(text)


def _parsed(text):
    """Return the value of a JSON text. Raises ValueError, RecursionError."""
    try:
        return json.loads(text, parse_float=_number, parse_constant=_refuse)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a whole number of more digits than Python reads
        return json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_refuse)


def _digest(value):
    """Return the digest of a parsed value; what holds a Number is hashed apart from what only looks like its tag."""
    found = []

    def tag(number):
        found.append(number)
        return {"number": number.text}

    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=tag)
    return hashlib.sha256(b"numbers\0" * bool(found) + text.encode()).hexdigest()[:32]


def _load(data):
    """Return (value, digest), or None when the bytes are no strict JSON."""
    try:
        value = _parsed(data.decode("utf-8-sig"))
        return value, _digest(value)
    except (ValueError, RecursionError):
        return None


def _load_lines(data):
    """Return the same of a file with one JSON value a line, as a list; blank lines are passed over."""
    try:
        value = [_parsed(line) for line in data.decode("utf-8-sig").split("\n") if line.strip()]
        return value, _digest(value)
    except (ValueError, RecursionError):
        return None


_LOADERS = {".json": _load, ".geojson": _load, ".jsonl": _load_lines, ".ndjson": _load_lines}


def _json(workspace, baseline, path, before, after):
    load = _LOADERS.get(os.path.splitext(path)[1].lower())
    if load is None or any(side is not None and len(side) > _MOST_PARSED for side in (before, after)):
        return None
    old = baseline.parsed(path, "json", load) if before is not None else (_ABSENT, "")
    new = load(after) if after is not None else (_ABSENT, "")
    if old is None or new is None:
        return None
    leaves = Leaves()
    if old[1] != new[1]:
        _compare(old[0], new[0], "", leaves)
    return {"format": "json", "before_digest": old[1], "after_digest": new[1], **leaves.finish()}


class Leaves:
    """Collects leaves up to the bound. `nulls` names the sides that hold a null; other sides of None are absent."""

    def __init__(self):
        self.found = []
        self.cut = False

    def add(self, pointer, before, after):
        if len(self.found) >= MOST_LEAVES:
            self.cut = True
            return
        leaf = {"pointer": pointer, "before": self._short(before), "after": self._short(after)}
        nulls = [side for side, value in (("before", before), ("after", after)) if value is None]
        self.found.append({**leaf, "nulls": nulls} if nulls else leaf)

    def _short(self, value):
        if value is _ABSENT:
            return None
        if isinstance(value, Number):  # no JSON reader keeps it, so the digests decide
            self.cut = True
            value = value.text
        if isinstance(value, str) and len(value) > MOST_VALUE:
            self.cut = True
            return value[:MOST_VALUE] + "\u2026"
        if isinstance(value, dict):
            value = {key: self._short(inner) for key, inner in value.items()}
        if isinstance(value, list) and not isinstance(_marshalled(value), bytes):
            value = [self._short(inner) for inner in value]
        if isinstance(value, (dict, list)) and len(text := json.dumps(value, ensure_ascii=False)) > 4 * MOST_VALUE:
            self.cut = True
            return text[:MOST_VALUE] + "\u2026"
        return value

    def finish(self):
        return {"leaves": self.found, "truncated": self.cut}


def _compare(old, new, pointer, leaves):
    """Add a leaf for every scalar (or empty container) that differs between two JSON values."""
    if leaves.cut or _equal(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = f"{pointer}/{_escaped(key)}"
            _compare(old.get(key, _ABSENT), new.get(key, _ABSENT), inner, leaves)
    elif isinstance(old, list) and isinstance(new, list):
        _compare_lists(old, new, pointer, leaves)
    elif new is _ABSENT and old and isinstance(old, (dict, list)):
        _compare(old, type(old)(), pointer, leaves)
    elif old is _ABSENT and new and isinstance(new, (dict, list)):
        _compare(type(new)(), new, pointer, leaves)
    else:
        leaves.add(pointer, old, new)


def _compare_lists(old, new, pointer, leaves):
    """Pair entries by position after setting aside what is equal at both ends."""
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and _equal(old[head], new[head]):
        head += 1
    tail = 0
    while tail < shorter - head and _equal(old[-1 - tail], new[-1 - tail]):
        tail += 1
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    for index in range(max(len(left), len(right))):
        before = left[index] if index < len(left) else _ABSENT
        after = right[index] if index < len(right) else _ABSENT
        _compare(before, after, f"{pointer}/{head + index}", leaves)


def _equal(old, new):
    """Say whether two parsed values are the same JSON. In Python, True equals 1."""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if old != new:
        return False
    if not isinstance(old, (dict, list)) or _marshalled(old) == _marshalled(new):
        return True
    if isinstance(old, list):
        return all(map(_equal, old, new))
    return all(_equal(value, new[key]) for key, value in old.items())


def _marshalled(value):
    """Return bytes that are equal only for the same value, or what equals nothing where a Number is inside."""
    try:
        return marshal.dumps(value, 2)
    except ValueError:  # it holds a Number
        return object()


def _escaped(key):
    return key.replace("~", "~0").replace("/", "~1")


# ---------------------------------------------------------------- SQLite


def _sqlite(workspace, baseline, path, before, after):
    sides = [side for side in (before, after) if side is not None]
    if not all(side.startswith(_SQLITE) and len(side) <= _MOST_PARSED for side in sides):
        return None
    import sqlite3

    try:
        old = baseline.parsed(path, "sqlite", database_rows.of_bytes) if before is not None else {}
        new = {} if after is None else database_rows.of_file(os.path.join(workspace.folder, path), after)
    except (sqlite3.Error, ValueError, OverflowError):
        return None
    leaves = Leaves()
    old_digest = "" if before is None else database_rows.digest(old)
    new_digest = "" if after is None else database_rows.digest(new)
    if old_digest != new_digest:
        for table in sorted(old.keys() | new.keys()):
            _compare_tables(table, old.get(table), new.get(table), leaves)
    return {"format": "sqlite", "before_digest": old_digest, "after_digest": new_digest, **leaves.finish()}


def _compare_tables(table, old, new, leaves):
    old_sql, old_rows = old or (_ABSENT, {})
    new_sql, new_rows = new or (_ABSENT, {})
    if old_sql != new_sql:
        leaves.add(table, old_sql, new_sql)
    for key in sorted(old_rows.keys() | new_rows.keys(), key=database_rows.natural):
        before, after = old_rows.get(key, _ABSENT), new_rows.get(key, _ABSENT)
        if before is _ABSENT or after is _ABSENT or not _equal(before, after):
            leaves.add(f"{table}/{key}", before, after)


# ---------------------------------------------------------------- text


def _decoded(data):
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
        text = _unified(old.splitlines(keepends=True), new.splitlines(keepends=True), before is None, after is None)
    cut = len(text) > MOST_TEXT
    return {
        "format": "text",
        "before_digest": _bytes_digest(before),
        "after_digest": _bytes_digest(after),
        "text": text[:MOST_TEXT],
        "truncated": cut,
    }


def _unified(old, new, added, removed):
    """Return the hunks of a unified diff without file names. Long files give one hunk around all that differs."""
    if added or removed or len(old) + len(new) > _MOST_LINES:
        return _one_hunk(old, new)
    import difflib

    lines = list(difflib.unified_diff(old, new))[2:]
    return "".join(_ended(line) for line in lines)


def _one_hunk(old, new):
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
    return line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
