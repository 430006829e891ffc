from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.domains.slots import Tables
from engine.errors import InputError


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
    with pytest.raises(InputError, match="interrupted"):
        Tables({"a.txt": b"x"}).rows(endless, {})
