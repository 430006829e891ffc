"""A database of each earlier schema, with rows of its time in it, comes up to date and keeps all of them readable.

The rows are those of tests/golden/paused.db.gz, which the commit before plans had a version wrote: three batches (done,
paused half-way, imported), trajectories, reviews and an export. They are laid into the schema of each revision.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, insert, inspect, text

from engine.dialogue.subsets import subsets
from engine.types import SUBSETS, Review, TrajectoryFilter
from storage import migrations, search
from storage.database import Database, _address, open_database
from storage.designing import domains, personas
from storage.exporting import exports
from storage.generating import batches
from storage.reviewing import reviews, trajectories
from storage.serving.store import SqlStore
from tests.golden_plans import GOLDEN
from tests.samples.batches import batch_of

REVISIONS = [r.revision for r in reversed(list(ScriptDirectory.from_config(migrations.config()).walk_revisions()))]
KNOWN = json.loads((GOLDEN / "paused.json").read_text())
STANDINGS = "0005"
"""Since this revision a row says where its reviews leave the trajectory, and no longer the last verdict."""
SUBSETS_COUNTED = "0011"
"""Since this revision rows say which subsets a trajectory belongs to; those of an earlier one are counted then."""
LASTING = (
    "batch", "trajectory", "trajectory_body", "score", "tool_use", "review", "review_event", "review_tag", "export",
    "exported", "pack", "domain", "domain_version", "persona",
)  # fmt: skip
"""The tables of which no row may be lost or made; facets and the full-text index are worked out from them."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("recorded") / "old.db"
    path.write_bytes(gzip.decompress((GOLDEN / "paused.db.gz").read_bytes()))
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


def lay(db: Database, recorded: sqlite3.Connection) -> None:
    """Put the recorded rows into the tables and columns that the schema has, parents first."""
    schema = MetaData()
    schema.reflect(db.writer)
    indexed = inspect(db.writer).has_table("trajectory_search")
    with db.write() as session:
        for table in schema.sorted_tables:
            if table.name in _tables(recorded):
                rows = [_fitted(table, dict(row)) for row in recorded.execute(f"SELECT * FROM {table.name}")]
                if not rows:
                    continue
                session.execute(insert(table), rows)
                if db.dialect == "postgresql" and isinstance(rows[0].get("id"), int):
                    counter = f"pg_get_serial_sequence('{table.name}', 'id')"
                    session.execute(text(f"SELECT setval({counter}, max(id)) FROM {table.name}"))
        if indexed:
            bodies = session.execute(text("SELECT trajectory_id, body FROM trajectory_body")).all()
            documents = [(number, search.document_of_body(body)) for number, body in bodies]
            search.insert(session.connection(), documents)


def _tables(recorded: sqlite3.Connection) -> set[str]:
    found = {row[0] for row in recorded.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {name for name in found if not name.startswith(("trajectory_search", "alembic", "sqlite_"))}


def _fitted(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """Return what of a row the table has room for; a later column that must not be empty gets an empty value."""
    fitted = {}
    for column in table.c:
        kind = column.type.python_type
        value = row.get(column.name)
        if column.name not in row and not column.nullable and column.server_default is None:
            value = kind()
        if column.name in row or value is not None:
            fitted[column.name] = bool(value) if kind is bool and value is not None else value
    return fitted


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_each_schema_comes_up_to_date_with_all_its_rows(
    revision: str, empty_url: str, recorded: sqlite3.Connection
) -> None:
    old = Database(_address(empty_url))
    migrations.upgrade(old.writer, revision)
    lay(old, recorded)
    if revision >= STANDINGS:
        with old.write() as session:
            session.execute(text("UPDATE trajectory SET verdict = 'accepted' WHERE verdict = 'accept'"))
    old.close()
    db = open_database(empty_url)
    try:
        every_row_is_there(db, recorded)
        batches_and_trajectories_are_readable(db)
        if revision < SUBSETS_COUNTED:
            subsets_were_counted(db)
        reviews_and_exports_are_readable(db)
        new_rows_fit_beside_the_old_ones(db)
    finally:
        db.close()


def every_row_is_there(db: Database, recorded: sqlite3.Connection) -> None:
    with db.read() as session:
        assert session.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == migrations.head()
        for name in LASTING:
            before = recorded.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            assert session.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() == before > 0, name


def batches_and_trajectories_are_readable(db: Database) -> None:
    rows = {row.name: row for row in batches.list_batches(db)}
    assert {name: (row.id, row.status, row.progress.planned) for name, row in rows.items()} == {
        "finished": (KNOWN["finished"], "done", 6),
        "half way": (KNOWN["batch"], "paused", 30),
        "came in": (KNOWN["imported"], "done", 1),
    }
    half = rows["half way"]
    assert (half.batch.plan_version, half.batch.fingerprint) == (None, KNOWN["fingerprint"])
    assert SqlStore(db).done_ids(half.id) == set(KNOWN["stored"])
    assert {row.id for row in domains.list_domains(db)} == {"ledger", "rental"}
    assert len(personas.list_personas(db)) == 3
    found, total = trajectories.page(db, TrajectoryFilter(), limit=100)
    assert total == len(found) == 6 + 13 + 1
    for row in found:
        read = trajectories.get(db, row.id)
        assert read is not None
        assert read.turns
    assert trajectories.page(db, TrajectoryFilter(text="account"))[1] > 0
    assert trajectories.facets(db)["domains"] == ["ledger", "rental"]


def subsets_were_counted(db: Database) -> None:
    found, _ = trajectories.page(db, TrajectoryFilter(), limit=100)
    for row in found:
        read = trajectories.get(db, row.id)
        assert read is not None
        assert row.subsets == tuple(subsets(read.turns, read.tools, read.attachments)) != ()
    for kind in SUBSETS:
        wanted = {row.id for row in found if kind in row.subsets}
        chosen, total = trajectories.page(db, TrajectoryFilter(subsets=(kind,)), limit=100)
        assert ({row.id for row in chosen}, total) == (wanted, len(wanted))


def reviews_and_exports_are_readable(db: Database) -> None:
    (accepted,) = reviews.reviews_of(db, KNOWN["accepted"])
    assert (accepted.verdict, accepted.rating, accepted.tags, accepted.note) == ("accept", 5, ("wrong_tool",), "Good.")
    number, turn = KNOWN["rejected_turn"]
    (rejected,) = reviews.reviews_of(db, number)
    assert (rejected.turn, rejected.verdict) == (turn, "reject")
    assert len(reviews.history(db, number)) == 1
    assert [r.id for r in trajectories.page(db, TrajectoryFilter(verdicts=("accept",)))[0]] == [KNOWN["accepted"]]
    export = exports.get_export(db, KNOWN["export"])
    assert export is not None
    assert (export.status, export.rows, export.recipe.name) == ("done", 6, "old")
    assert trajectories.page(db, TrajectoryFilter(exported=True))[1] == 6


def new_rows_fit_beside_the_old_ones(db: Database) -> None:
    number = batches.create_batch(db, batch_of("rental", name="new"))
    assert number == max(KNOWN["batch"], KNOWN["imported"]) + 1
    reviews.save_review(db, Review(trajectory=KNOWN["accepted"], turn=2, verdict="reject"))
    assert len(reviews.reviews_of(db, KNOWN["accepted"])) == 2


def test_the_recorded_schema_is_one_of_them(recorded: sqlite3.Connection) -> None:
    assert recorded.execute("SELECT version_num FROM alembic_version").fetchone()[0] in REVISIONS
