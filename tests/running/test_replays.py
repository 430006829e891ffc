"""Hidden tests of stored trajectories are run again by a replay; no sandbox is opened without need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.domains import catalog
from engine.errors import SandboxError
from engine.serving.choice import SandboxChoice
from engine.serving.worker import Worker
from engine.settings import CATALOG
from engine.types import Domain, Score, Trajectory, TrajectoryFilter
from storage import tables
from storage.database import Database
from storage.designing import domains
from storage.generating import batches, judgings
from storage.reviewing import trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.samples.batches import batch_of

Change = Callable[[Trajectory], dict[str, Any]]


@pytest.fixture(scope="module")
def repair() -> Domain:
    return catalog.load(CATALOG / "code_repair")


def worker(db: Database, number: int) -> Worker:
    return Worker(SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda _: None, only=number)


async def rolled_out(db: Database, repair: Domain) -> int:
    """Roll out two repairs by the reference and return their batch."""
    domains.save_domain(db, repair.files, based_on=None)
    chosen = {"id": repair.id, "digest": repair.digest, "templates": ["saturday"]}
    number = batches.create_batch(
        db, batch_of(repair, domains=[chosen], trajectories=2, modes={"multiple": 1}, turns={1: 1})
    )
    await worker(db, number).work(once=True)
    assert batches.get_batch(db, number).progress.kept == 2
    return number


def store(db: Database, number: int, change: Change) -> None:
    """Change the stored trajectories of a batch."""
    for id, body, _ in list(trajectories.stream(db, TrajectoryFilter(batches=(number,)))):
        one = Trajectory.model_validate_json(body)
        changed = one.model_copy(update=change(one)).model_dump_json().encode()
        with db.write() as session:
            session.execute(tables.body.update().where(tables.body.c.trajectory_id == id).values(body=changed))


async def judged(db: Database, source: int, judges: tuple[str, ...] = ("state",)) -> tuple[Any, list[Score]]:
    """Judge a batch again; return the row of the batch that did, and the scores of `state`."""
    chosen = TrajectoryFilter(batches=(source,))
    number = judgings.create_judging(db, batch_of("stored", judges=judges, rejudge=chosen, concurrency=1))
    await worker(db, number).work(once=True)
    rows = [row.id for row in batches.latest(db, source, 10)]
    found = [one for id in rows for _, _, one, _ in judgings.judgements(db, id)[:1]]
    return batches.get_batch(db, number), [score for one in found for score in one.scores if score.name == "state"]


async def test_hidden_tests_are_run_again_and_count_in_place_of_what_was_recorded(db: Database, repair: Domain) -> None:
    source = await rolled_out(db, repair)
    row, scores = await judged(db, source)
    assert (row.status, row.progress.kept, row.sandbox) == ("done", 2, None)
    calls = sum(turn.role == "tool" for turn in trajectories.get(db, batches.latest(db, source, 1)[0].id).turns)  # type: ignore[union-attr]
    said = f"The hidden tests pass, run again after a replay of {calls} recorded calls."
    assert [(one.value, one.passed, one.reason) for one in scores] == [(1.0, True, said)] * 2

    store(db, source, lambda one: {"tests_passed": False})
    row, scores = await judged(db, source)
    assert {(one.value, one.passed) for one in scores} == {(1.0, True)}, "what was recorded is not believed"


def other_result(one: Trajectory) -> dict[str, Any]:
    place = next(at for at, turn in enumerate(one.turns) if turn.role == "tool")
    changed = one.turns[place].model_copy(update={"content": "Something else."})
    return {"turns": (*one.turns[:place], changed, *one.turns[place + 1 :])}


def without_the_edit(one: Trajectory) -> dict[str, Any]:
    """Take away the message with the edit and its result, so that the recorded end state is not reached."""
    at = next(at for at, turn in enumerate(one.turns) if any(c.name == "edit_file" for c in turn.tool_calls))
    return {"turns": (*one.turns[:at], *one.turns[at + 2 :])}


def with_own_tests(one: Trajectory) -> dict[str, Any]:
    assert one.task is not None
    assert one.task.hidden_tests is not None
    tests = one.task.hidden_tests.model_copy(update={"command": ("true",)})
    return {"task": one.task.model_copy(update={"hidden_tests": tests})}


def other_end(one: Trajectory) -> dict[str, Any]:
    assert one.diff is not None
    changes = tuple(change.model_copy(update={"after_digest": "0" * 64}) for change in one.diff.changes)
    return {"diff": one.diff.model_copy(update={"changes": changes})}


async def test_what_cannot_be_replayed_is_unmeasured_with_the_reason(db: Database, repair: Domain) -> None:
    source = await rolled_out(db, repair)
    first = Trajectory.model_validate_json(next(trajectories.stream(db, TrajectoryFilter(batches=(source,))))[1])
    changes: list[tuple[Change, str]] = [
        (other_result, "The replay gives another result than was recorded: bash at turn"),
        (without_the_edit, "The replay gives another result than was recorded"),
        (other_end, "The replay leaves another workspace than was recorded: stockroom/dates.py"),
        (with_own_tests, "The hidden tests of its task are not those of its domain."),
        (lambda one: {"domain_digest": "0" * 16}, "is not stored here."),
        (lambda one: {"teacher": "llm"}, "does not isolate them"),
    ]
    for change, said in changes:
        changed = first.model_copy(update=change(first))
        store(db, source, lambda one, changed=changed: dict(changed))  # type: ignore[misc]
        row, scores = await judged(db, source, ("state", "facts"))
        assert (row.status, row.progress.unmeasured, row.progress.kept) == ("done", 2, 0), said
        assert {one.value for one in scores} == {None}
        reason = scores[0].reason
        assert reason.startswith("The hidden tests could not be run again.")
        assert said in reason
        (found, *_) = [one for _, _, one, _ in judgings.judgements(db, batches.latest(db, source, 1)[0].id)]
        assert (found.status, found.outcome, found.reward) == ("unmeasured", "unmeasured", None)
        assert found.culprit == "infrastructure"
        assert said in found.detail


async def test_no_sandbox_is_opened_without_need(
    db: Database, ledger: Domain, repair: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = batches.create_batch(db, batch_of(ledger, trajectories=2))
    await worker(db, plain).work(once=True)
    source = await rolled_out(db, repair)

    async def closed(*_: Any, **__: Any) -> None:
        raise SandboxError("No sandbox answers.")

    monkeypatch.setattr("engine.serving.pools.Pools.of", closed)
    for chosen, judges in ((plain, ("rules", "state", "facts")), (source, ("rules", "facts"))):
        row, _ = await judged(db, chosen, judges)
        assert (row.status, row.progress.kept) == ("done", 2)
    row, _ = await judged(db, source)
    assert (row.status, row.progress.finished) == ("paused", 0)
    assert "No sandbox answers." in row.reason
