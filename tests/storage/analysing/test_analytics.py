"""Chart queries count the same as Python, and use indexes where they must be fast."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection

from engine.errors import InputError
from engine.types import STAGES, ExportOutcome, Recipe, Review, Score, Trajectory, TrajectoryFilter
from storage.analysing import analytics
from storage.database import Database
from storage.exporting import exports
from storage.reviewing import reviews, trajectories
from storage.serving.store import SqlStore
from tests.samples.models import model_call
from tests.samples.scores import rubric_score
from tests.samples.trajectories import lost_trajectory, order_trajectory
from tests.storage.stored_samples import queue_batch

EVERYTHING = TrajectoryFilter()
REWARDS = (0.0, 0.05, 0.1, 0.5, 0.5, 0.95, 1.0, None)


@pytest.fixture
def full(db: Database) -> list[Trajectory]:
    rows = [
        order_trajectory(
            i,
            reward=value,
            scores=(rubric_score(value),),
            mode=("single", "parallel")[i % 2],
            tool=("get_order", "transfer")[i % 2],
            calls=(model_call(tokens=i),) if i % 3 else (model_call(None, None),),
        )
        for i, value in enumerate(REWARDS)
    ]
    rows += [
        lost_trajectory(10, "proven", "duplicate"),
        lost_trajectory(11, "rolled_out", "timeout", "failed", culprit="infrastructure"),
        lost_trajectory(12, "state", "wrong_state", culprit="agent"),
        lost_trajectory(13, "state", "wrong_state", culprit="agent"),
        lost_trajectory(14, "judged", "low_reward", culprit="user"),
    ]
    SqlStore(db).save(queue_batch(db, 20), rows)
    return rows


def test_a_histogram_counts_each_measured_value_once(db: Database, full: list[Trajectory]) -> None:
    for value in ("reward", "rubric"):
        frame = analytics.histogram(db, TrajectoryFilter(statuses=("kept",)), value, bins=10)
        assert list(frame.columns) == ["low", "high", "count"]
        assert frame["count"].tolist() == [2, 1, 0, 0, 0, 2, 0, 0, 0, 2]
        assert (frame["low"].iloc[0], frame["high"].iloc[-1]) == (0.0, 1.0)


def test_a_histogram_under_any_filter_holds_what_the_list_holds(db: Database, full: list[Trajectory]) -> None:
    by_id = {i + 1: t for i, t in enumerate(full)}
    for chosen in (
        EVERYTHING,
        TrajectoryFilter(modes=("single",)),
        TrajectoryFilter(modes=("single", "parallel"), statuses=("kept",)),
        TrajectoryFilter(text="order", min_reward=0.2),
        TrajectoryFilter(batches=(99,)),
    ):
        rows, _ = trajectories.page(db, chosen, limit=100)
        rubric = [by_id[r.id].scores[0].value for r in rows if by_id[r.id].scores[0].name == "rubric"]
        for value in ("reward", "rubric", "turns", "tokens", "tool_calls", "cost_usd"):
            known = rubric if value == "rubric" else [getattr(r, value) for r in rows]
            frame = analytics.histogram(db, chosen, value, bins=7)
            assert frame["count"].sum() == len([v for v in known if v is not None]), (chosen, value)


def test_bins_are_bounded(db: Database) -> None:
    with pytest.raises(InputError, match="1 to 200"):
        analytics.histogram(db, EVERYTHING, bins=100_000)
    assert analytics.histogram(db, EVERYTHING, "tokens").empty
    assert analytics.histogram(db, EVERYTHING, "no such score")["count"].sum() == 0


def test_a_breakdown_adds_up(db: Database, full: list[Trajectory]) -> None:
    for by in ("domain", "mode", "persona", "model", "teacher", "outcome", "culprit", "reason", "template"):
        frame = analytics.breakdown(db, EVERYTHING, by)
        assert list(frame.columns) == [
            "value",
            "total",
            "kept",
            "rejected",
            "failed",
            "unmeasured",
            "success",
            "mean_reward",
        ]
        assert frame["total"].sum() == len(full)
        assert (frame["total"] == frame["kept"] + frame["rejected"] + frame["failed"] + frame["unmeasured"]).all()
        wanted = Counter(t.teacher if by == "model" else getattr(t, by) for t in full)
        assert {None if pd.isna(v) else v: n for v, n in zip(frame["value"], frame["total"], strict=True)} == wanted


def test_a_breakdown_by_tool_and_its_mean(db: Database, full: list[Trajectory]) -> None:
    frame = analytics.breakdown(db, TrajectoryFilter(statuses=("kept",)), "tool").set_index("value")
    assert frame["total"].to_dict() == {"get_order": 4, "transfer": 4}
    assert frame.loc["get_order", "mean_reward"] == pytest.approx((0.0 + 0.1 + 0.5 + 1.0) / 4)
    assert frame.loc["transfer", "mean_reward"] == pytest.approx((0.05 + 0.5 + 0.95) / 3), "None counts in no mean"
    with pytest.raises(InputError, match="domain"):
        analytics.breakdown(db, EVERYTHING, "title; --")


def test_outcomes_and_scores(db: Database, full: list[Trajectory]) -> None:
    frame = analytics.outcomes(db, EVERYTHING)
    assert frame["count"].sum() == len(full)
    assert frame[frame["culprit"] == "agent"]["count"].tolist() == [2]
    summary = analytics.score_summary(db, TrajectoryFilter(statuses=("kept",)))
    assert summary.iloc[0]["name"] == "rubric"
    assert (summary.iloc[0]["count"], summary.iloc[0]["unmeasured"]) == (8, 1)
    assert summary.iloc[0]["mean"] == pytest.approx(sum(v for v in REWARDS if v) / 7)
    assert analytics.score_names(db, EVERYTHING) == ["rubric", "state"]


def test_usage_says_what_is_not_known(db: Database, full: list[Trajectory]) -> None:
    row = analytics.usage(db, EVERYTHING).iloc[0]
    assert (row["batch"], row["model"], row["trajectories"]) == ("batch", "reference", len(full))
    assert row["unpriced"] == 3
    assert row["cost_usd"] == pytest.approx(0.5 * 5)
    assert row["tokens"] == 2 * (1 + 2 + 4 + 5 + 7)


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    assert frame["stage"].tolist() == [
        "planned", "proven", "rolled_out", "rules", "state", "judged", "reviewed", "accepted", "exported",
    ]  # fmt: skip
    for before, now in zip(frame.itertuples(), frame.iloc[1:].itertuples(), strict=False):
        if now.stage == "exported":  # what is exported needs no human who accepts it
            before = next(row for row in frame.itertuples() if row.stage == "reviewed")
        assert now.count == before.count - now.lost + now.gained  # type: ignore[operator]
        assert sum(json.loads(now.reasons).values()) == now.lost
    return frame.set_index("stage")


def test_the_funnel_is_exact(db: Database, full: list[Trajectory]) -> None:
    frame = _checked(analytics.funnel(db, EVERYTHING))
    assert frame["count"].tolist() == [20, 12, 11, 11, 9, 8, 8, 0, 0]
    assert json.loads(frame.loc["proven", "reasons"]) == {"not_finished": 7, "duplicate": 1}
    assert json.loads(frame.loc["state", "reasons"]) == {"wrong_state": 2}
    assert json.loads(frame.loc["accepted", "reasons"]) == {"not_reviewed": 8}


def test_people_move_the_funnel(db: Database, full: list[Trajectory]) -> None:
    reviews.save_review(db, Review(trajectory=1, verdict="accept"))
    reviews.save_review(db, Review(trajectory=2, verdict="fix"))
    reviews.save_review(db, Review(trajectory=3, verdict="reject"))
    reviews.save_review(db, Review(trajectory=12, verdict="accept"))
    export = exports.create_export(db, Recipe())
    exports.mark_exported(db, export, [1, 4])
    frame = _checked(analytics.funnel(db, EVERYTHING))
    assert frame.loc["reviewed", ["count", "lost", "gained"]].tolist() == [7, 2, 1]
    assert json.loads(frame.loc["reviewed", "reasons"]) == {"awaits_correction": 1, "rejected_by_human": 1}
    assert frame.loc["accepted", ["count", "lost", "gained"]].tolist() == [2, 5, 0]
    assert json.loads(frame.loc["accepted", "reasons"]) == {"not_reviewed": 5}
    assert frame.loc["exported", ["count", "lost", "gained"]].tolist() == [2, 5, 0]


def test_what_is_exported_is_no_part_of_what_was_accepted_but_of_what_is_fit(
    db: Database, full: list[Trajectory]
) -> None:
    """Judges kept the first eight; nobody accepted the four that are exported of them, and two others left rejected."""
    reviews.save_review(db, Review(trajectory=1, verdict="accept"))
    reviews.save_review(db, Review(trajectory=2, verdict="reject"))
    exports.mark_exported(db, exports.create_export(db, Recipe()), [2, 3, 4, 5, 6, 9])
    frame = _checked(analytics.funnel(db, EVERYTHING))
    assert frame.loc["accepted", "count"] == 1
    assert frame.loc["exported", ["count", "lost", "gained"]].tolist() == [6, 3, 2]
    assert frame.loc["exported", "count"] - frame.loc["exported", "gained"] <= frame.loc["reviewed", "count"]


@pytest.mark.parametrize(
    "chosen", [TrajectoryFilter(batches=(1,)), TrajectoryFilter(modes=("single",)), TrajectoryFilter(text="nothing")]
)
def test_a_filtered_funnel_adds_up_too(db: Database, full: list[Trajectory], chosen: TrajectoryFilter) -> None:
    frame = _checked(analytics.funnel(db, chosen))
    unfinished = 7 if chosen.batches else 0
    assert frame.loc["planned", "count"] == trajectories.count(db, chosen) + unfinished


def test_the_overview_counts(db: Database, full: list[Trajectory]) -> None:
    reviews.save_review(db, Review(trajectory=1, verdict="accept"))
    found = analytics.overview(db)
    assert (found.domains, found.personas, found.batches, found.queued) == (1, 1, 1, 1)
    assert (found.trajectories, found.kept, found.rejected, found.failed, found.reviewed) == (13, 8, 4, 1, 1)
    assert found.cost_usd == pytest.approx(2.5)


def test_an_empty_database_gives_empty_charts(db: Database) -> None:
    assert analytics.overview(db).trajectories == 0
    assert analytics.breakdown(db, EVERYTHING, "mode").empty
    assert analytics.score_summary(db, EVERYTHING).empty
    assert _checked(analytics.funnel(db, EVERYTHING))["count"].sum() == 0


COVERED = [
    ("reward", EVERYTHING),
    ("rubric", EVERYTHING),
    ("turns", EVERYTHING),
    ("tokens", EVERYTHING),
    ("cost_usd", EVERYTHING),
    ("reward", TrajectoryFilter(batches=(1,))),
    ("reward", TrajectoryFilter(domains=("ledger",))),
    ("reward", TrajectoryFilter(modes=("single",))),
    ("reward", TrajectoryFilter(statuses=("kept",))),
    ("reward", TrajectoryFilter(outcomes=("success",))),
    ("reward", TrajectoryFilter(personas=("ada",))),
    ("reward", TrajectoryFilter(models=("reference",))),
]


def _plans(db: Database, ask: object) -> list[str]:
    """Return SQLite's plan of every SELECT that a call sends."""
    asked: list[tuple[str, object]] = []

    def note(_c: Connection, _k: object, statement: str, parameters: object, *_: object) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    event.listen(db.reader, "before_cursor_execute", note)
    try:
        ask()  # type: ignore[operator]
    finally:
        event.remove(db.reader, "before_cursor_execute", note)
    with db.reader.connect() as connection:
        return [
            row[3]
            for s, p in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p)  # type: ignore[arg-type]
        ]


@pytest.mark.parametrize(("value", "chosen"), COVERED)
def test_simple_histograms_come_from_covering_indexes(
    sqlite_db: Database, value: str, chosen: TrajectoryFilter
) -> None:
    SqlStore(sqlite_db).save(queue_batch(sqlite_db), [order_trajectory(1, calls=(model_call(),))])
    plans = _plans(sqlite_db, lambda: analytics.histogram(sqlite_db, chosen, value))
    touching = [p for p in plans if "trajectory" in p or " score" in p]
    assert touching
    assert all("COVERING INDEX" in p for p in touching), touching
    assert not any("TEMP B-TREE" in p for p in plans)


@pytest.mark.parametrize("sort", ["newest", "oldest", "reward_low", "reward_high", "turns", "tokens", "cost"])
def test_pages_are_cut_before_rows_are_read(sqlite_db: Database, sort: str) -> None:
    SqlStore(sqlite_db).save(queue_batch(sqlite_db), [order_trajectory(i) for i in range(3)])
    plans = _plans(sqlite_db, lambda: trajectories.page(sqlite_db, EVERYTHING, sort=sort, limit=1, offset=1))
    assert any("COVERING INDEX" in p for p in plans) or sort in ("newest", "oldest"), plans
    assert not any(p.startswith("SCAN trajectory_body") for p in plans)


def test_edges_of_bins_may_be_given(db: Database, full: list[Trajectory]) -> None:
    low, high = analytics.extent(db, EVERYTHING, "tokens") or (0, 0)
    edges = [low, low + 4, high + 1]
    frame = analytics.histogram(db, EVERYTHING, "tokens", edges=edges)
    assert [*frame["low"], frame["high"].iloc[-1]] == edges
    rows, _ = trajectories.page(db, EVERYTHING, limit=100)
    known = [r.tokens for r in rows if r.tokens is not None]
    assert frame["count"].tolist() == [sum(n < edges[1] for n in known), sum(n >= edges[1] for n in known)]
    inside = TrajectoryFilter(min_tokens=int(low), max_tokens=int(low) + 3)
    assert trajectories.count(db, inside) == frame["count"].iloc[0] > 0
    assert analytics.extent(db, TrajectoryFilter(batches=(99,)), "tokens") is None
    assert analytics.extent(db, EVERYTHING, "reward") == (0.0, 1.0)


def test_stages_templates_and_bounds_narrow_a_list(db: Database, full: list[Trajectory]) -> None:
    assert trajectories.count(db, TrajectoryFilter(stages=("state",))) == 2
    assert trajectories.count(db, TrajectoryFilter(stages=("state", "judged"), reasons=("low_reward",))) == 1
    for value, total in analytics.breakdown(db, EVERYTHING, "template")[["value", "total"]].itertuples(index=False):
        assert trajectories.count(db, TrajectoryFilter(templates=(value,))) == total
    rows, _ = trajectories.page(db, EVERYTHING, limit=100)
    for name in ("tool_calls", "cost_usd"):
        known = [getattr(r, name) for r in rows if getattr(r, name) is not None]
        least = TrajectoryFilter.model_validate({f"min_{name}": min(known), f"max_{name}": min(known)})
        assert trajectories.count(db, least) == known.count(min(known)) > 0


def test_a_mean_counts_what_was_measured(db: Database, full: list[Trajectory]) -> None:
    kept = TrajectoryFilter(statuses=("kept",))
    for value in ("reward", "rubric"):
        found, measured = analytics.mean(db, kept, value)
        assert (found, measured) == (pytest.approx(sum(v for v in REWARDS if v) / 7), 7)
    assert analytics.mean(db, TrajectoryFilter(batches=(99,)), "tokens") == (None, 0)


def test_the_judge_of_a_score_is_known(db: Database, full: list[Trajectory]) -> None:
    assert analytics.score_judges(db, ["rubric", "unknown"]) == {"rubric": ("rubric", "model")}


def test_what_came_through_each_stage_is_what_the_funnel_counts(db: Database, full: list[Trajectory]) -> None:
    odd = order_trajectory(21, status="rejected", stage=None, reason=None, mode=None)
    SqlStore(db).save(queue_batch(db, 4), [lost_trajectory(20, "planned", "duplicate"), odd])
    reviews.save_review(db, Review(trajectory=1, verdict="accept", tags=("rude",), rating=2))
    reviews.save_review(db, Review(trajectory=2, turn=1, tags=("rude", "slow"), rating=4))
    exports.mark_exported(db, exports.create_export(db, Recipe()), [1, 4])
    frame = analytics.funnel(db, TrajectoryFilter(min_turns=0)).set_index("stage")
    for stage in STAGES:
        assert trajectories.count(db, TrajectoryFilter(reached=stage)) == frame.loc[stage, "count"], stage
        for reason, n in json.loads(frame.loc[stage, "reasons"]).items():
            assert trajectories.count(db, TrajectoryFilter(stages=(stage,), reasons=(reason,))) == n, (stage, reason)
    assert json.loads(frame.loc["judged", "reasons"]) == {"low_reward": 1, "none": 1}
    for chosen, expected in (
        (TrajectoryFilter(exported=True), 2),
        (TrajectoryFilter(exported=False), 13),
        (TrajectoryFilter(modes=("none",)), 1),
        (TrajectoryFilter(modes=("none", "single")), 11),
        (TrajectoryFilter(culprits=("none", "user")), 12),
        (TrajectoryFilter(domains=("none",)), 0),
        (TrajectoryFilter(tags=("rude",)), 2),
        (TrajectoryFilter(tags=("slow", "other")), 1),
        (TrajectoryFilter(max_rating=2), 1),
        (TrajectoryFilter(min_rating=2.5, tags=("rude",)), 1),
    ):
        assert trajectories.count(db, chosen) == expected, chosen
    tags = analytics.breakdown(db, EVERYTHING, "tag")
    assert tags[["value", "total"]].to_dict("list") == {"value": ["rude", "slow"], "total": [2, 1]}


def test_every_change_of_a_verdict_or_an_export_is_fresh(db: Database, full: list[Trajectory]) -> None:
    seen = [analytics.freshness(db)]

    def fresh() -> bool:
        seen.append(analytics.freshness(db))
        return seen[-1] not in seen[:-1]

    for verdict in ("accept", "reject", "accept"):
        reviews.save_review(db, Review(trajectory=1, verdict=verdict))  # type: ignore[arg-type]
        assert fresh()
    reviews.undo(db, "me")
    assert fresh()
    assert not fresh(), "nothing changed"
    number = exports.create_export(db, Recipe())
    exports.finish_export(db, number, ExportOutcome(None, 0, "", 0, {}))
    assert fresh()
    SqlStore(db).save(1, [order_trajectory(90)])
    assert fresh()


def test_the_versions_of_judges_follow_the_batches_of_the_filter(db: Database, full: list[Trajectory]) -> None:
    assert analytics.score_versions(db, EVERYTHING) == {("rubric", "rubric"): ["1"], ("state", "state"): ["1"]}
    newer = Score(name="rubric", value=1.0, reason="", source="rubric", method="model", version="default/2/0badcafe")
    second = queue_batch(db, 3)
    SqlStore(db).save(second, [order_trajectory(0, id="other", scores=(newer,))])
    assert analytics.score_versions(db, EVERYTHING)["rubric", "rubric"] == ["1", "default/2/0badcafe"]
    newest = analytics.score_versions(db, TrajectoryFilter(batches=(second,)))
    assert newest == {("rubric", "rubric"): ["default/2/0badcafe"]}
    assert analytics.score_versions(db, TrajectoryFilter(text="no such word")) == {}
    assert "score_versions" not in trajectories.facets(db), "no filter asks for them"
