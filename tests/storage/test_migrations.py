"""The schema: brought up to date on opening, equal to the tables, refused when newer than the code."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from engine.errors import StorageError
from engine.types import Endpoint, Review, Score, TrajectoryFilter, Turn
from storage import migrations, tables
from storage.analysing import analytics
from storage.database import Database, _address, open_database
from storage.generating import endpoints
from storage.generating.endpoints import EndpointRow
from storage.intake.rows import dump
from storage.reviewing import reviews, trajectories
from tests.samples.trajectories import order_trajectory


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


def test_a_new_file_that_another_process_locks_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself does not wait when a file becomes a WAL database."""
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE other (id INTEGER)")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match="busy for too long"):
        open_database(f"sqlite:///{tmp_path}/new.db", patience=0.2)
    release = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    release.start()
    open_database(f"sqlite:///{tmp_path}/new.db").close()
    release.join()
    other.close()


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
    rows = [
        order_trajectory(1, said="Where is my umbrella?"),
        order_trajectory(2, said="Nothing of the kind", tool="find_thing"),
    ]
    with db.write() as session:
        session.execute(text(_OLD_BATCH), {"id": 1, "no": False})
        for number, t in enumerate(rows, 1):
            row = {"id": number, "batch": 1, "rollout": t.id, "verdict": None, "no": False}
            session.execute(text(_OLD_ROW), row)
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


def test_models_that_were_saved_before_profiles_are_not_tried_yet(empty_url: str) -> None:
    db = Database(_address(empty_url))
    migrations.upgrade(db.writer, "0007")
    with db.write() as session:
        body = '{"model": "m", "llm": "litellm", "timeout": 60.0}'
        session.execute(
            text("INSERT INTO endpoint (name, body, version, updated_at) VALUES ('old', :body, 3, 1.0)"), {"body": body}
        )
    db.close()
    db = open_database(empty_url)
    assert endpoints.list_endpoints(db) == [EndpointRow("old", Endpoint(model="m", timeout=60.0), 3, None)]
    db.close()


_OLD_BATCH = (
    "INSERT INTO batch (id, name, body, personas, status, reason, imported, planned, kept, rejected, failed, running, "
    "tokens, cost_usd, priced_calls, unpriced_calls, seconds, created_at) VALUES (:id, 'old', '{}', '[]', 'done', '', "
    ":no, 600, 600, 0, 0, 0, 0, 0.0, 0, 0, 0.0, 1.0)"
)
_OLD_ROW = (
    "INSERT INTO trajectory (id, batch_id, rollout_id, number, status, domain, mode, outcome, turns, tool_calls, "
    "verdict, exported, persona, teacher, model, created_at, title) VALUES (:id, :batch, :rollout, :id, 'kept', "
    "'ledger', 'single', 'success', 5, 1, :verdict, :no, 'ada', 'reference', 'reference', 1.0, '')"
)
_OLD_REVIEW = (
    "INSERT INTO review (trajectory_id, turn, reviewer, verdict, body, updated_at) "
    "VALUES (:trajectory, :turn, :reviewer, :verdict, :body, :at)"
)
_FIXED = Turn(role="assistant", content="Better.")
_JUDGED: dict[int, tuple[str | None, list[Review], str]] = {
    1: ("accept", [Review(trajectory=1, verdict="accept")], "accepted"),
    2: ("reject", [Review(trajectory=2, verdict="accept"), Review(trajectory=2, reviewer="b", verdict="reject")],
        "rejected"),
    3: ("fix", [Review(trajectory=3, turn=4, verdict="fix")], "awaits_correction"),
    4: ("fix", [Review(trajectory=4, verdict="fix")], "awaits_correction"),
    5: ("fix", [Review(trajectory=5, turn=4, verdict="fix", fix=_FIXED)], "corrected"),
    6: ("accept", [Review(trajectory=6, turn=4, verdict="fix"), Review(trajectory=6, verdict="accept")],
        "awaits_correction"),
    7: (None, [Review(trajectory=7, turn=4, verdict="reject", rating=2)], "none"),
    8: (None, [], "none"),
    590: ("fix", [Review(trajectory=590, turn=2, verdict="fix")], "awaits_correction"),
}  # fmt: skip
"""What 0004 wrote for some reviews, and what they mean. The last one is behind more than one chunk."""


def test_what_awaited_a_correction_says_so_after_the_way_up_from_0004(empty_url: str) -> None:
    db = Database(_address(empty_url))
    migrations.upgrade(db.writer, "0004")
    rubric = Score(name="rubric", value=1.0, reason="", source="rubric", method="model", version="mine/3/0badcafe")
    with db.write() as session:
        for batch in (1, 2):
            session.execute(text(_OLD_BATCH), {"id": batch, "no": False})
        for n in range(1, 601):
            verdict, given, _ = _JUDGED.get(n, ("accept", [Review(trajectory=n, verdict="accept")], ""))
            batch = 1 if n <= 300 else 2
            found = {"id": n, "batch": batch, "rollout": f"r{n}", "verdict": verdict, "no": False}
            session.execute(text(_OLD_ROW), found)
            body = dump(order_trajectory(n, scores=(rubric,)) if batch == 2 else order_trajectory(n))
            session.execute(tables.body.insert().values(trajectory_id=n, body=body))
            for at, one in enumerate(given):
                turn = tables.WHOLE if one.turn is None else one.turn
                values = {"trajectory": n, "turn": turn, "reviewer": one.reviewer, "verdict": one.verdict}
                session.execute(text(_OLD_REVIEW), {**values, "body": dump(one), "at": float(at)})
    db.close()

    db = open_database(empty_url)
    stands = reviews.standings(db, range(1, 601))
    assert {n: stands[n] for n in _JUDGED} == {n: expected for n, (_, _, expected) in _JUDGED.items()}
    assert {stands[n] for n in stands if n not in _JUDGED} == {"accepted"}
    waiting = TrajectoryFilter.model_validate({"verdicts": ["awaits_correction"]})
    assert [r.id for r in trajectories.page(db, waiting, sort="oldest")[0]] == [3, 4, 6, 590]
    old = TrajectoryFilter.model_validate({"verdicts": ["fix"]})
    assert [r.id for r in trajectories.page(db, old, sort="oldest")[0]] == [3, 4, 5, 6, 590]
    assert analytics.score_versions(db, TrajectoryFilter(batches=(1,))) == {("rubric", ""): ["1"], ("state", ""): ["1"]}
    assert analytics.score_versions(db, TrajectoryFilter(batches=(2,))) == {("rubric", ""): ["mine/3/0badcafe"]}
    assert set(analytics.score_versions(db, TrajectoryFilter())["rubric", ""]) == {"1", "mine/3/0badcafe"}
    db.close()
