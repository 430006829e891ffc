"""The schema: brought up to date on opening, equal to the tables, refused when newer than the code."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from engine.errors import StorageError
from engine.types import TrajectoryFilter
from storage import migrations, tables, trajectories
from storage.database import Database, _address, open_database
from storage.intake import dump
from tests.storage.samples import made


def _ours(object_: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
    return not (kind == "table" and str(name).startswith("trajectory_search"))


def test_the_migrated_schema_is_that_of_the_tables(db: Database) -> None:
    with db.writer.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _ours, "compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_revisions_are_numbered_one_after_the_other() -> None:
    found = list(ScriptDirectory.from_config(migrations.config()).walk_revisions())
    assert [r.revision for r in reversed(found)] == [f"{n:04d}" for n in range(1, len(found) + 1)]


def test_opening_again_changes_nothing(empty_url: str) -> None:
    open_database(empty_url).close()
    again = open_database(empty_url)
    with again.read() as session:
        assert session.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [migrations.head()]
    again.close()


def test_processes_that_open_a_new_database_at_once_agree(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(open_database, [empty_url] * 4))
    for db in opened:
        assert trajectories.count(db, TrajectoryFilter()) == 0
        db.close()


def test_a_newer_database_is_refused_with_the_next_move(empty_url: str) -> None:
    db = open_database(empty_url)
    with db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    db.close()
    with pytest.raises(StorageError, match=r"newer Turnwright.*Update"):
        open_database(empty_url)


def test_an_old_database_is_filled_in_on_the_way_up(empty_url: str) -> None:
    db = Database(_address(empty_url))
    migrations.upgrade(db.writer, "0001")
    rows = [made(1, said="Where is my umbrella?"), made(2, said="Nothing of the kind", tool="find_thing")]
    with db.write() as session:
        session.execute(
            tables.batch.insert().values(
                id=1, name="old", body="{}", personas="[]", status="done", reason="", imported=False, planned=2, kept=2,
                rejected=0, failed=0, running=0, tokens=0, cost_usd=0.0, priced_calls=0, unpriced_calls=0, seconds=0.0,
                created_at=1.0,
            )
        )  # fmt: skip
        for number, t in enumerate(rows, 1):
            session.execute(
                tables.trajectory.insert().values(
                    id=number, batch_id=1, rollout_id=t.id, number=number, status="kept", domain="ledger",
                    mode="single", outcome="success", turns=5, tool_calls=1, exported=False, persona="ada",
                    teacher="reference", model="reference", created_at=1.0, title="",
                )
            )  # fmt: skip
            session.execute(tables.body.insert().values(trajectory_id=number, body=dump(t)))
        session.execute(tables.tool_use.insert().values(trajectory_id=2, tool="find_thing", calls=1))
    db.close()

    db = open_database(empty_url)
    found, _ = trajectories.page(db, TrajectoryFilter(text="umbrella"))
    assert [r.id for r in found] == [1]
    assert [r.id for r in trajectories.page(db, TrajectoryFilter(text="find_thing"))[0]] == [2]
    assert trajectories.get(db, 1) == rows[0]
    facets = trajectories.facets(db)
    assert (facets["domains"], facets["tools"], facets["culprits"]) == (["ledger"], ["find_thing"], [])
    db.close()
