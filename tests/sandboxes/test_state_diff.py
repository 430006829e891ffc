"""The state difference itself, outside any sandbox: the same files the tool server executes."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.sandboxes._remote import sources
from engine.types import ABSENT, Change


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, ModuleType]]:
    """Execute the pure modules of the tool server as the bundle does."""
    loaded: dict[str, ModuleType] = {}
    for name, source in sources():
        if name in ("workspace", "database_rows", "json_values", "leaves", "workbooks", "state_diff"):
            module = ModuleType(name)
            sys.modules[name] = loaded[name] = module
            exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    yield loaded
    for name in loaded:
        del sys.modules[name]


@pytest.fixture
def compared(server: dict[str, ModuleType], tmp_path: Path) -> Any:
    """Return a function (before, after) -> changes; None means that the file is not there."""

    def compare(before: dict[str, bytes], after: dict[str, bytes]) -> list[Change]:
        space = server["workspace"].Workspace(str(tmp_path))
        for path, data in after.items():
            target = tmp_path / "work" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        baseline = server["state_diff"].Baseline(before)
        found = server["state_diff"].differing(space, baseline)
        return [Change.model_validate(c) for c in server["state_diff"].changes(space, baseline, found)]

    return compare


def _json(compared: Any, before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    changes = compared({"x.json": json.dumps(before).encode()}, {"x.json": json.dumps(after).encode()})
    return [(leaf.pointer, leaf.before, leaf.after) for change in changes for leaf in change.leaves]


@pytest.mark.parametrize(
    ("before", "after", "leaves"),
    [
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, []),
        ({"a": True}, {"a": 1}, [("/a", True, 1)]),
        ({"a": [1]}, {"a": [True]}, [("/a/0", 1, True)]),
        ({"a/b": {"c~d": 1}}, {"a/b": {"c~d": 2}}, [("/a~1b/c~0d", 1, 2)]),
        ([1, 2, 3, 4], [1, 3, 4], [("/1", 2, None)]),
        ([1, 4], [1, 2, 3, 4], [("/1", None, 2), ("/2", None, 3)]),
        ({}, {"o": {"x": 1, "y": [{"z": 2}]}}, [("/o/x", None, 1), ("/o/y/0/z", None, 2)]),
        ({"o": {"x": 1}}, {}, [("/o/x", 1, None)]),
        ({"o": {}}, {}, [("/o", {}, None)]),
        ({"o": 1}, {"o": {"x": 1}}, [("/o", 1, {"x": 1})]),
        ({"o": "é"}, {"o": "e"}, [("/o", "é", "e")]),
    ],
)
def test_json_leaves(compared: Any, before: Any, after: Any, leaves: list[tuple[str, Any, Any]]) -> None:
    assert _json(compared, before, after) == leaves


def test_digests_are_equal_exactly_when_values_are(compared: Any) -> None:
    before = {"x.json": b'{"a": 0}'}
    (one,) = compared(before, {"x.json": b'{"b": [1, 2.0], "a": 5}'})
    (same,) = compared(before, {"x.json": b'{ "a":5.0,\n"b":[1,2] }'})
    (other,) = compared(before, {"x.json": b'{"a": 5, "b": [2, 1]}'})
    assert one.after_digest == same.after_digest != other.after_digest
    assert len({one.before_digest, same.before_digest, other.before_digest}) == 1


NOTHING = object()
"""No such key."""


def _leaf_sides(compared: Any, before: Any, after: Any) -> list[tuple[Any, Any]]:
    sides = [json.dumps({} if value is NOTHING else {"v": value}).encode() for value in (before, after)]
    changes = compared({"x.json": sides[0]}, {"x.json": sides[1]})
    return [(leaf.was, leaf.became) for change in changes for leaf in change.leaves]


@pytest.mark.parametrize(
    ("before", "after", "sides"),
    [
        (True, 1, (True, 1)),
        (0, False, (0, False)),
        (None, NOTHING, (None, ABSENT)),
        (NOTHING, None, (ABSENT, None)),
        (None, 0, (None, 0)),
        (None, False, (None, False)),
        (None, "", (None, "")),
        ([None], [], (None, ABSENT)),
        ([], [None], (ABSENT, None)),
        ({"a": None}, {}, (None, ABSENT)),
        (1, "1", (1, "1")),
        ([], {}, ([], {})),
    ],
)
def test_each_kind_is_equal_to_its_own_only(compared: Any, before: Any, after: Any, sides: tuple[Any, Any]) -> None:
    (found,) = _leaf_sides(compared, before, after)
    assert [type(side) for side in found] == [type(side) for side in sides]
    assert found == sides


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("1", "1.0", True),
        ("100", "1e2", True),
        ("0", "-0.0", True),
        ("0.1", "1e-1", True),
        ("2.50", "2.5", True),
        ("123456789012345678", "123456789012345678.0", True),
        ("9007199254740993", "9007199254740993.0", True),
        ("9007199254740993", "9007199254740992", False),
        ("12345678901234567890123", "12345678901234567890124", False),
        ("12345678901234567890123", "1.2345678901234567890123e22", True),
        ("123456789012345678.25", "123456789012345678.75", False),
        ("1e400", "1" + "0" * 400, True),
        ("1e400", "1e401", False),
        ("1e-400", "0", False),
        ("1e-400", "0.1e-399", True),
        ("7" * 5000, "7" * 5000 + ".0", True),
        ("7" * 5000, "7" * 4999 + "8", False),
        ("1e5000", "1" + "0" * 5000, True),
        ("[1, true]", "[1.0, true]", True),
        ("[1, true]", "[true, 1]", False),
    ],
)
def test_numbers_compare_by_value_at_any_size(compared: Any, one: str, other: str, alike: bool) -> None:
    digests = []
    for value in (one, other):
        (change,) = compared({"x.json": b'{"n": "start"}'}, {"x.json": f'{{"n": {value}}}'.encode()})
        assert change.format == "json"
        digests.append(change.after_digest)
    assert (digests[0] == digests[1]) is alike
    assert (compared({"x.json": f"[{one}]".encode()}, {"x.json": f"[{other}]".encode()}) == []) is alike


def test_a_number_that_no_reader_keeps_is_shown_cut_and_decided_by_the_digest(compared: Any) -> None:
    (exact,) = compared({"x.json": b"{}"}, {"x.json": b'{"n": 12345678901234567890123}'})
    assert (exact.leaves[0].after, exact.truncated) == (12345678901234567890123, False)
    (long,) = compared({"x.json": b"{}"}, {"x.json": b'{"n": ' + b"7" * 5000 + b"}"})
    assert long.truncated
    assert long.leaves[0].after.startswith("7777")
    nested = b'{"n": [[' + b"7" * 5000 + b', {"a": 0.12345678901234567890123}]]}'
    (inside,) = compared({"x.json": b'{"n": 1}'}, {"x.json": nested})
    assert inside.truncated


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-(10**40), 10**40).filter(bool), st.integers(0, 30), st.integers(0, 5))
def test_any_writing_of_a_number_is_the_same(compared: Any, number: int, zeros: int, shift: int) -> None:
    plain, written = str(number), f"{number}{'0' * shift}.{'0' * zeros}0e-{shift}"
    assert compared({"x.json": f"[{plain}]".encode()}, {"x.json": f"[{written}]".encode()}) == []


def test_json_lines_compare_by_value(compared: Any) -> None:
    before = {"log.jsonl": b'{"a": 0}\n'}
    assert compared(before, {"log.jsonl": b'\n{ "a" : 0.0 }'}) == []
    (one,) = compared(before, {"log.jsonl": b'{"a": 0}\n{"a": 1, "b": 2}\n'})
    (other,) = compared(before, {"log.jsonl": b'{"a": 0}\n{"b": 2.0, "a": 1}\n'})
    assert one == other
    assert (one.format, [(leaf.pointer, leaf.after) for leaf in one.leaves]) == ("json", [("/1/a", 1), ("/1/b", 2)])
    (turned,) = compared(before, {"log.jsonl": b'{"b": 2}\n{"a": 0}\n'})
    assert turned.after_digest != one.after_digest
    (broken,) = compared(before, {"log.jsonl": b'{"a": 0}\nnot json\n'})
    assert broken.format == "text"


@pytest.mark.parametrize("path", ["s.JSON", "a.geojson", "b.Jsonl", "c.NDJSON"])
def test_json_is_known_by_its_suffix_in_any_case(compared: Any, path: str) -> None:
    assert compared({path: b'{"a": 1}'}, {path: b'{"a":1.0}'}) == []
    (change,) = compared({path: b'{"a": 1}'}, {path: b'{"a": 2}'})
    assert change.format == "json"


def test_what_is_no_strict_json_is_text(compared: Any) -> None:
    for broken in (b'{"a": NaN}', b"{", b"[" * 100_000):
        (change,) = compared({"x.json": b"{}"}, {"x.json": broken})
        assert change.format == "text"


def test_long_values_and_many_leaves_are_cut_and_digests_stay_whole(compared: Any) -> None:
    (long,) = compared({"x.json": b"{}"}, {"x.json": json.dumps({"a": "x" * 9000}).encode()})
    assert long.truncated
    assert len(long.leaves[0].after) == 4097
    (one,) = compared({"x.json": b"[]"}, {"x.json": json.dumps(list(range(600))).encode()})
    (other,) = compared({"x.json": b"[]"}, {"x.json": json.dumps([*range(599), 0]).encode()})
    assert len(one.leaves) == 500
    assert one.leaves == other.leaves
    assert one.after_digest != other.after_digest
    (turned,) = compared({"x.json": b"{}"}, {"x.json": json.dumps([["x" * 50] * 1000]).encode()})
    assert turned.truncated
    assert len(turned.leaves[0].after) == 4097


def test_added_removed_and_empty_files(compared: Any) -> None:
    changes = compared({"gone.txt": b"bye\n"}, {"empty.txt": b"", "new.txt": b"no end"})
    assert [(c.path, c.kind, c.text) for c in changes] == [
        ("empty.txt", "added", ""),
        ("gone.txt", "removed", "@@ -1,1 +0,0 @@\n-bye\n"),
        ("new.txt", "added", "@@ -0,0 +1,1 @@\n+no end\n\\ No newline at end of file\n"),
    ]
    assert changes[0].after_digest != ""
    assert (changes[1].after_digest, changes[2].before_digest) == ("", "")


def test_sqlite_tables_without_a_key_compare_as_a_bag_of_rows(compared: Any) -> None:
    def image(*statements: str) -> bytes:
        connection = sqlite3.connect(":memory:")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        return connection.serialize()

    table = "CREATE TABLE t (a, b)"
    before = {"x.db": image(table, "INSERT INTO t VALUES (1, 'x'), (2, 'y')")}
    assert compared(before, {"x.db": image(table, "INSERT INTO t VALUES (2, 'y'), (1, 'x')")}) == []
    (change,) = compared(before, {"x.db": image(table, "INSERT INTO t VALUES (1, 'x'), (1, 'x')")})
    assert sorted((leaf.before is None, leaf.after is None) for leaf in change.leaves) == [(False, True), (True, False)]


def _image(*statements: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    return connection.serialize()


def test_cells_of_sqlite_compare_by_kind_and_value(compared: Any) -> None:
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)"
    cells = ["NULL", "''", "0", "0.5", "1", "'1'", "x'31'", "9007199254740993", "9007199254740992.0", "9e999", "'inf'"]
    digests = {}
    for cell in cells:
        after = {"x.db": _image(table, f"INSERT INTO t VALUES (1, {cell})")}
        (change,) = compared({"x.db": _image(table)}, after)
        digests[cell] = change.after_digest
    assert len(set(digests.values())) == len(cells)
    one = {"x.db": _image(table, "INSERT INTO t VALUES (1, 1)")}
    assert compared(one, {"x.db": _image(table, "INSERT INTO t VALUES (1, 1.0)")}) == []
    (change,) = compared(one, {"x.db": _image(table, "INSERT INTO t VALUES (1, NULL)")})
    (leaf,) = change.leaves
    assert (leaf.was, leaf.became) == ({"id": 1, "v": 1}, {"id": 1, "v": None})


def test_rows_with_a_null_or_a_twin_key_hide_no_other(compared: Any) -> None:
    table = "CREATE TABLE t (id TEXT PRIMARY KEY, v)"
    before = {"x.db": _image(table, "INSERT INTO t VALUES (NULL, 1), (NULL, 2), ('a', 3)")}
    (change,) = compared(before, {"x.db": _image(table, "INSERT INTO t VALUES (NULL, 9), (NULL, 2), ('a', 3)")})
    assert sorted((leaf.was is ABSENT, leaf.became is ABSENT) for leaf in change.leaves) == [
        (False, True),
        (True, False),
    ]
    turned = {"x.db": _image(table, "INSERT INTO t VALUES ('a', 3), (NULL, 2), (NULL, 1)")}
    assert compared(before, turned) == []
    table = "CREATE TABLE t (id BLOB PRIMARY KEY, v)"
    before = {"x.db": _image(table, "INSERT INTO t VALUES (1, 'number'), ('1', 'text')")}
    (change,) = compared(before, {"x.db": _image(table, "INSERT INTO t VALUES (1, 'other'), ('1', 'text')")})
    assert len(change.leaves) == 2


def test_a_workspace_that_holds_a_strangers_file_is_swept(server: dict[str, ModuleType], tmp_path: Path) -> None:
    import base64

    space = server["workspace"].Workspace(str(tmp_path))
    space.describe({"a/b.txt": base64.b64encode(b"b").decode()})
    space.lay()
    inode = (tmp_path / "work/a/b.txt").stat().st_ino
    (tmp_path / "work/a/c").mkdir()
    (tmp_path / "work/a/c/d").write_text("d")
    (tmp_path / "tmp/e").write_text("e")
    space.lay()
    left = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*"))
    assert left == ["tmp", "work", "work/a", "work/a/b.txt"]
    assert (tmp_path / "work/a/b.txt").stat().st_ino == inode
    (tmp_path / "work/a/b.txt").unlink()
    (tmp_path / "work/a/b.txt").symlink_to("/etc/passwd")
    space.lay()
    assert (tmp_path / "work/a/b.txt").read_bytes() == b"b"
    assert not (tmp_path / "work/a/b.txt").is_symlink()


@pytest.mark.parametrize("inside", ["\u2028", "\u2029", "\x85", "\f"])
def test_only_a_newline_ends_a_line_of_a_diff(server: dict[str, ModuleType], inside: str) -> None:
    assert server["state_diff"]._lines(f"a{inside}b\nc") == [f"a{inside}b\n", "c"]
