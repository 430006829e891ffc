"""Same seed, same bytes, also after an upgrade: plans and a paused batch that an earlier Turnwright recorded."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from engine.errors import InputError, InputErrors
from engine.planning.batch_file import dump_batch, load_batch, parse_batch
from engine.planning.planner import plan
from engine.serving.choice import SandboxChoice
from engine.serving.worker import Worker
from engine.types import (
    MODES,
    PLAN_VERSIONS,
    Batch,
    Criterion,
    DomainShare,
    Endpoint,
    ModelRole,
    RolloutLimits,
    Rubric,
    Sampling,
    TrajectoryFilter,
    digest,
)
from storage import migrations
from storage.database import Database, open_database
from storage.exporting import exports
from storage.generating import batches
from storage.generating.plans import quotas_of_batch
from storage.reviewing import reviews, trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.golden_plans import FILES, GOLDEN, PERSONAS, pinned, recorded
from tests.samples.trajectories import order_trajectory
from tests.storage.stored_samples import insert_imported

RECORDED = {version: json.loads((GOLDEN / f"plans_{version}.json").read_text()) for version in PLAN_VERSIONS}
PAUSED = json.loads((GOLDEN / "paused.json").read_text())


def wanted(version: int, name: str) -> dict[str, Any]:
    return {key: value for key, value in RECORDED[version][name].items() if key != "body"}


# ---------------------------------------------------------------- golden ids


@pytest.mark.parametrize("version", PLAN_VERSIONS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_batch_keeps_its_ids(path: Path, version: int) -> None:
    stored = Batch.model_validate_json(RECORDED[version][path.name]["body"])
    assert recorded(stored) == wanted(version, path.name)


@pytest.mark.parametrize("version", PLAN_VERSIONS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_that_names_its_plan_version_gives_the_same_ids(path: Path, version: int) -> None:
    named = parse_batch(dump_batch(load_batch(path).model_copy(update={"plan_version": version})).encode(), "b.yaml")
    assert named.plan_version == version
    assert recorded(pinned(named)) == wanted(version, path.name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_run_anew_gets_the_newest_plan(path: Path) -> None:
    batch = pinned(load_batch(path)).pinned()
    assert batch.plan_version == PLAN_VERSIONS[-1]
    assert recorded(batch) == wanted(PLAN_VERSIONS[-1], path.name)
    assert batch.fingerprint != wanted(1, path.name)["fingerprint"]


def test_the_recorded_batches_differ() -> None:
    assert len(FILES) == 10
    for version in PLAN_VERSIONS:
        assert len({entry["fingerprint"] for entry in RECORDED[version].values()}) == 10


# ---------------------------------------------------------------- new fields


class WiderSampling(Sampling):
    top_k: int | None = None


class WiderEndpoint(Endpoint):
    sampling: WiderSampling = WiderSampling()
    headers: dict[str, str] = Field(default_factory=dict)


class WiderCriterion(Criterion):
    examples: tuple[str, ...] = ()


class WiderRubric(Rubric):
    criteria: tuple[WiderCriterion, ...] = ()
    votes: int = 1


class WiderShare(DomainShare):
    variants: tuple[str, ...] = ()


class WiderLimits(RolloutLimits):
    tokens: int | None = None


class WiderBatch(Batch):
    """What Batch may become: every model in it has one more field, and it has two."""

    domains: tuple[WiderShare, ...]
    models: dict[ModelRole, WiderEndpoint] = Field(default_factory=dict)
    rubric: WiderRubric | None = None
    limits: WiderLimits = WiderLimits()
    summaries: WiderLimits | None = None
    drafts: int = 1


BODY: dict[str, Any] = {
    "name": "b",
    "domains": [{"id": "ledger", "digest": "d"}],
    "models": {"teacher": {"model": "m", "options": {"top_k": None}}},
    "rubric": {"criteria": [{"id": "c", "question": "Good?"}]},
}


def test_a_new_field_at_its_default_changes_no_fingerprint() -> None:
    before, after = Batch.model_validate(BODY), WiderBatch.model_validate(BODY)
    assert before.fingerprint == after.fingerprint
    later = {
        **dict.fromkeys(("plan_version", "language", "panel", "rejudge"), True),
        "models": {"__all__": {"patience", "parallel_calls"}},
        "rubric": {"criteria": {"__all__": {"counts_as_yes", "example_of_no"}}},
    }
    told = ("pause_unmeasured", "early_look", "pilot_of", "expected_cost_usd")
    unhashed = dict.fromkeys(("name", "sandbox", "concurrency", "budget", *told), True)
    old = before.model_dump(mode="json", exclude=unhashed | later)
    assert before.fingerprint == digest(old), "what was hashed before plans had a version"


@pytest.mark.parametrize(
    "change",
    [
        {"drafts": 2},
        {"summaries": {}},
        {"limits": {"tokens": 100}},
        {"domains": [{"id": "ledger", "digest": "d", "variants": ["busy"]}]},
        {"models": {"teacher": {"model": "m", "options": {"top_k": None}, "sampling": {"top_k": 5}}}},
        {"models": {"teacher": {"model": "m", "options": {"top_k": None}, "headers": {"a": "b"}}}},
        {"rubric": {"criteria": [{"id": "c", "question": "Good?", "examples": ["x"]}]}},
        {"rubric": {"criteria": [{"id": "c", "question": "Good?"}], "votes": 3}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_new_field_away_from_its_default_changes_the_fingerprint(change: dict[str, Any]) -> None:
    changed = WiderBatch.model_validate({**BODY, **change})
    assert changed.fingerprint != WiderBatch.model_validate(BODY).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"trajectories": 11}, {"attempts": 2}, {"modes": {"single": 1}}, {"turns": {1: 1}}, {"personas": ["a"]},
        {"teacher": "llm"}, {"user": "llm"}, {"judges": ["state"]}, {"keep_failures": True}, {"min_reward": 0.5},
        {"seed": 1}, {"allow_unisolated_commands": True}, {"limits": {"rounds": 13}}, {"plan_version": 2},
        {"domains": [{"id": "ledger", "digest": "e"}]}, {"domains": [{"id": "ledger", "digest": "d", "weight": 2}]},
        {"models": {"teacher": {"model": "m", "options": {"top_k": 5}}}}, {"rubric": None},
    ],
    ids=str,
)  # fmt: skip
def test_what_shapes_the_content_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert Batch.model_validate({**BODY, **change}).fingerprint != Batch.model_validate(BODY).fingerprint


@pytest.mark.parametrize(
    "change", [{"name": "x"}, {"sandbox": "local"}, {"concurrency": 2}, {"budget": {"tokens": 5}}, {"plan_version": 1}]
)
def test_what_does_not_shape_the_content_does_not(change: dict[str, Any]) -> None:
    assert Batch.model_validate({**BODY, **change}).fingerprint == Batch.model_validate(BODY).fingerprint


class MoreModes(Batch):
    """What Batch may become when there is a tenth mode."""

    modes: dict[str, float] = Field(default_factory=lambda: {**dict.fromkeys(MODES, 1.0), "tenth": 1.0})


@pytest.mark.parametrize("version", PLAN_VERSIONS)
def test_a_tenth_mode_changes_neither_the_fingerprint_nor_the_weights_of_today(version: int) -> None:
    today = Batch.model_validate({**BODY, "plan_version": version})
    untouched = MoreModes.model_validate({**BODY, "plan_version": version})
    stored = MoreModes.model_validate_json(today.model_dump_json())
    assert today.fingerprint == untouched.fingerprint == stored.fingerprint
    assert dict(today.weights) == dict(untouched.weights) == dict(stored.weights) == dict.fromkeys(MODES, 1.0)
    chosen = MoreModes.model_validate({**BODY, "modes": {"tenth": 1.0}, "plan_version": version})
    assert chosen.fingerprint != today.fingerprint
    assert dict(chosen.weights) == {"tenth": 1.0}


# ---------------------------------------------------------------- plan versions


def test_a_new_batch_is_stored_with_the_newest_plan_and_a_named_one_is_kept(db: Database) -> None:
    for named, kept in ((None, PLAN_VERSIONS[-1]), (1, 1), (2, 2)):
        batch = Batch(name="b", domains=(DomainShare(id="ledger"),), plan_version=named)
        assert batches.get_batch(db, batches.create_batch(db, batch)).batch.plan_version == kept


def test_an_unknown_plan_version_is_refused_with_the_next_move(db: Database) -> None:
    told = r"plan_version: 9 is not known here, only 1 and 2\. Leave it out for the newest, or update Turnwright\."
    with pytest.raises(InputErrors, match=rf"b\.yaml line 2: {told}"):
        parse_batch(b"domains: [ledger]\nplan_version: 9", "b.yaml")
    newer = Batch(name="b", domains=(DomainShare(id="ledger"),), plan_version=9)
    with pytest.raises(InputError, match=told):
        batches.create_batch(db, newer)
    with pytest.raises(InputErrors, match=told):
        next(plan(newer, {}, PERSONAS))
    with pytest.raises(InputErrors, match="plan_version"):
        parse_batch(b"domains: [ledger]\nplan_version: 0", "b.yaml")


# ---------------------------------------------------------------- a batch paused before the upgrade


async def test_a_batch_paused_before_the_upgrade_goes_on_with_its_own_ids(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    path.write_bytes(gzip.decompress((GOLDEN / "paused.db.gz").read_bytes()))
    db = open_database(f"sqlite:///{path}")
    number = PAUSED["batch"]
    row = batches.get_batch(db, number)
    assert (row.status, row.batch.plan_version, row.batch.fingerprint) == ("paused", None, PAUSED["fingerprint"])
    assert SqlStore(db).done_ids(number) == set(PAUSED["stored"])
    before = {r.id for r in trajectories.page(db, TrajectoryFilter(batches=(number,)), limit=50)[0]}

    batches.command(db, number, "resume")
    await Worker(SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda _: None).work(once=True)

    row = batches.get_batch(db, number)
    assert row.status == "done", row.reason
    found, total = trajectories.page(db, TrajectoryFilter(batches=(number,)), limit=50)
    stored = [trajectories.get(db, r.id) for r in found]
    assert sorted(t.id for t in stored if t) == sorted(PAUSED["ids"]), "each once, and no foreign one"
    assert {t.batch_fingerprint for t in stored if t} == {PAUSED["fingerprint"]}
    assert before < {r.id for r in found}, "what was stored is the same row"
    p = row.progress
    assert (p.planned, p.kept + p.rejected + p.failed, p.running, p.waiting, total) == (30, 30, 0, 0, 30)
    assert quotas_of_batch(db, row) is not None
    db.close()


def test_what_else_the_old_database_holds_is_there(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    path.write_bytes(gzip.decompress((GOLDEN / "paused.db.gz").read_bytes()))
    db = open_database(f"sqlite:///{path}")
    assert migrations.upgrade(db.writer) is None
    assert [row.name for row in batches.list_batches(db)] == ["came in", "half way", "finished"]
    assert [r.verdict for r in reviews.reviews_of(db, PAUSED["accepted"])] == ["accept"]
    export = exports.get_export(db, PAUSED["export"])
    assert export is not None
    assert (export.status, export.rows) == ("done", 6)
    assert quotas_of_batch(db, batches.get_batch(db, PAUSED["imported"])) is None
    db.close()


def test_an_imported_batch_was_never_planned(db: Database) -> None:
    row = batches.get_batch(db, insert_imported(db, "came in", [order_trajectory(1)]))
    assert row.batch.plan_version is None
    assert quotas_of_batch(db, row) is None
