"""CSV and JSON files as people have them become tables, or the reason is told."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domains.slots import Tables
from engine.domains.table_files import Unreadable, csv_rows, json_tables
from engine.errors import InputError

PLANTS = [{"id": 1, "name": "Fern, tall", "price": 2.5}, {"id": 2, "name": "Ivy", "price": 10}]


@pytest.mark.parametrize(
    "data",
    [
        b'id,name,price\n1,"Fern, tall",2.5\n2,Ivy,10\n',
        b"id;name;price\n1;Fern, tall;2,5\n2;Ivy;10\n",
        b"id\tname\tprice\r\n1\tFern, tall\t2.5\r\n2\tIvy\t10\r\n",
        b"id|name|price\n1|Fern, tall|2.5\n2|Ivy|10",
        b'id,name,price\r1,"Fern, tall",2.5\r2,Ivy,10\r',
        "id;name;price\n1;Fern, tall;2,5\n2;Ivy;10\n".encode("utf-16"),
        "\ufeffid;name;price\n1;Fern, tall;2.5\n\n2;Ivy;10\n".encode(),
    ],
)
def test_every_usual_form_of_csv_gives_the_same_rows(data: bytes) -> None:
    assert csv_rows(data, ",") == PLANTS


def test_a_file_of_commas_is_read_as_ever() -> None:
    data = b"a;b,c\n1;2,3,4\nx\n"
    assert csv_rows(data, ",") == [{"a;b": "1;2", "c": 3}, {"a;b": "x", "c": None}]
    assert csv_rows(b"code\n007\n12\n", ",") == [{"code": "007"}, {"code": 12}]
    assert csv_rows(b"code\n1,5\n", "\t") == [{"code": 1.5}]
    assert csv_rows(b"", ",") == []
    assert csv_rows(b"n\n" + b"9" * 5000 + b"\n", ",") == [{"n": "9" * 5000}]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("id;name\n1;Zoë Müller\n2;José\n".encode("latin-1"), "is no UTF-8 (byte 235 at 12"),
        ("编号,名称\n1,蕨类植物\n".encode("gbk"), "is no UTF-8 (byte 177 at 0"),
        (b"\xff\xfea", "is no whole UTF-16"),
        (b"id,name,id\n1,a,2\n", "names the column 'id' twice"),
        (b"1,2.5\n2,3.5\n", "has no names of columns"),
        (b'id\n"' + b"x" * 200_000 + b'"\n', "is no CSV (field larger"),
    ],
)
def test_what_is_no_table_is_told_where_it_is_asked_for(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable) as refused:
        csv_rows(data, ",")
    assert why in str(refused.value)
    tables = Tables({"plants.csv": data})
    assert tables.rows("select path from files", {}) == [{"path": "plants.csv"}]
    with pytest.raises(InputError) as told:
        tables.rows("select id from plants", {})
    assert why in str(told.value)
    assert "plants.csv" in str(told.value)


def test_objects_one_a_line_are_a_table_in_json_too() -> None:
    assert json_tables(b'{"a": 1}\n\n{"a": 2, "b": []}\n', "log") == {"log": [{"a": 1}, {"a": 2, "b": []}]}
    assert json_tables(b'{"a": 1}', "log") == {"log": [{"a": 1}]}
    digits = "7" * 22
    assert json_tables(f'[{{"id": {digits}}}]'.encode(), "x") == {"x": [{"id": digits}]}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'[{"id": 1, "id": 2}]', "names the key 'id' twice in one object"),
        (b'{"a": 1}\n{"b": 1, "b": 2}', "names the key 'b' twice in one object"),
        (b'[{"price": NaN}]', "holds NaN"),
        (b'[{"price": -Infinity}]', "holds -Infinity"),
    ],
)
def test_what_others_would_read_differently_is_refused_with_its_file(data: bytes, why: str) -> None:
    with pytest.raises(InputError) as refused:
        Tables({"data/plants.json": data})
    assert why in str(refused.value)
    assert "data/plants.json" in str(refused.value)


@pytest.mark.parametrize(
    ("data", "why"),
    [(b'[\n  // plants\n  {"id": 1}\n]', "holds a comment"), (b"[1, 2", "is no JSON"), (b"[" * 100_000, "is no JSON")],
)
def test_what_is_no_json_is_told_where_it_is_asked_for(data: bytes, why: str) -> None:
    with pytest.raises(InputError, match="no such table") as told:
        Tables({"plants.json": data}).rows("select id from plants", {})
    assert why in str(told.value)


@given(st.binary(max_size=200), st.sampled_from([",", "\t"]))
def test_no_bytes_break_the_reader_of_csv(data: bytes, usual: str) -> None:
    rows = []
    with contextlib.suppress(Unreadable):
        rows = csv_rows(data, usual)
    assert len({tuple(row) for row in rows}) <= 1, "all rows have the same columns"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner)))
def test_json_that_is_read_comes_back_the_same(value: Any) -> None:
    rows = [{"v": value}]
    (found,) = json_tables(json.dumps(rows).encode(), "x")["x"]
    assert json.dumps(found) == json.dumps(rows[0]) or "v" in found
