from __future__ import annotations

import json
import resource
import sqlite3
from pathlib import Path

import pytest

from engine.domains import slots
from engine.domains.slots import Tables
from engine.errors import InputError, Stopped


def test_json_csv_and_sqlite_become_tables(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "crm.sqlite")
    database.execute("create table people (id integer primary key, name text)")
    database.execute("insert into people values (1, 'Ada')")
    database.commit()
    database.close()
    tables = Tables(
        {
            "orders.json": b'[{"id": "O1", "lines": [{"sku": "X", "n": 2}]}]',
            "shop.json": b'{"today": "2026-01-02", "users": {"u1": {"name": "Ben"}}}',
            "data/sales-2026.csv": b"month,amount\njan,1.5\nfeb,007\n",
            "crm.sqlite": (tmp_path / "crm.sqlite").read_bytes(),
            "note.txt": b"hello",
        }
    )
    assert tables.rows("select json_extract(lines, '$[0].sku') as sku from orders", {}) == [{"sku": "X"}]
    assert tables.rows("select _key, name from users", {}) == [{"_key": "u1", "name": "Ben"}]
    assert tables.rows("select today from shop", {}) == [{"today": "2026-01-02"}]
    assert tables.rows("select amount from sales_2026 order by month desc", {}) == [{"amount": 1.5}, {"amount": "007"}]
    assert tables.rows("select name from people where id = :id", {"id": 1}) == [{"name": "Ada"}]
    assert tables.rows("select text from files where path = 'note.txt'", {}) == [{"text": "hello"}]


@pytest.mark.parametrize(
    "query",
    ["delete from files", "attach 'x.db' as x", "select load_extension('x')", "pragma user_version", "select nothing"],
)
def test_only_reading_is_allowed(query: str) -> None:
    with pytest.raises(InputError, match="slot query"):
        Tables({"a.txt": b"x"}).rows(query, {})


def test_an_endless_query_is_stopped() -> None:
    endless = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"
    with pytest.raises(InputError, match="takes more than 50,000,000 steps"):
        Tables({"a.txt": b"x"}).rows(endless, {})


ENDLESS = "with recursive n(x) as (select 1 union all select x + 1 from n) "
LARGE = "hex(zeroblob(30000))"
TOO_MUCH = {
    "a value": "select zeroblob(1000000000) as z",
    "a text": "select hex(zeroblob(30000000)) as h",
    "a product": f"select replace(replace({LARGE}, '0', {LARGE}), '0', {LARGE}) as r",
    "a sum": ENDLESS + "select group_concat(x) as g from n",
    "a join": "select count(*) as c from rows a, rows b, rows c, rows d",
    "rows": ENDLESS + f"select {LARGE} || x as h from n",
    "a clause that multiplies": "with c0 as (select 1 x)"
    + "".join(f', c{n} as (select a.x from c{n - 1} a, "c{n - 1}" b)' for n in range(1, 40))
    + " select count(*) as c from c39",
    "brackets": "select " + "(" * 500 + "1" + ")" * 500,
    "a long sum of numbers": "select " + "1 + " * 2_000 + "1 as y",
    "a long query": "select '" + "x" * 200_000 + "' as t",
}
CHANCE = ["random()", "hex(randomblob(4))", "abs(random() % 5)"]
CLOCK = [
    "date()", "date('now')", "datetime('NOW')", "current_timestamp", "current_date", "strftime('%Y', 'now')",
    "strftime('%Y')", "julianday('now')", "datetime('2026-01-01', 'localtime')", "date(\"now\")", "date(lower('NOW'))",
    "(select date(day) from rows where day = 'now')", "time(/* ' */ 'now')",
]  # fmt: skip
MACHINE = ["sqlite_version()", "sqlite_source_id()", "total_changes()", "last_insert_rowid()"]


@pytest.fixture(scope="module")
def tables() -> Tables:
    days = [{"x": n, "day": "2026-02-03"} for n in range(300)] + [{"x": 300, "day": "now"}]
    return Tables({"rows.json": json.dumps(days).encode(), "a.txt": b"y" * 60_000})


@pytest.mark.parametrize("name", TOO_MUCH)
def test_a_query_that_takes_too_much_is_refused_by_counting_and_not_by_the_clock(name: str, tables: Tables) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as refused:
        tables.rows(TOO_MUCH[name], {})
    assert not isinstance(refused.value, Stopped)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 << 10


def test_what_counting_does_not_bound_is_stopped_in_a_process_of_its_own_and_is_not_booked_on_the_pack(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Stopped, match="needs more than 1024 MB of memory"):
        tables.rows(ENDLESS + f"select {LARGE} || x as h from n order by 1", {})
    monkeypatch.setattr(slots, "_CHILD_SECONDS", 0.5)
    monkeypatch.setattr(slots, "_HERE", slots._HERE._replace(steps=5_000))
    search, pattern = (
        f"instr({LARGE}, substr({LARGE}, 1, 9000) || x)",
        f"{LARGE} like '%' || substr({LARGE}, 1, 9000) || x",
    )
    for work in (search, pattern):  # one instruction each, whose cost is the product of two lengths
        with pytest.raises(Stopped, match=r"took more than 0.5 seconds"):
            tables.rows(ENDLESS + f"select count({work}) as c from n", {})
    assert Stopped("a", "b").culprit == "infrastructure"
    assert tables.rows("select x from rows limit 1", {}) == [{"x": 0}]


@pytest.mark.parametrize(
    ("expression", "why"),
    [(one, "draws by chance") for one in CHANCE]
    + [(one, "tells the time") for one in CLOCK]
    + [(one, "differs from machine to machine") for one in MACHINE],
)
def test_chance_the_clock_and_the_machine_are_refused_with_the_reason(
    expression: str, why: str, tables: Tables
) -> None:
    with pytest.raises(InputError, match=why):
        tables.rows(f"select {expression} as y", {})
    with pytest.raises(InputError, match=why):  # and where it is only a condition
        tables.rows(f"select x from rows where {expression} is not null limit 1", {})


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("select date(day, '+1 day') as d from rows limit 1", "2026-02-04"),
        ("select strftime('%Y-%m', day) as m from rows limit 1", "2026-02"),
        ("select julianday(day) - julianday('2026-02-01') as n from rows limit 1", 2.0),
        ("select date('no date') as d", None),
        ("select 'now' as word, date(day) as d from rows limit 1", "now"),
        ("select count(*) as c from rows a, rows b, rows c where a.x < 40 and b.x < 40", 40 * 40 * 301),
        (ENDLESS + "select sum(x) as s from (select x from n limit 400000)", 80000200000),
        (
            "select length(group_concat(substr(text, 1, 40000), '')) n from rows, files where x < 9 and size > 9999",
            360_000,
        ),
        ("with a as (select x from rows limit 3), b as (select * from a) select count(*) as c from a, b, a as c", 27),
        ("select x'00ff' as b from rows order by day || :suffix limit 1", b"\x00\xff"),
    ],
)
def test_what_is_harmless_gives_what_it_gave_also_in_the_child(query: str, row: object, tables: Tables) -> None:
    assert next(iter(tables.rows(query, {"suffix": "x"})[0].values())) == row
    found = slots._in_child(tables._guard.database(), query, {"suffix": "x"})
    assert found.rows[0][0] == row


def test_a_file_whose_tables_work_out_too_much_is_refused_by_name(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "a.sqlite")
    database.execute("create table t (a text, b text as (hex(zeroblob(100000000))))")
    database.execute('create table "odd""name" (a text)')
    database.execute('insert into "odd""name" values (1)')
    database.commit()
    harmless = (tmp_path / "a.sqlite").read_bytes()
    assert Tables({"a.sqlite": harmless}).rows('select a from "odd_name"', {}) == [{"a": "1"}]
    database.execute("insert into t (a) values (1)")
    database.commit()
    with pytest.raises(InputError, match=r"a\.sqlite: its tables hold or work out more than slots can read"):
        Tables({"a.sqlite": (tmp_path / "a.sqlite").read_bytes()})


def test_a_table_of_too_many_cells_is_refused_before_it_is_made() -> None:
    wide = [{f"c{n}": n} for n in range(1_900)]
    with pytest.raises(InputError, match="table t: gives a table of 19,000 rows and 1,900 columns"):
        Tables({"t.json": json.dumps(wide * 10).encode()})
    assert len(Tables({"t.json": json.dumps(wide).encode()}).rows("select * from t", {})) == 1_900


def test_deeply_nested_data_gives_no_table_and_no_traceback() -> None:
    for depth in (300, 900, 990, 100_000):
        data = b'[{"a": ' + b"[" * depth + b"]" * depth + b"}]"
        assert Tables({"deep.json": data}).rows("select path from files", {}) == [{"path": "deep.json"}]
