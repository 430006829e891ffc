"""A verdict on the pages: its word in lists, counts that follow at once, and what a trajectory still awaits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.reviewing.verdicts import EFFECTS
from engine.types import Review, Score, Standing, TrajectoryFilter, Turn
from pages._ui.filters import VIEWS, filter_parameters, read_filter
from pages.analyse.parts.funnel_bars import STAGES, TAKEN_BACK
from pages.analyse.parts.measures import are_mixed
from pages.review.parts import turn_viewer
from pages.review.parts.reviewer import REVIEWER
from pages.review.parts.turn_viewer import store_marks
from storage.database import Database
from storage.reviewing.reviews import ReviewKey, change_review, decide_many, save_review, standings, undo
from storage.reviewing.trajectories import count
from tests.pages.analyse.test_scores_and_funnel import bars, figures
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

Opener = Callable[..., AppTest]
FIRST, LAST = 2, 5
"""The turns of the assistant."""
GIVEN: dict[int, tuple[Standing, list[dict[str, Any]]]] = {
    1: ("accepted", [{"verdict": "accept"}]),
    2: ("corrected", [{"turn": LAST, "verdict": "fix", "fix": Turn(role="assistant", content="Better.")}]),
    3: ("rejected", [{"verdict": "reject"}]),
    4: ("awaits_correction", [{"turn": FIRST, "verdict": "fix"}, {"verdict": "accept"}]),
    5: ("awaits_correction", [{"verdict": "fix"}]),
    6: ("none", [{"turn": FIRST, "verdict": "reject"}]),
}
STANDS = {number: expected for number, (expected, _) in GIVEN.items()}


@pytest.fixture
def judged(database: Database) -> Database:
    """Six trajectories, with reviews that come to each standing."""
    insert_imported(database, "in", [refund_trajectory(n, rounds=1) for n in range(len(GIVEN))])
    for number, (_, given) in GIVEN.items():
        for one in given:
            save_review(database, Review(trajectory=number, reviewer=REVIEWER, **one))
    return database


def place(page: AppTest) -> str:
    """Return "n of m reviewed" as the trajectory page says it."""
    return next(text.value for text in page.caption if text.value.endswith(" reviewed")).split(" · ")[-1]


def progress(page: AppTest) -> str:
    return str(page.get("progress")[0].proto.text)


def exported(page: AppTest) -> str:
    return next(metric.value for metric in page.metric if metric.label == "Trajectories")


def test_queue_funnel_overview_and_export_page_read_one_table(open_page: Opener, judged: Database) -> None:
    assert set(STANDS.values()) == set(EFFECTS)
    queue = open_page("queue", sort="oldest")
    words = dict(zip(queue.dataframe[0].value["id"], queue.dataframe[0].value["standing"], strict=True))
    assert words == {number: EFFECTS[one].word for number, one in STANDS.items()}
    reviewed = sum(EFFECTS[one].reviewed for one in STANDS.values())
    assert progress(queue) == f"{reviewed} of 6 reviewed"
    stages, reasons = figures(open_page("funnel"))
    accepted = sum(EFFECTS[one].accepted for one in STANDS.values())
    parts = {trace["name"]: int(trace["text"][0]) for trace in stages["data"][1:]}
    assert sum(parts.get(name, 0) for name in (STAGES["accepted"], TAKEN_BACK)) == accepted
    for opens, drawn in (*bars(stages), *bars(reasons)):
        assert count(judged, read_filter(opens)) == drawn, opens
    assert {*reasons["data"][0]["y"]} >= {"Awaits correction", "Rejected by human"}
    waiting = next(metric.value for metric in open_page("overview").metric if metric.label == "To review")
    assert waiting == str(6 - reviewed)
    page = open_page("exports")
    held = sum(bool(EFFECTS[one].held_back) for one in STANDS.values())
    assert exported(page) == str(6 - held)
    assert any("2 trajectories await a correction and stay here" in text.value for text in page.caption)
    page.checkbox(key="export_accepted").check().run()
    assert exported(page) == str(accepted)


def test_views_and_addresses_of_before_still_open(open_page: Opener, judged: Database) -> None:
    old = TrajectoryFilter.model_validate({"verdicts": ["fix"]})
    for given in ({"filter": '{"verdicts":["fix"]}'}, filter_parameters(old), {"verdicts": "Fix"}, {"verdicts": "fix"}):
        queue = open_page("queue", sort="oldest", **given)
        assert sorted(queue.dataframe[0].value["id"]) == [2, 4, 5], given
    assert sorted(open_page("queue", verdicts="Accepted").dataframe[0].value["id"]) == [1]
    assert count(judged, VIEWS["Awaits correction"]) == 2
    assert count(judged, VIEWS["Accepted"]) == 2


# ---------------------------------------------------------------- counted at once


def test_the_count_follows_verdict_undo_and_a_mark_of_a_turn(open_page: Opener, judged: Database) -> None:
    page = open_page("trajectory", id="6")
    assert place(page) == "5 of 6 reviewed"
    page.button_group(key="verdict_6").set_value("reject").run()
    assert place(page) == "6 of 6 reviewed"
    page.button(key="undo_6").click().run()
    assert place(page) == "5 of 6 reviewed"


def test_the_count_follows_the_place_in_a_list_of_what_is_not_reviewed(open_page: Opener, judged: Database) -> None:
    page = open_page("trajectory", id="6", filter='{"verdicts":["none"]}')
    assert any(text.value == "1 of 1 · 0 of 1 reviewed" for text in page.caption)
    page.button_group(key="verdict_6").set_value("accept").run()
    assert any(text.value == "not in this list · 0 of 0 reviewed" for text in page.caption)


def test_the_queue_counts_verdicts_for_many_and_their_undo(open_page: Opener, judged: Database) -> None:
    queue = open_page("queue")
    decide_many(judged, [3, 6], REVIEWER, "accept")
    assert progress(queue.run()) == "6 of 6 reviewed"
    queue.button(key="queue_undo").click().run()
    assert progress(queue) == "5 of 6 reviewed"


def test_the_overview_counts_a_verdict_moved_from_a_kept_one_to_another(open_page: Opener, database: Database) -> None:
    rows = [refund_trajectory(0), refund_trajectory(1, status="rejected", stage="judged", reason="low")]
    insert_imported(database, "in", rows)

    def waiting() -> str:
        return next(metric.value for metric in open_page("overview").metric if metric.label == "To review")

    change_review(database, ReviewKey(1, None, REVIEWER), {"verdict": "accept"})
    assert waiting() == "0"
    undo(database, REVIEWER)
    change_review(database, ReviewKey(2, None, REVIEWER), {"verdict": "accept"})
    assert waiting() == "1", "as many are reviewed as before, but the kept one is not"


@pytest.mark.parametrize(
    ("mark", "redrawn"),
    [
        ({"turn": FIRST, "verdict": "accept"}, True),
        ({"turn": LAST, "verdict": "reject"}, False),
        ({"turn": LAST, "verdict": "fix"}, True),
        ({"turn": FIRST, "rating": None, "verdict": None}, True),
        ({"turn": FIRST, "rating": 3}, False),
    ],
)
def test_a_mark_of_a_turn_redraws_what_counts_when_the_standing_changes(
    judged: Database, monkeypatch: pytest.MonkeyPatch, mark: dict[str, Any], redrawn: bool
) -> None:
    work = {"work": {"client": "a", "trajectory": 4, "log": [{"n": 1, "trajectory": 4, **mark}], "full": []}}
    monkeypatch.setattr(turn_viewer.st, "session_state", {turn_viewer.KEY: work})
    assert store_marks(judged).panel is redrawn


# ---------------------------------------------------------------- what it waits for


def told(page: AppTest) -> list[str]:
    return [warning.value for warning in page.warning]


def test_the_page_says_which_turn_awaits_its_correction_and_opens_the_form(open_page: Opener, judged: Database) -> None:
    page = open_page("trajectory", id="4")
    assert told(page) == [
        "**Awaits correction.** Turn 2 is marked Fix and not corrected. Correct what is wrong, or take the mark away "
        "(0). Until then no export holds this trajectory."
    ]
    page.button(key="correct_4_2").click().run()
    assert any(header.value == "Correct turn 2" for header in page.header)
    assert "no turn is corrected" in told(open_page("trajectory", id="5"))[0]
    for number in ("1", "2", "3", "6"):
        assert told(open_page("trajectory", id=number)) == []
    change_review(judged, ReviewKey(6, 1, REVIEWER), {"verdict": "fix"})
    page = open_page("trajectory", id="6")
    assert "only the assistant's turns can be corrected" in told(page)[0]
    assert not [button for button in page.button if button.key and button.key.startswith("correct_")]


def test_accepting_many_says_which_still_await_a_correction(
    open_page: Opener, judged: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose(chosen: list[int]) -> None:
        from pages.review.review_queue import decide_chosen

        decide_chosen(chosen, "accept")

    page = AppTest.from_function(choose, kwargs={"chosen": [4, 6]}, default_timeout=20).run()
    assert standings(judged, [4, 6]) == {4: "awaits_correction", 6: "accepted"}
    assert page.session_state["notice"][0][0] == (
        "Accepted: 2 trajectories. 1 still awaits a correction of a turn, so no export holds it"
    )


# ---------------------------------------------------------------- where verdicts stand, versions of scores


def test_both_rows_of_verdicts_have_a_caption(open_page: Opener, judged: Database) -> None:
    page = open_page("trajectory", id="1")
    assert "Whole trajectory" in [text.value for text in page.caption]
    script = "".join((turn_viewer._ASSETS / f"turn_{part}.js").read_text() for part in ("parts", "remarks", "viewer"))
    assert '"This turn"' in script


def test_each_score_names_the_version_of_rubric_and_judge(open_page: Opener, database: Database) -> None:
    def scored(version: str) -> tuple[Score, ...]:
        return (
            Score(name="rubric", value=1.0, reason="ok", source="rubric", method="model", model="m", version=version),
            Score(name="state", value=1.0, reason="ok", source="state", method="state"),
        )

    for version in ("default/1/4f0c12ab", "default/2/99aa77ff"):
        insert_imported(database, version, [refund_trajectory(0, scores=scored(version))])
    captions = [text.value for text in open_page("trajectory", id="1").caption]
    assert any("rubric default, version 1, prompt 4f0c12ab" in text for text in captions)
    assert any("state · state · version 1" in text for text in captions)
    page = open_page("scores")
    table = next(frame.value for frame in page.dataframe if "versions" in frame.value).set_index("name")["versions"]
    assert table["State"] == "version 1"
    both = "rubric default, version 1, prompt 4f0c12ab; rubric default, version 2, prompt 99aa77ff"
    assert table["Rubric"] == both
    assert any("these scores come from several versions" in text.value for text in page.caption)
    page = open_page("scores", filter='{"batches":[2]}')
    table = next(frame.value for frame in page.dataframe if "versions" in frame.value).set_index("name")["versions"]
    assert table["Rubric"] == "rubric default, version 2, prompt 99aa77ff"


def test_scores_with_versions_of_their_own_are_no_mixture(open_page: Opener, database: Database) -> None:
    scores = [
        Score(name=name, value=1.0, reason="ok", source="rules", method="rule", version=version)
        for name, version in (("finished", "1"), ("grounded", "2"))
    ]
    insert_imported(database, "first", [refund_trajectory(0, scores=tuple(scores))])
    page = open_page("scores")
    table = next(frame.value for frame in page.dataframe if "versions" in frame.value).set_index("name")["versions"]
    assert (table["Finished"], table["Grounded"]) == ("version 1", "version 2")
    assert not any("several versions" in text.value for text in page.caption)


@pytest.mark.parametrize(
    ("versions", "mixed"),
    [
        (["1"], False),
        (["1", "2"], True),
        (["default/1/p", "default/2/p"], True),
        (["default/1/p", "default/1/q"], True),
        (["default/1/p", "own/1/p"], True),
        (["default/1/p", "default+ledger/1+4/p", "default+ledger+ledger.move/1+4+2/p"], False),
        (["default+ledger/1+4/p", "default+ledger/1+5/p"], True),
        (["1", "default/1/p"], True),
    ],
)
def test_questions_that_tasks_bring_are_no_other_version(versions: list[str], mixed: bool) -> None:
    assert are_mixed(versions) is mixed
