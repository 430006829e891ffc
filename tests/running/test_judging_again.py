"""Whole batches of twelve are judged again over HTTP: what is found, what changes once it counts, and the way back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from engine.errors import InputError
from engine.importing.read import importer_of, read
from engine.importing.report import Report
from engine.serving.choice import SandboxChoice
from engine.serving.worker import Worker
from engine.types import Budget, Endpoint, Recipe, TrajectoryFilter
from storage import tables
from storage.analysing import analytics
from storage.analysing.funnel import funnel
from storage.exporting.recipes import count_admitted
from storage.generating import batches, judgings
from storage.generating.budgets import set_budget
from storage.intake import imports
from storage.reviewing import trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.exporting.export_steps import exported
from tests.llms import spellings
from tests.llms.misbehaving import Double, SilentJudge
from tests.llms.spellings import reshaped
from tests.running.test_misbehaving_models import (
    HOST,
    JUDGES,
    SIZE,
    Order,
    Runs,
    db,
    drawn,
    once_and_always,
    runs,
    wide,
)
from tests.samples.batches import batch_of

__all__ = ["db", "runs", "wide"]

NO_TO_ALL = [reshaped(lambda found: dict.fromkeys(found, "no"))]
ENDPOINT = Endpoint(model="m2", llm="openai_compatible", api_base=f"http://{HOST}/v1", attempts=1, timeout=20)


async def judged_again(
    runs: Runs, source: int | None, *, made: Callable[..., Double] = Double, judged: Any = (), **changes: Any
) -> tuple[batches.BatchRow, Double]:
    """Judge the trajectories of a batch again, by the rubric if nothing else is said; return the batch that did."""
    values: dict[str, Any] = {"judges": ["rubric"], "models": {"judge": ENDPOINT}, "concurrency": 2}
    chosen = TrajectoryFilter(batches=() if source is None else (source,))
    number = judgings.create_judging(runs.db, batch_of("stored", **values | changes, rejudge=chosen))
    return await work_on(runs, number, made([], [], {}, judged, 1_000))


async def work_on(runs: Runs, number: int, double: Double) -> tuple[batches.BatchRow, Double]:
    async with runs._served(double):
        worker = Worker(SqlStore(runs.db), SqlLibrary(runs.db), SandboxChoice("local"), say=lambda _: None, only=number)
        await worker.work(once=True)
    row = batches.get_batch(runs.db, number)
    p = row.progress
    assert p.planned == p.kept + p.rejected + p.failed + p.unmeasured + p.running + p.waiting
    return row, double


def statuses(runs: Runs, number: int) -> dict[str, int]:
    """Return how the trajectories of a batch count by their rows, which must be how its counters count them."""
    p = batches.get_batch(runs.db, number).progress
    by_rows = {
        status: trajectories.count(runs.db, TrajectoryFilter(batches=(number,), statuses=(status,)))
        for status in ("kept", "rejected", "failed", "unmeasured")
    }
    assert by_rows == {"kept": p.kept, "rejected": p.rejected, "failed": p.failed, "unmeasured": p.unmeasured}
    return {status: count for status, count in by_rows.items() if count}


def bodies(runs: Runs, number: int) -> list[bytes]:
    return [body for _, body, _ in trajectories.stream(runs.db, TrajectoryFilter(batches=(number,)))]


async def test_what_a_dead_judge_left_unmeasured_is_judged_again_and_can_be_undone(runs: Runs) -> None:
    played = await runs({}, made=SilentJudge, judges=JUDGES, pause_unmeasured=0)
    source, before, fresh = played.batch.id, bodies(runs, played.batch.id), analytics.freshness(runs.db)
    again, double = await judged_again(runs, source)
    assert (again.status, again.reason, again.progress.kept) == ("done", "", SIZE)
    assert double.verdicts == [1] * SIZE
    assert (again.tokens, again.rejudges) == (SIZE * 13, True)
    assert judgings.standing(runs.db, again.id) == judgings.Standing(SIZE, 0, {("unmeasured", "kept"): SIZE})
    assert (bodies(runs, source), statuses(runs, source)) == (before, {"unmeasured": SIZE})
    assert count_admitted(runs.db, Recipe()) == 0

    assert judgings.use(runs.db, again.id) == SIZE
    assert statuses(runs, source) == {"kept": SIZE}
    rows = [row for row in trajectories.page(runs.db, TrajectoryFilter(batches=(source,)))[0]]
    assert {(row.outcome, row.reward, row.stage, row.reason, row.culprit) for row in rows} == {
        ("success", 1.0, None, None, None)
    }
    summary = analytics.score_summary(runs.db, TrajectoryFilter(batches=(source,))).set_index("name")
    assert (summary.loc["rubric", "mean"], summary.loc["rubric", "unmeasured"]) == (1.0, 0)
    assert count_admitted(runs.db, Recipe()) == SIZE
    assert analytics.freshness(runs.db) != fresh
    with pytest.raises(InputError, match="no result that does not count yet"):
        judgings.use(runs.db, again.id)
    with pytest.raises(InputError, match="Undo that first"):
        batches.delete_batch(runs.db, again.id)

    assert judgings.undo(runs.db, again.id) == SIZE
    assert (bodies(runs, source), statuses(runs, source)) == (before, {"unmeasured": SIZE})
    with pytest.raises(InputError, match="nothing to undo"):
        judgings.undo(runs.db, again.id)
    batches.delete_batch(runs.db, again.id)
    assert bodies(runs, source) == before


async def test_flips_lead_to_the_trajectories_and_the_latest_choice_is_undone_first(runs: Runs) -> None:
    source = (await runs({})).batch.id
    before = bodies(runs, source)
    strict, _ = await judged_again(runs, source, judged=NO_TO_ALL)
    found = judgings.flips(runs.db, strict.id)
    assert [(one.before, one.after, one.used) for one in found] == [("kept", "rejected", False)] * SIZE
    assert [one.trajectory for one in found] == sorted(row.id for row in batches.latest(runs.db, source, SIZE))
    kind, double = await judged_again(runs, source)
    assert (judgings.standing(runs.db, kind.id).flips, double.verdicts) == ({}, [1] * SIZE)
    judgings.use(runs.db, strict.id)
    assert statuses(runs, source) == {"rejected": SIZE}
    assert batches.losses(runs.db, source) == [("judged", "low_rubric", SIZE)]
    judgings.use(runs.db, kind.id)
    assert statuses(runs, source) == {"kept": SIZE}
    number = found[0].trajectory
    assert [(batch, used, one.status) for batch, _, one, used in judgings.judgements(runs.db, number)] == [
        (kind.id, True, "kept"),
        (strict.id, True, "rejected"),
    ]
    with pytest.raises(InputError, match="Undo that one first"):
        judgings.undo(runs.db, strict.id)
    judgings.undo(runs.db, kind.id)
    judgings.undo(runs.db, strict.id)
    assert bodies(runs, source) == before


async def test_rules_state_and_facts_find_the_same_from_what_was_stored(runs: Runs) -> None:
    """Six answers hold an amount that nobody gave; no model is asked, and nothing flips."""
    orders = {i: Order(one) for i, one in enumerate(drawn(spellings.INVENTED, 31, 6))}
    source = (await runs(orders)).batch.id
    again, double = await judged_again(runs, source, judges=["rules", "state", "facts"])
    assert (again.progress.kept, again.progress.rejected, double.requests) == (6, 6, [])
    assert judgings.standing(runs.db, again.id).flips == {}
    before = [json.loads(body) for body in bodies(runs, source)]
    judgings.use(runs.db, again.id)
    after = [json.loads(body) for body in bodies(runs, source)]
    assert [sorted(one) for one in after] == [sorted(one) for one in before]
    names = ("scores", "reward", "outcome", "culprit", "status", "stage", "reason", "detail", "calls", "turns")
    assert [[one[name] for name in names] for one in after] == [[one[name] for name in names] for one in before]


async def test_a_budget_pauses_it_and_nothing_is_judged_twice(runs: Runs) -> None:
    source = (await runs({})).batch.id
    again, first = await judged_again(runs, source, budget=Budget(tokens=50), concurrency=1)
    assert again.status == "paused"
    assert "budget of 50 is reached" in again.reason
    assert (again.progress.finished, sum(first.verdicts)) == (4, 4)
    set_budget(runs.db, again.id, Budget(), before=Budget(tokens=50))
    batches.command(runs.db, again.id, "resume")
    again, second = await work_on(runs, again.id, Double([], [], {}, (), 0))
    assert (again.status, again.progress.kept, sum(second.verdicts)) == ("done", SIZE, SIZE - 4)
    assert again.tokens == SIZE * 13


async def test_a_dead_judge_pauses_it_too_and_nothing_is_changed(runs: Runs) -> None:
    source = (await runs({})).batch.id
    again, _ = await judged_again(runs, source, made=SilentJudge, concurrency=1)
    assert (again.status, again.progress.unmeasured) == ("paused", 5)
    assert again.reason.startswith("5 trajectories in a row could not be measured")
    assert statuses(runs, source) == {"kept": SIZE}


async def test_a_panel_votes_and_says_how_far_it_agrees(runs: Runs) -> None:
    """Each model is asked three times; of the six answers on each record two say no to two of the criteria."""
    source = (await runs({})).batch.id
    torn = reshaped(lambda found: {name: "no" if name in ("clear", "recovered") else "yes" for name in found})
    plain = reshaped(lambda found: dict.fromkeys(found, "yes"))

    class Votes(Double):
        def _verdicts(self, body: Mapping[str, Any]) -> dict[str, Any]:
            right = super()._verdicts(body)
            number = self._records[body["messages"][0]["content"]]
            return torn(right) if number in (2, 5) else plain(right)

    judges = [{"rubric": {"times": 3}}]
    again, double = await judged_again(runs, source, made=Votes, judges=judges, panel=(ENDPOINT,))
    assert (again.status, again.progress.kept, double.verdicts) == ("done", SIZE, [6] * SIZE)
    agreed = judgings.panel_agreement(runs.db, again.id)
    assert list(agreed)[:2] == ["rubric.clear", "rubric.recovered"]
    assert agreed["rubric.clear"] == (pytest.approx(4 / 6, abs=1e-5), SIZE)
    assert agreed["rubric.goal_met"] == (1.0, SIZE)
    (_, _, found, _), *_ = judgings.judgements(runs.db, judgings_of(runs, again.id)[0])
    score = next(one for one in found.scores if one.name == "rubric.clear")
    assert (score.value, score.model, score.reason.startswith("4 of 6 say yes.")) == (1.0, "m2", True)


async def test_a_split_panel_measures_nothing(runs: Runs) -> None:
    source = (await runs({})).batch.id

    class Split(Double):
        def _verdicts(self, body: Mapping[str, Any]) -> dict[str, Any]:
            right = super()._verdicts(body)
            first = self._records[body["messages"][0]["content"]] == 1
            return right if first else NO_TO_ALL[0](right)

    again, _ = await judged_again(runs, source, made=Split, panel=(ENDPOINT,), pause_unmeasured=0)
    assert (again.status, again.progress.unmeasured) == ("done", SIZE)
    (_, _, found, _), *_ = judgings.judgements(runs.db, judgings_of(runs, again.id)[0])
    assert "The panel is split: 1 yes, 1 no" in found.detail


@pytest.mark.parametrize(("questions", "number"), [("dimensions", 9), ("request", 10), ("response", 6)])
async def test_sets_of_questions_say_what_counts_as_yes(runs: Runs, questions: str, number: int) -> None:
    source = (await runs({})).batch.id
    again, double = await judged_again(runs, source, judges=[{"rubric": {"questions": questions}}])
    assert (again.status, again.progress.kept) == ("done", SIZE)
    (_, _, found, _), *_ = judgings.judgements(runs.db, judgings_of(runs, again.id)[0])
    asked = [one for one in found.scores if one.source == "rubric" and one.name != "rubric"]
    assert (len(asked), {one.version.split("/")[0] for one in asked}) == (number, {questions})
    prompt = double.requests[0]["messages"][0]["content"]
    assert (prompt.count("Yes means: "), prompt.count("A no, for example: ")) == (number, number)


def judgings_of(runs: Runs, number: int) -> list[int]:
    """Return the trajectories that a batch judged again."""
    j = tables.judgement.c
    with runs.db.read() as session:
        return list(session.execute(select(j.trajectory_id).where(j.batch_id == number)).scalars())


async def test_imported_trajectories_are_judged_by_the_rubric(runs: Runs, tmp_path: Path) -> None:
    rows, _ = exported("chat_jsonl", (await runs({})).rows)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    file = tmp_path / "theirs.jsonl"
    file.write_text(lines)
    with file.open("rb") as source:
        given = read(importer_of("chat_jsonl", {}), source, file.name, Report())
        number = imports.insert(runs.db, "theirs", given).batch
    again, _ = await judged_again(runs, number, judged=NO_TO_ALL)
    assert (again.status, again.progress.rejected) == ("done", SIZE)
    judgings.use(runs.db, again.id)
    assert statuses(runs, number) == {"rejected": SIZE}
    frame = funnel(runs.db, TrajectoryFilter(batches=(number,))).set_index("stage")
    assert (frame.loc["judged", "lost"], frame.loc["judged", "reasons"]) == (SIZE, '{"low_rubric": 12}')


async def test_what_is_deleted_meanwhile_is_no_longer_planned(runs: Runs) -> None:
    one, other = (await runs({})).batch.id, (await runs({}, seed=1)).batch.id
    chosen = TrajectoryFilter(batches=(one, other))
    values: dict[str, Any] = {"judges": ["rubric"], "models": {"judge": ENDPOINT}}
    number = judgings.create_judging(runs.db, batch_of("stored", **values, rejudge=chosen))
    assert batches.get_batch(runs.db, number).progress.waiting == 2 * SIZE
    batches.delete_batch(runs.db, one)
    again, _ = await work_on(runs, number, Double([], [], {}, (), 0))
    assert (again.status, again.progress.planned, again.progress.kept) == ("done", SIZE, SIZE)
    assert analytics.overview(runs.db).kept == SIZE, "what was only judged again is no trajectory more"


async def test_what_never_came_to_a_judge_is_left_out(runs: Runs) -> None:
    unclean = once_and_always(spellings.WRONG["leaked_thinking"], seed=32)
    source = (await runs(unclean)).batch.id
    assert judgings.count_judgeable(runs.db, TrajectoryFilter(batches=(source,))) == 6
    with pytest.raises(InputError, match="no trajectory that a judge can be asked about"):
        await judged_again(runs, 99)
    again, _ = await judged_again(runs, source)
    assert Counter(one.after for one in judgings.flips(runs.db, again.id)) == Counter()
    assert again.progress.kept == 6
