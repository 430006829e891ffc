"""Every store keeps engine.protocols.Store: one suite, on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from engine import times
from engine.errors import InputError, StorageError
from engine.liveness import holder_name
from engine.protocols import Store
from engine.types import DomainShare
from storage import tables
from storage.database import Database, open_database
from storage.designing import domains
from storage.generating import batches
from storage.reviewing import trajectories
from storage.serving.store import SqlStore
from tests.engines import ended_holder
from tests.samples.models import model_call
from tests.samples.packs import ledger_files
from tests.samples.trajectories import lost_trajectory, order_trajectory
from tests.storage.database_fixtures import db, migrated_database, migrated_file, postgres_server, url
from tests.storage.stored_samples import queue_batch, store_ledger

__all__ = ["db", "migrated_database", "migrated_file", "postgres_server", "url"]


@pytest.fixture
def store(db: Database) -> Store:
    return SqlStore(db, clock=lambda: 1_000.0)


def test_a_claim_carries_the_frozen_snapshot(db: Database, store: Store) -> None:
    number = queue_batch(db, 7)
    before = domains.list_domains(db)[0]
    domains.save_domain(db, ledger_files(policy=b"Another policy."), based_on=before.version)
    claim = store.claim("one", 100.0, 15.0)
    assert claim is not None
    assert (claim.batch_id, claim.holder, claim.batch.trajectories) == (number, "one", 7)
    assert [d.digest for d in claim.domains.values()] == [before.digest]
    assert claim.batch.domains[0].digest == before.digest
    assert [p.id for p in claim.personas] == ["ada"]
    row = batches.get_batch(db, number)
    assert (row.status, row.holder, row.started_at) == ("running", "one", 100.0)


def test_two_versions_of_one_domain_stay_apart(db: Database, store: Store) -> None:
    store_ledger(db)
    old = domains.list_domains(db)[0]
    domains.save_domain(db, ledger_files(policy=b"Another policy."), based_on=1)
    queue_batch(db, domains=(DomainShare(id=old.id, digest=old.digest), DomainShare(id=old.id)))
    claim = store.claim("one", 100.0, 15.0)
    assert claim is not None
    assert len(claim.domains) == 2


def test_a_batch_is_claimed_once_and_oldest_first(db: Database, store: Store) -> None:
    first, second = queue_batch(db), queue_batch(db)
    claims = [store.claim("one", 100.0, 15.0), store.claim("two", 100.0, 15.0), store.claim("three", 100.0, 15.0)]
    assert [c and c.batch_id for c in claims] == [first, second, None]


def test_a_claim_may_ask_for_little_work_or_for_one_batch(db: Database, store: Store) -> None:
    """What counts is what is left: a large batch with little left is small."""
    large, small, nearly = queue_batch(db, 100), queue_batch(db, 3), queue_batch(db, 30)
    store.claim("gone", 100.0, 15.0, only=nearly)
    store.save(nearly, [order_trajectory(n) for n in range(9)])
    assert store.claim("one", 200.0, 15.0, only=99) is None
    claims = [store.claim("one", 200.0, 15.0, most=20) for _ in range(2)]
    assert [c and c.batch_id for c in claims] == [small, None]
    store.save(nearly, [order_trajectory(9)])
    taken = store.claim("one", 200.0, 15.0, most=20)
    assert taken is not None
    assert taken.batch_id == nearly
    assert store.claim("one", 200.0, 15.0, only=small) is None
    assert batches.get_batch(db, large).status == "queued"


def test_engines_that_claim_at_once_never_share_a_batch(url: str, db: Database) -> None:
    numbers = {queue_batch(db) for _ in range(6)}
    others = [open_database(url) for _ in range(6)]

    def take(number: int) -> list[int]:
        store, taken = SqlStore(others[number]), []
        while (claim := store.claim(f"engine {number}", 100.0, 15.0)) is not None:
            taken.append(claim.batch_id)
        return taken

    with ThreadPoolExecutor(6) as threads:
        taken = [n for found in threads.map(take, range(6)) for n in found]
    for other in others:
        other.close()
    assert sorted(taken) == sorted(numbers)


def test_an_ended_engine_of_this_machine_is_not_waited_for(db: Database, store: Store) -> None:
    number = queue_batch(db)
    store.claim(ended_holder(), 100.0, 15.0)
    assert store.claim("two", 102.0, 15.0) is None
    taken = store.claim(holder_name(), 104.0, 15.0)
    assert taken is not None
    assert taken.batch_id == number
    assert store.claim("three", 110.0, 15.0) is None


def test_a_silent_engine_loses_its_batch_and_is_told(db: Database, store: Store) -> None:
    number = queue_batch(db)
    store.claim("one", 100.0, 15.0)
    store.heartbeat(number, "one", 110.0, 4)
    assert store.claim("two", 124.0, 15.0) is None
    taken = store.claim("two", 126.0, 15.0)
    assert taken is not None
    assert taken.batch_id == number
    assert store.progress(number).running == 0
    assert store.heartbeat(number, "one", 127.0, 4) == "lost"
    store.release(number, "one", "done", "")
    assert batches.get_batch(db, number).status == "running"
    assert store.heartbeat(number, "two", 128.0, 1) is None


def test_what_dropped_rollouts_took_is_added(db: Database, store: Store) -> None:
    number = queue_batch(db, 7)
    store.claim("one", 100.0, 15.0)
    failed = model_call(None, None).model_copy(update={"failed": "server"})
    store.count_dropped(number, [model_call(10, 0.5), model_call(7, None), model_call(None, None), failed])
    store.count_dropped(number, [model_call(1, 0.25)])
    row = batches.get_batch(db, number)
    assert (row.tokens, row.cost_usd, row.unpriced_calls, row.progress.finished) == (36, 0.75, 2, 0)
    store.count_dropped(number + 1, [model_call()])
    assert store.spent(number)[:2] == (36, 0.75)


def test_a_deleted_batch_is_lost(db: Database, store: Store) -> None:
    number = queue_batch(db)
    store.claim("one", 100.0, 15.0)
    batches.delete_batch(db, number, now=100.0 + times.ABANDONED + 1)
    assert store.heartbeat(number, "one", 140.0, 1) == "lost"
    with pytest.raises(StorageError, match="deleted"):
        store.save(number, [order_trajectory(1)])
    with pytest.raises(StorageError, match="deleted"):
        store.progress(number)


def test_counts_always_add_up(db: Database, store: Store) -> None:
    number = queue_batch(db, 8)
    store.claim("one", 100.0, 15.0)
    store.heartbeat(number, "one", 101.0, 5)
    for wave in (
        [order_trajectory(0), lost_trajectory(1, "state", "x")],
        [order_trajectory(2), lost_trajectory(3, "rolled_out", "y", "failed")],
        [order_trajectory(4), order_trajectory(5)],
    ):
        store.save(number, wave)
        p = store.progress(number)
        assert p.planned == p.kept + p.rejected + p.failed + p.running + p.waiting == 8
        assert p.waiting >= 0
    assert (p.kept, p.rejected, p.failed) == (4, 1, 1)
    store.release(number, "one", "done", "")
    assert store.progress(number).running == 0


def test_saving_again_changes_nothing(db: Database, store: Store) -> None:
    number = queue_batch(db, 10)
    wave = [order_trajectory(i, calls=(model_call(),)) for i in range(5)]
    assert store.save(number, wave) == 5
    once = (store.progress(number), store.spent(number), store.done_ids(number))
    assert store.save(number, wave) == 0
    assert store.save(number, []) == 0
    assert (store.progress(number), store.spent(number), store.done_ids(number)) == once
    assert store.save(number, [*wave, order_trajectory(5), order_trajectory(5)]) == 1
    assert store.progress(number).kept == 6
    assert trajectories.get(db, 1) == wave[0]


def test_equal_rollouts_of_two_batches_are_both_kept(db: Database, store: Store) -> None:
    first, second = queue_batch(db), queue_batch(db)
    assert store.save(first, [order_trajectory(1)]) == store.save(second, [order_trajectory(1)]) == 1


@pytest.mark.parametrize(
    ("calls", "tokens", "cost"),
    [
        ((), 0, 0.0),
        (((10, 0.5), (5, 0.25)), 30, 0.75),
        (((10, 0.5), (5, None)), 30, 0.5),
        (((None, None), (5, None)), 10, None),
    ],
)
def test_spent_never_makes_up_a_price(
    db: Database, store: Store, calls: tuple[tuple[int | None, float | None], ...], tokens: int, cost: float | None
) -> None:
    number = queue_batch(db)
    store.save(number, [order_trajectory(1, calls=tuple(model_call(t, c) for t, c in calls))])
    assert store.spent(number)[:2] == (tokens, cost)
    assert batches.get_batch(db, number).unpriced_calls == sum(c is None for _, c in calls)


def test_seconds_add_up_over_claims(db: Database) -> None:
    number = queue_batch(db)
    store = SqlStore(db, clock=lambda: 112.0)
    store.claim("one", 100.0, 15.0)
    store.heartbeat(number, "one", 110.0, 1)
    store.release(number, "one", "paused", "budget")
    batches.command(db, number, "resume")
    later = SqlStore(db, clock=lambda: 503.0)
    later.claim("two", 500.0, 15.0)
    later.release(number, "two", "done", "")
    assert later.spent(number)[2] == pytest.approx(12 + 3)


@pytest.mark.parametrize("what", ["pause", "cancel"])
def test_a_command_reaches_the_engine(db: Database, store: Store, what: str) -> None:
    number = queue_batch(db)
    store.claim("one", 100.0, 15.0)
    assert store.heartbeat(number, "one", 101.0, 0) is None
    batches.command(db, number, what, now=101.0)
    assert store.heartbeat(number, "one", 102.0, 0) == what


def test_pause_and_resume_go_round(db: Database, store: Store) -> None:
    number = queue_batch(db)
    store.claim("one", 100.0, 15.0)
    batches.command(db, number, "pause", now=101.0)
    store.release(number, "one", "paused", "Paused by hand.")
    row = batches.get_batch(db, number)
    assert (row.status, row.reason, row.holder, row.command) == ("paused", "Paused by hand.", None, None)
    assert store.claim("two", 102.0, 15.0) is None
    batches.command(db, number, "resume")
    assert batches.get_batch(db, number).command == "resume"
    assert store.claim("two", 103.0, 15.0) is not None
    assert batches.get_batch(db, number).command is None
    assert store.heartbeat(number, "two", 104.0, 0) is None


@pytest.mark.parametrize(
    ("what", "released", "becomes"),
    [("cancel", "paused", "cancelled"), ("cancel", "queued", "cancelled"), ("pause", "queued", "paused")],
)
def test_a_command_that_comes_while_the_engine_lets_go_is_not_lost(
    db: Database, store: Store, what: str, released: str, becomes: str
) -> None:
    number = queue_batch(db)
    store.claim("one", 100.0, 15.0)
    batches.command(db, number, what, now=101.0)
    store.release(number, "one", released, "")
    assert batches.get_batch(db, number).status == becomes


def test_a_resume_that_comes_while_the_engine_pauses_is_not_lost(db: Database, store: Store) -> None:
    number = queue_batch(db)
    store.claim("one", 100.0, 15.0)
    batches.command(db, number, "pause", now=101.0)
    batches.command(db, number, "resume", now=101.5)
    store.release(number, "one", "paused", "Paused by hand.")
    assert store.claim("one", 102.0, 15.0) is not None


@pytest.mark.parametrize("final", ["done", "failed", "cancelled"])
def test_what_ended_stays_ended(db: Database, store: Store, final: str) -> None:
    number = queue_batch(db)
    store.claim("one", 100.0, 15.0)
    store.release(number, "one", final, "why")
    assert batches.get_batch(db, number).finished_at == 1_000.0
    assert store.claim("two", 9_999.0, 15.0) is None
    for what in ("pause", "cancel", *(["resume"] if final != "failed" else [])):
        with pytest.raises(InputError, match=final):
            batches.command(db, number, what)


def test_no_transition_outside_the_state_machine(db: Database, store: Store) -> None:
    number = queue_batch(db)
    for what in ("pause", "resume"):
        with pytest.raises(InputError, match="queued"):
            batches.command(db, number, what)
    store.claim("one", 100.0, 15.0)
    with pytest.raises(InputError, match="cannot become"):
        store.release(number, "one", "running", "")
    with pytest.raises(InputError, match="unknown"):
        batches.command(db, number, "explode", now=101.0)


def test_nobody_need_answer_to_cancel_what_no_engine_holds(db: Database, store: Store) -> None:
    waiting, abandoned = queue_batch(db), queue_batch(db)
    batches.command(db, waiting, "cancel")
    store.claim("one", 100.0, 15.0)
    batches.command(db, abandoned, "cancel", now=100.0 + times.ABANDONED + 1)
    assert {batches.get_batch(db, n).status for n in (waiting, abandoned)} == {"cancelled"}
    assert store.heartbeat(abandoned, "one", 200.0, 0) == "lost"


def test_a_snapshot_that_cannot_be_read_fails_the_batch_and_not_the_engine(db: Database, store: Store) -> None:
    from storage.tables import PackRecord

    broken = queue_batch(db)
    with db.write() as session:
        for record in session.query(PackRecord):
            record.data = b"not a zip"
    domains.save_domain(db, ledger_files(policy=b"A good one."), based_on=1)
    sound = queue_batch(db)
    claim = store.claim("one", 100.0, 15.0)
    assert claim is not None
    assert claim.batch_id == sound
    row = batches.get_batch(db, broken)
    assert row.status == "failed"
    assert "snapshot cannot be read" in row.reason


@pytest.mark.parametrize(("body", "problem"), [('{"name": 5}', "name: Input"), ("{", "JSON: Inv")])
def test_a_snapshot_that_is_no_batch_fails_it_and_the_next_is_claimed(
    db: Database, store: Store, body: str, problem: str
) -> None:
    broken, sound = queue_batch(db), queue_batch(db)
    with db.write() as session:
        session.execute(update(tables.batch).where(tables.batch.c.id == broken).values(body=body))
    claim = store.claim("one", 100.0, 15.0)
    assert claim is not None
    assert claim.batch_id == sound
    with db.read() as session:
        row = session.execute(select(tables.batch.c.status, tables.batch.c.reason, tables.batch.c.holder)
                              .where(tables.batch.c.id == broken)).one()  # fmt: skip
    assert (row.status, row.holder) == ("failed", None)
    assert problem in row.reason


def test_a_busy_database_fails_no_batch_that_is_claimed(
    db: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = queue_batch(db)

    def busy(*_: object) -> None:
        raise StorageError("The database was busy for too long.")

    with monkeypatch.context() as patched:
        patched.setattr("storage.serving.store.domain_by_digest", busy)
        with pytest.raises(StorageError, match="busy"):
            store.claim("one", 100.0, 15.0)
    row = batches.get_batch(db, number)
    assert (row.status, row.holder) == ("queued", None)
    claim = store.claim("one", 101.0, 15.0)
    assert claim is not None
    assert claim.batch_id == number
