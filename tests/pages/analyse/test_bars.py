"""Every chart bar opens exactly the trajectories it counts, also with missing values; a new verdict shows at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from engine import settings
from engine.types import ExportOutcome, Recipe, Review, TrajectoryFilter
from pages._ui.filters import read_filter
from pages.analyse.parts import measures
from pages.analyse.parts.funnel_bars import STAGES, TAKEN_BACK
from pages.review.parts.reviewer import REVIEWER
from storage.analysing import analytics
from storage.database import Database
from storage.designing.domains import seed_catalog
from storage.designing.personas import seed_personas
from storage.exporting.exports import create_export, delete_export, finish_export, mark_exported
from storage.generating.batches import create_batch
from storage.reviewing.reviews import save_review, undo
from storage.reviewing.trajectories import count
from tests.pages.analyse.test_scores_and_funnel import assert_opens_what_it_counts, bars, figures, made
from tests.samples.batches import batch_of
from tests.samples.trajectories import never_started
from tests.storage.stored_samples import insert_imported

Opener = Callable[..., AppTest]
BY_HUMANS = (STAGES["accepted"], TAKEN_BACK)
FILTERS = [
    "",
    '{"domains":["retail"],"verdicts":["none","accept","reject"]}',
    '{"reached":"rules","culprits":["none"]}',
    '{"tags":["wrong tool","stops early"],"tools":["find_order"]}',
    '{"stages":["proven","judged"]}',
]


@pytest.fixture
def odd(database: Database) -> Database:
    """Trajectories lost at every stage, with and without a value for each field, reviewed, tagged and exported; and a
    batch of which nothing is finished."""
    rows = [made(n) for n in range(12)]
    rows += [made(20, status="rejected", stage=None, reason=None, outcome="unmeasured", reward=None)]
    rows += [made(21, status="rejected", stage="planned", reason=None), never_started(22)]
    for n, stage in enumerate(("proven", "rolled_out", "rules", "state", "judged")):
        rows.append(made(30 + n, status="rejected", stage=stage, reason="bad", outcome="failure", culprit="agent"))
    rows += [made(40, template=None, mode=None), made(41, template="none")]
    rows += [made(42, status="failed", stage="rolled_out", reason="timeout", outcome="unmeasured")]
    rows += [made(43, outcome="failure", culprit="user", status="kept"), made(44, outcome="failure", culprit=None)]
    insert_imported(database, "odd", rows)
    for number, verdict in ((1, "accept"), (2, "accept"), (3, "reject"), (4, "fix"), (13, "accept"), (18, "reject")):
        save_review(database, Review(trajectory=number, reviewer=REVIEWER, verdict=verdict))  # type: ignore[arg-type]
    for number, turn, tag in ((3, None, "wrong tool"), (3, 2, "wrong tool"), (5, 4, "stops early"), (5, 6, "other")):
        review = Review(trajectory=number, turn=turn, reviewer=REVIEWER, verdict="reject", rating=2, tags=(tag,))
        save_review(database, review)
    mark_exported(database, create_export(database, Recipe()), [1, 7])
    return database


def queue_six(database: Database) -> None:
    seed_catalog(database, settings.CATALOG)
    seed_personas(database, settings.PERSONAS)
    create_batch(database, batch_of("retail", name="waiting", trajectories=6))


@pytest.mark.parametrize("chosen", FILTERS)
def test_every_bar_of_the_funnel_opens_what_it_counts(open_page: Opener, odd: Database, chosen: str) -> None:
    for figure in figures(open_page("funnel", **({"filter": chosen} if chosen else {}))):
        assert_opens_what_it_counts(odd, figure)


def test_all_eight_stages_open_and_what_is_not_finished_is_told(open_page: Opener, odd: Database) -> None:
    queue_six(odd)
    stages, reasons = figures(open_page("funnel"))
    assert_opens_what_it_counts(odd, stages)
    assert len({row for trace in stages["data"] for row in trace["y"]}) == 8
    total = count(odd, TrajectoryFilter())
    assert bars(stages)[0] == ("{}", total)
    assert "6 rollouts not finished" in stages["data"][0]["hovertext"][0]
    assert stages["layout"]["annotations"][0]["text"] == f"{total + 6} (100.0%)"
    unopened = [(opens, n) for opens, n in bars(reasons) if not opens]
    assert unopened == [("", 6)], "rollouts that are not finished are no trajectories yet"
    assert "No reason told, kept by the judges" in reasons["data"][0]["y"]


@pytest.mark.parametrize("by", list(measures.GROUPS.values()))
@pytest.mark.parametrize("chosen", ["", FILTERS[3]])
def test_every_group_and_outcome_opens_what_it_counts(open_page: Opener, odd: Database, by: str, chosen: str) -> None:
    page = open_page("scores", by=f"By {by.lower()}", **({"filter": chosen} if chosen else {}))
    _, breakdown, outcomes = figures(page)
    assert_opens_what_it_counts(odd, breakdown)
    assert_opens_what_it_counts(odd, outcomes)


def test_a_tag_counts_a_trajectory_once_on_however_many_turns(odd: Database) -> None:
    found = analytics.breakdown(odd, TrajectoryFilter(), "tag").set_index("value")["total"].to_dict()
    assert found == {"wrong tool": 1, "stops early": 1, "other": 1}
    assert set(analytics.breakdown(odd, TrajectoryFilter(tags=("other",)), "tag")["value"]) == {"other"}


def test_bars_of_another_score_than_the_filters_say_why_they_open_nothing(open_page: Opener, odd: Database) -> None:
    page = open_page("scores", value="State", filter='{"score":"rubric","score_min":0.2}')
    assert {opens for opens, _ in bars(figures(page)[0])} == {""}
    assert any("take the filter on the other score away" in text.value for text in page.caption)


def test_tags_ratings_and_what_was_exported_are_filters_of_the_queue(open_page: Opener, odd: Database) -> None:
    wanted = {
        '{"tags":["wrong tool"]}': 1, '{"max_rating":2}': 2, '{"exported":true}': 2, '{"reached":"state"}': None,
        '{"culprits":["none"],"outcomes":["failure"]}': 1, '{"min_rating":2.5}': 0,
        '{"modes":["none"],"reasons":["none"],"templates":["none"]}': 1,
    }  # fmt: skip
    for chosen, expected in wanted.items():
        shown = count(odd, read_filter(chosen))
        assert shown == expected or expected is None
        page = open_page("queue", filter=chosen)
        assert not page.exception
        if shown:
            assert page.get("progress")[0].proto.text.endswith(f"of {shown} reviewed")


def test_a_changed_verdict_and_a_finished_export_are_drawn_at_once(open_page: Opener, odd: Database) -> None:
    def text(stage: str) -> str:
        notes = figures(open_page("funnel"))[0]["layout"]["annotations"]
        return next(str(note["text"]).split()[0] for note in notes if note["y"] == stage)

    def accepted() -> int:
        return sum(int(t["text"][0]) for t in figures(open_page("funnel"))[0]["data"] if t["name"] in BY_HUMANS)

    assert accepted() == 3
    kept = int(text("Kept after review"))
    save_review(odd, Review(trajectory=1, reviewer=REVIEWER, verdict="reject"))
    assert (accepted(), int(text("Kept after review"))) == (2, kept - 1)
    undo(odd, REVIEWER)
    assert (accepted(), int(text("Kept after review"))) == (3, kept)
    second = create_export(odd, Recipe())
    assert text("Exported") == "2"
    mark_exported(odd, second, [2])
    finish_export(odd, second, ExportOutcome(None, 1, "", 1, {}))
    assert text("Exported") == "3"
    delete_export(odd, second)
    assert text("Exported") == "2"
