"""Database addresses, connection settings, and faults raised as StorageError with the next move."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from engine.errors import InputError, StorageError
from storage import database as database_module
from storage import preferences
from storage.database import Database, open_database
from storage.serving.store import SqlStore
from tests.samples.trajectories import order_trajectory
from tests.storage.stored_samples import queue_batch


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "cannot be read"),
        ("oracle://host/name", "not supported|cannot be read"),
        ("mysql://host/name", "not supported|cannot be read"),
        ("sqlite://", "in-memory"),
        ("sqlite:///:memory:", "in-memory"),
    ],
)
def test_an_address_we_cannot_use_is_refused(url: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        open_database(url)


def test_postgresql_without_a_driver_means_psycopg() -> None:
    assert database_module._address("postgresql://u@h/d").drivername == "postgresql+psycopg"


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(StorageError, match="DATABASE_URL") as caught:
        open_database("postgresql://user:sesame@127.0.0.1:1/none")
    assert "sesame" not in str(caught.value)


def test_the_folder_of_the_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deeper" / "t.db"
    open_database(f"sqlite:///{path}").close()
    assert path.exists()


def test_sqlite_is_set_up_for_two_processes(sqlite_db: Database) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 5_000, "foreign_keys": 1}
    for opened in (sqlite_db.read, sqlite_db.write):
        with opened() as session:
            assert {n: session.execute(text(f"PRAGMA {n}")).scalar_one() for n in wanted} == wanted


def test_a_write_takes_the_lock_before_it_reads(sqlite_db: Database) -> None:
    assert sqlite_db.path is not None
    other = sqlite3.connect(sqlite_db.path, timeout=0)
    with sqlite_db.write() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("INSERT INTO preference VALUES ('a', '1')")
    other.close()


def test_a_block_that_raises_leaves_nothing(db: Database) -> None:
    def half_way() -> None:
        with db.write() as session:
            session.execute(text("INSERT INTO preference VALUES ('a', '1')"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_way()
    assert preferences.get(db, "a") is None


def test_readers_go_on_while_somebody_writes(db: Database) -> None:
    with db.write() as session:
        session.execute(text("INSERT INTO preference VALUES ('a', '1')"))
        with db.read() as other:
            assert other.execute(text("SELECT count(*) FROM preference")).scalar_one() == 0


def test_a_lock_that_lasts_too_long_is_a_storage_error(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path / 't.db'}", patience=0.05)
    assert db.path is not None
    holder = sqlite3.connect(db.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="busy for too long") as caught:
        preferences.set(db, "a", 1)
    assert not caught.value.full
    holder.execute("ROLLBACK")
    holder.close()
    preferences.set(db, "a", 1)
    db.close()


def test_a_full_disk_is_told_apart_and_costs_nothing_stored(sqlite_db: Database) -> None:
    number = queue_batch(sqlite_db, 1_000)
    store = SqlStore(sqlite_db)
    store.save(number, [order_trajectory(0)])
    sqlite_db.writer.dispose()

    with sqlite_db.writer.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 4}")
    with pytest.raises(StorageError, match="Free some space, then resume") as caught:
        store.save(number, [order_trajectory(i, said="long " * 2_000) for i in range(1, 50)])
    assert caught.value.full
    assert store.done_ids(number) == {"rollout-0"}
    assert store.progress(number).kept == 1

    with sqlite_db.writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    assert store.save(number, [order_trajectory(i) for i in range(50)]) == 49
    assert store.progress(number).kept == 50


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    path.write_bytes(b"not a database at all" * 400)
    with pytest.raises(StorageError, match="damaged"):
        open_database(f"sqlite:///{path}")


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be reached"):
        open_database(f"sqlite:///{tmp_path}")


def test_size_grows(sqlite_db: Database) -> None:
    before = database_module.size(sqlite_db)
    SqlStore(sqlite_db).save(
        queue_batch(sqlite_db, 100), [order_trajectory(i, said="word " * 1_000) for i in range(100)]
    )
    assert database_module.size(sqlite_db) > before > 0


def test_counters_lose_no_update_between_threads(db: Database) -> None:
    number = queue_batch(db, 600)
    stores = [SqlStore(db) for _ in range(6)]

    def work(worker: int) -> None:
        for i in range(20):
            stores[worker].save(number, [order_trajectory(worker * 100 + i)])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].progress(number).kept == 120 == len(stores[0].done_ids(number))
