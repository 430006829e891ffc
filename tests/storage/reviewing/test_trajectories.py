"""Lists, neighbours and streams; every filter is checked against the same question asked in Python."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from engine.errors import InputError
from engine.types import MODES, Review, Score, ToolCall, Trajectory, TrajectoryFilter, Turn
from storage import filters
from storage.database import Database
from storage.generating import batches
from storage.reviewing import reviews, trajectories
from storage.serving.store import SqlStore
from tests.samples.models import model_call
from tests.samples.scores import rubric_score
from tests.samples.trajectories import order_trajectory
from tests.storage.stored_samples import insert_imported, queue_batch

COUNT = 120


def _some(index: int) -> Trajectory:
    source = random.Random(index)
    lost = source.random() < 0.3
    turns = order_trajectory(index, tool=source.choice(("get_order", "transfer"))).turns
    scored = rubric_score(source.randrange(11) / 10)
    return order_trajectory(
        index,
        domain=source.choice(("ledger", "shop")),
        mode=source.choice(MODES[:3]),
        persona=source.choice(("ada", "bob")),
        teacher=source.choice(("reference", "llm")),
        models=source.choice(({}, {"teacher": "m-1"}, {"teacher": "m-2"})),
        status="rejected" if lost else "kept",
        stage="state" if lost else None,
        reason=source.choice(("wrong_state", "other")) if lost else None,
        outcome="failure" if lost else source.choice(("success", "unmeasured")),
        culprit=source.choice(("agent", "user")) if lost else None,
        reward=source.choice((None, 0.0, 0.5, 0.5, 1.0)),
        scores=(scored,) if source.random() < 0.8 else (),
        turns=turns * source.randint(1, 3),
        calls=source.choice(((), (model_call(),), (model_call(cost=None),))),
    )


@pytest.fixture
def full(db: Database) -> dict[int, Trajectory]:
    """{id: trajectory}: 120 of them in two batches, every seventh reviewed."""
    stored = {i + 1: _some(i) for i in range(COUNT)}
    for half in (list(stored.values())[: COUNT // 2], list(stored.values())[COUNT // 2 :]):
        SqlStore(db).save(queue_batch(db, 100), half)
    for number in range(1, COUNT + 1, 7):
        verdict = ("accept", "reject", "fix")[number % 3]
        reviews.save_review(db, Review(trajectory=number, verdict=verdict))
    return stored


def _ids(db: Database, chosen: TrajectoryFilter, sort: str = "newest") -> list[int]:
    rows, total = trajectories.page(db, chosen, sort=sort, limit=1_000)
    assert total == len(rows) == trajectories.count(db, chosen)
    return [r.id for r in rows]


def _score(t: Trajectory) -> float | None:
    return t.scores[0].value if t.scores else None


QUESTIONS: list[tuple[TrajectoryFilter, Callable[[Trajectory], bool]]] = [
    (TrajectoryFilter(), lambda t: True),
    (TrajectoryFilter(batches=(2,)), lambda t: t.index >= COUNT // 2),
    (TrajectoryFilter(domains=("shop",)), lambda t: t.domain == "shop"),
    (TrajectoryFilter(modes=("single", "multiple")), lambda t: t.mode in ("single", "multiple")),
    (TrajectoryFilter(personas=("bob",)), lambda t: t.persona == "bob"),
    (TrajectoryFilter(teachers=("llm",)), lambda t: t.teacher == "llm"),
    (TrajectoryFilter(models=("m-1", "reference")),
     lambda t: t.models.get("teacher", t.teacher) in ("m-1", "reference")),
    (TrajectoryFilter(statuses=("kept",)), lambda t: t.status == "kept"),
    (TrajectoryFilter(outcomes=("unmeasured",)), lambda t: t.outcome == "unmeasured"),
    (TrajectoryFilter(culprits=("agent",)), lambda t: t.culprit == "agent"),
    (TrajectoryFilter(reasons=("wrong_state",)), lambda t: t.reason == "wrong_state"),
    (TrajectoryFilter(tools=("transfer",)), lambda t: t.turns[2].tool_calls[0].name == "transfer"),
    (TrajectoryFilter(min_reward=0.5), lambda t: t.reward is not None and t.reward >= 0.5),
    (TrajectoryFilter(max_reward=0.5), lambda t: t.reward is not None and t.reward <= 0.5),
    (TrajectoryFilter(score="rubric"), lambda t: _score(t) is not None),
    (TrajectoryFilter(score="rubric", score_min=0.3, score_max=0.6), lambda t: 0.3 <= (_score(t) or -1) <= 0.6),
    (TrajectoryFilter(min_turns=10), lambda t: len(t.turns) >= 10),
    (TrajectoryFilter(max_turns=5), lambda t: len(t.turns) <= 5),
    (TrajectoryFilter(domains=("shop",), statuses=("kept",), min_reward=1.0),
     lambda t: t.domain == "shop" and t.status == "kept" and t.reward == 1.0),
    (TrajectoryFilter(domains=("'; DROP TABLE trajectory; --",)), lambda t: False),
]  # fmt: skip


def test_every_filter_answers_as_python_would(db: Database, full: dict[int, Trajectory]) -> None:
    for chosen, holds in QUESTIONS:
        wanted = {number for number, t in full.items() if holds(t)}
        assert set(_ids(db, chosen)) == wanted, chosen


@pytest.mark.parametrize(
    ("verdicts", "rests"),
    [(("none",), (0,)), (("accept",), (1,)), (("accept", "none"), (0, 1)), (("fix", "reject"), (2, 3))],
)
def test_verdicts_are_filtered(
    db: Database, full: dict[int, Trajectory], verdicts: tuple[str, ...], rests: tuple[int, ...]
) -> None:
    given = {
        n: (1 + ("accept", "reject", "fix").index(("accept", "reject", "fix")[n % 3])) if n % 7 == 1 else 0
        for n in full
    }
    assert set(_ids(db, TrajectoryFilter(verdicts=verdicts))) == {n for n, rest in given.items() if rest in rests}  # type: ignore[arg-type]


@pytest.mark.parametrize("sort", list(filters.SORTS))
def test_pages_follow_the_order_and_hold_each_row_once(db: Database, full: dict[int, Trajectory], sort: str) -> None:
    whole = _ids(db, TrajectoryFilter(), sort)
    pages = [trajectories.page(db, TrajectoryFilter(), sort=sort, limit=25, offset=o)[0] for o in range(0, COUNT, 25)]
    assert [r.id for p in pages for r in p] == whole
    assert sorted(whole) == sorted(full)
    order = filters.sort_named(sort)
    field = {"id": "id", "cost_usd": "cost_usd"}.get(order.column.name, order.column.name)
    values = [getattr(r, field) for p in pages for r in p]
    known = [v for v in values if v is not None]
    assert known == sorted(known, reverse=order.descending)
    assert values == known + [None] * (len(values) - len(known)), "what has no value comes last"


@pytest.mark.parametrize("sort", list(filters.SORTS))
def test_neighbours_walk_the_same_list(db: Database, full: dict[int, Trajectory], sort: str) -> None:
    chosen = TrajectoryFilter(domains=("shop",))
    whole = _ids(db, chosen, sort)
    for position, number in enumerate(whole):
        found = trajectories.neighbours(db, chosen, number, sort=sort)
        assert found.previous == (whole[position - 1] if position else None)
        assert found.next == (whole[position + 1] if position + 1 < len(whole) else None)
        assert (found.position, found.total) == (position + 1, len(whole))


def test_neighbours_of_what_is_not_in_the_list(db: Database, full: dict[int, Trajectory]) -> None:
    chosen = TrajectoryFilter(domains=("shop",))
    outside = next(n for n, t in full.items() if t.domain != "shop")
    found = trajectories.neighbours(db, chosen, outside)
    assert found.position == 0
    assert found.previous is None or found.previous > outside
    assert trajectories.neighbours(db, chosen, 99_999) == trajectories.Neighbours(None, None, 0, found.total)


def test_the_next_without_a_verdict_goes_round(db: Database, full: dict[int, Trajectory]) -> None:
    chosen = TrajectoryFilter(batches=(1,))
    waiting = [n for n in _ids(db, chosen) if n % 7 != 1]
    seen, at = [], None
    for _ in waiting:
        at = trajectories.next_unreviewed(db, chosen, at)
        seen.append(at)
    assert seen == waiting
    assert trajectories.next_unreviewed(db, chosen, waiting[-1]) == waiting[0]
    for number in waiting:
        reviews.save_review(db, Review(trajectory=number, verdict="accept"))
    assert trajectories.next_unreviewed(db, chosen, None) is None


def test_a_stream_holds_everything_in_order_with_reviews(db: Database, full: dict[int, Trajectory]) -> None:
    streamed = list(trajectories.stream(db, TrajectoryFilter(), chunk=7))
    found = [(number, Trajectory.model_validate_json(body)) for number, body, _ in streamed]
    assert found == sorted(full.items())
    assert [n for n, _, found in streamed if found] == list(range(1, COUNT + 1, 7))
    kept = list(trajectories.stream(db, TrajectoryFilter(statuses=("kept",)), chunk=10))
    assert [n for n, _, _ in kept] == [n for n, t in sorted(full.items()) if t.status == "kept"]


def test_a_page_beyond_the_end_is_empty_and_still_counts(db: Database, full: dict[int, Trajectory]) -> None:
    assert trajectories.page(db, TrajectoryFilter(), offset=10_000) == ([], COUNT)


def test_an_unknown_order_is_refused(db: Database) -> None:
    with pytest.raises(InputError, match="newest"):
        trajectories.page(db, TrajectoryFilter(), sort="id; DROP TABLE batch")


def test_the_row_says_what_the_trajectory_says(db: Database) -> None:
    number = queue_batch(db)
    SqlStore(db, clock=lambda: 77.0).save(
        number, [order_trajectory(3, said="Hi\n\n  there " + "x" * 300, calls=(model_call(),))]
    )
    row = trajectories.row(db, 1)
    assert (row.index, row.turns, row.tool_calls, row.tokens, row.cost_usd) == (3, 5, 1, 20, 0.5)
    assert row.title == ("Hi there " + "x" * 300)[:160]
    assert (row.created_at, row.model, row.standing, row.exported) == (77.0, "reference", "none", False)
    with pytest.raises(InputError, match="no trajectory 5"):
        trajectories.row(db, 5)
    assert trajectories.get(db, 5) is None


def test_what_a_model_may_send_is_stored(db: Database) -> None:
    bad = "nul \x00 surrogate \ud800 pair \ud83d\ude00 end"
    hostile = order_trajectory(
        1,
        said=bad,
        turns=(
            Turn(role="user", content=bad),
            Turn(role="assistant", tool_calls=(ToolCall(id="1", name=bad, arguments={bad: [bad, 1e308, None]}),)),
        ),
        status="rejected",
        stage="rules",
        reason=bad,
        scores=(Score(name=bad, value=0.1, reason=bad, source="x", method="model"),),
    )
    number = queue_batch(db)
    assert SqlStore(db).save(number, [hostile, order_trajectory(2)]) == 2
    found = trajectories.get(db, 1)
    assert found is not None
    assert found.turns[0].content == "nul \x00 surrogate \ufffd pair \U0001f600 end"
    assert trajectories.page(db, TrajectoryFilter(text="surrogate"))[1] == 1
    assert batches.losses(db, number)[0][0] == "rules"


def test_facets_list_what_there_is_and_forget_deleted_batches(db: Database, full: dict[int, Trajectory]) -> None:
    found = trajectories.facets(db)
    assert found["domains"] == ["ledger", "shop"]
    assert found["tools"] == ["get_order", "transfer"]
    assert found["models"] == ["llm", "m-1", "m-2", "reference"]
    assert found["scores"] == ["rubric"]
    assert {f for f in TrajectoryFilter.model_fields if f in found} == {
        "domains", "modes", "personas", "teachers", "models", "statuses", "outcomes", "culprits", "reasons", "verdicts",
        "tools", "templates",
    }  # fmt: skip
    for number in (1, 2):
        batches.delete_batch(db, number)
    assert trajectories.facets(db)["domains"] == []
    assert trajectories.count(db, TrajectoryFilter()) == 0


def test_an_import_is_a_batch_that_is_done(db: Database) -> None:
    number = insert_imported(db, "file.jsonl", [order_trajectory(1), order_trajectory(2), order_trajectory(2)])
    row = batches.get_batch(db, number)
    assert (row.status, row.imported, row.progress.planned, row.progress.kept) == ("done", True, 2, 2)
    assert trajectories.count(db, TrajectoryFilter(batches=(number,))) == 2
    with pytest.raises(InputError, match="no trajectory"):
        insert_imported(db, "empty.jsonl", [])


def test_ids_are_never_given_out_twice(db: Database) -> None:
    number = insert_imported(db, "a", [order_trajectory(1), order_trajectory(2)])
    batches.delete_batch(db, number)
    again = insert_imported(db, "a", [order_trajectory(1)])
    assert again > number
    assert trajectories.page(db, TrajectoryFilter())[0][0].id == 3
