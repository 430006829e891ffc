"""The analysis pages: a bar counts exactly the trajectories it opens, unknown is not zero, batches can be compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.types import ModelCall, Recipe, Review, Score, Trajectory, TrajectoryFilter
from pages._ui.filters import read_filter
from pages.analyse.parts import measures
from pages.analyse.parts.charts import LETTER, Bars, hover_text, opened, rows_figure, short
from pages.analyse.parts.funnel_bars import ALL_THE_SAME, TAKEN_BACK
from pages.analyse.parts.measures import Series
from pages.review.parts.reviewer import REVIEWER
from storage.database import Database
from storage.exporting.exports import create_export, mark_exported
from storage.reviewing.reviews import save_review
from storage.reviewing.trajectories import count
from tests.samples.scores import rubric_score
from tests.samples.trajectories import never_started, refund_trajectory
from tests.samples.turns import HOSTILE
from tests.storage.stored_samples import insert_imported

Opener = Callable[..., AppTest]
ALL = TrajectoryFilter()
NONE = (0, 0, 0, 0)


def scored(index: int) -> tuple[Score, ...]:
    rubric = None if index % 4 == 0 else (index % 20) / 20
    return (
        Score(name="state", value=float(index % 2), reason="", source="state", method="state"),
        rubric_score(rubric),
    )


def made(index: int, **changes: Any) -> Trajectory:
    """Return a trajectory whose numbers differ from its neighbours'."""
    price = None if index % 5 == 0 else index / 1000
    call = ModelCall(role="teacher", model="m", prompt_tokens=index * 7, completion_tokens=index, cost_usd=price)
    values: dict[str, Any] = {
        "rounds": 1 + index % 4, "mode": ("dependent", "single", "parallel")[index % 3], "scores": scored(index),
        "domain": ("retail", "clinic")[index % 2], "template": f"t{index % 5}", "calls": (call,),
        "reward": None if index % 7 == 0 else (index % 21) / 20,
    }  # fmt: skip
    return refund_trajectory(index, **{**values, **changes})


@pytest.fixture
def filled(database: Database) -> Database:
    """Two batches: forty that were kept or rejected, and twenty others."""
    first = [made(n) for n in range(30)]
    first += [
        made(40 + n, status="rejected", stage="state", reason="wrong_state", outcome="failure", culprit="agent")
        for n in range(6)
    ]
    first += [made(50 + n, status="rejected", stage="judged", reason="low_reward") for n in range(2)]
    first += [never_started(60), never_started(61)]
    insert_imported(database, "first", first)
    insert_imported(database, "second", [made(n, teacher="llm") for n in range(20)])
    return database


def figures(page: AppTest) -> list[dict[str, Any]]:
    """Return the figures of a page as Plotly gets them."""
    assert not page.exception
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def bars(figure: dict[str, Any]) -> list[tuple[str, int]]:
    """Return (what it opens, how many it counts) of each bar that counts something; the count is in its hover text."""
    found = []
    for trace in figure["data"]:
        for opens, told in zip(trace["customdata"], trace["hovertext"], strict=True):
            counted = int(told.split("<br>")[1].split()[0].replace(",", ""))
            if opens or counted:
                found.append((opens, counted))
    return found


def assert_opens_what_it_counts(database: Database, figure: dict[str, Any]) -> None:
    drawn = bars(figure)
    assert drawn
    for opens, counted in drawn:
        assert opens, f"a bar of {counted} opens nothing"
        assert count(database, read_filter(opens)) == counted > 0, opens


# ---------------------------------------------------------------- pages


def test_both_pages_lead_to_a_batch_when_nothing_is_there(open_page: Opener) -> None:
    for name in ("scores", "funnel"):
        page = open_page(name)
        assert any("Nothing to analyse yet" in text.value for text in page.markdown)
        assert not page.get("plotly_chart")


@pytest.mark.parametrize("value", ["Reward", "Turns", "Tokens", "Tool calls", "Cost", "Rubric", "State"])
@pytest.mark.parametrize("chosen", ["", '{"domains":["clinic"],"min_reward":0.2}'])
def test_every_bar_of_a_histogram_counts_what_it_opens(
    open_page: Opener, filled: Database, value: str, chosen: str
) -> None:
    page = open_page("scores", value=value, **({"filter": chosen} if chosen else {}))
    drawn = bars(figures(page)[0])
    assert_opens_what_it_counts(filled, figures(page)[0])
    field = {"Reward": "reward", "Rubric": "rubric", "State": "state"}.get(value, measures_key(value))
    _, measured = measures.mean(filled, read_filter(chosen), field, measures.version(filled))
    assert sum(n for _, n in drawn) == measured


def measures_key(value: str) -> str:
    return next((key for key, name in measures.NUMBERS.items() if name == value), value.lower())


@pytest.mark.parametrize("by", [name for group, name in measures.GROUPS.items() if group != "tag"])
@pytest.mark.parametrize("measure", ["Trajectories", "Mean reward"])
def test_every_bar_of_a_breakdown_counts_what_it_opens(
    open_page: Opener, filled: Database, by: str, measure: str
) -> None:
    _, breakdown, outcomes = figures(open_page("scores", by=f"By {by.lower()}", measure=measure))
    for figure in (breakdown, outcomes):
        assert_opens_what_it_counts(filled, figure)


def test_every_bar_of_the_funnel_counts_what_it_opens(open_page: Opener, filled: Database) -> None:
    save_review(filled, Review(trajectory=2, reviewer=REVIEWER, verdict="accept"))
    save_review(filled, Review(trajectory=4, reviewer=REVIEWER, verdict="reject"))
    page = open_page("funnel")
    stages, reasons = figures(page)
    for figure in (stages, reasons):
        assert_opens_what_it_counts(filled, figure)
    through, accepted = stages["data"]
    behind = [note["text"] for note in stages["layout"]["annotations"]]
    assert dict(zip(through["y"], behind, strict=True))["Planned"] == "60 (100.0%)"
    assert (accepted["name"], accepted["y"], accepted["text"]) == ("Accepted by a human", ["Kept after review"], ["1"])
    assert "Wrong state" in reasons["data"][0]["y"]
    table = page.dataframe[0].value.set_index("stage")
    assert table.loc["Passed the state check", "lost"] == 6
    assert "Wrong state 6" in table.loc["Passed the state check", "why"]


def lengths(figure: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Return (row, length of what came from the row before, length of all) of a stacked funnel, in its order."""
    order = figure["layout"]["yaxis"]["categoryarray"]
    found = {row: [0.0, 0.0] for row in order}
    for trace in figure["data"]:
        for row, length in zip(trace["y"], trace["x"], strict=True):
            found[row][1] += length
            if trace["name"] not in (TAKEN_BACK, ALL_THE_SAME):
                found[row][0] += length
    return [(row, *found[row]) for row in order]


def test_no_bar_of_the_funnel_is_wider_than_the_one_before_but_by_a_part_of_its_own(
    open_page: Opener, filled: Database
) -> None:
    """Few are accepted and many exported; some that were lost are taken back, some rejected ones exported."""
    verdicts = {2: "accept", 3: "accept", 4: "reject", 33: "accept", 34: "accept"}
    for number, verdict in verdicts.items():
        save_review(filled, Review(trajectory=number, reviewer=REVIEWER, verdict=verdict))  # type: ignore[arg-type]
    mark_exported(filled, create_export(filled, Recipe()), [*range(1, 26), 33, 35, 36])
    page = open_page("funnel")
    stages = figures(page)[0]
    drawn = lengths(stages)
    assert [row for row, *_ in drawn][-3:] == ["Kept by the judges", "Kept after review", "Exported"]
    for (_, _, before), (row, came, _) in pairwise(drawn):
        assert came <= before + 1e-9, row
    parts = {trace["name"]: (trace["y"], trace["text"]) for trace in stages["data"][1:]}
    assert parts == {
        "Accepted by a human": (["Kept after review"], ["2"]),
        TAKEN_BACK: (["Kept after review"], ["2"]),
        ALL_THE_SAME: (["Exported"], ["3"]),
    }
    assert_opens_what_it_counts(filled, stages)
    said = next(text.value for text in page.caption if "planned rollouts" in text.value)
    assert "were kept by the judges. People rejected 1 of them and took 2 back that were lost. What" in said
    table = page.dataframe[0].value.set_index("stage")
    assert table.loc["Exported", ["count", "gained"]].tolist() == [28, 3]
    assert 0 <= table.loc["Exported", "passed"] <= 1


def test_compared_funnels_say_what_people_brought_in(open_page: Opener, filled: Database) -> None:
    save_review(filled, Review(trajectory=33, reviewer=REVIEWER, verdict="accept"))
    page = open_page("funnel", compare=["#1 first", "#2 second"])  # type: ignore[arg-type]
    first, second = figures(page)[0]["data"]
    assert dict(zip(first["y"], first["text"], strict=True))["Kept after review"] == "77.5% (+1)"
    assert dict(zip(second["y"], second["text"], strict=True))["Kept after review"] == "100.0%"
    assert any(text.value.startswith("In brackets: those that were taken back") for text in page.caption)
    assert any("1 of them taken back by a human" in told for told in first["hovertext"])
    for opens, counted in bars(figures(page)[0]):
        assert count(filled, read_filter(opens)) == counted or not opens


def test_a_click_opens_those_trajectories_in_the_queue(open_page: Opener, filled: Database) -> None:
    page = open_page("scores")
    opens, counted = bars(figures(page)[1])[0]
    page.session_state["chart_domain_count"] = {"selection": {"points": [{"customdata": opens}]}}
    page.run()
    assert not page.exception
    assert page.title[0].value == "Queue"
    assert page.get("progress")[0].proto.text == f"0 of {counted} reviewed"
    assert len(page.dataframe[0].value) == counted


def test_a_click_on_what_no_filter_describes_opens_nothing() -> None:
    assert opened({"selection": {"points": []}}) is None
    assert opened({"selection": {"points": [{"customdata": ""}, {}]}}) is None
    assert opened({"selection": {"points": [{"customdata": ["{}"]}]}}) == ALL
    assert opened({"selection": {"points": [{"customdata": "{not json"}]}}) == ALL


def test_key_figures_and_scores(open_page: Opener, filled: Database) -> None:
    page = open_page("scores")
    shown = {metric.label: metric.value for metric in page.metric}
    assert (shown["Trajectories"], shown["Kept"], shown["Unmeasured"]) == ("60", "83.3%", "2")
    scores = next(t.value for t in page.dataframe if "judge" in t.value.columns).set_index("name")
    known = [s.value for s in (scored(n)[1] for n in measured_rows()) if s.value is not None]
    assert scores.loc["Rubric", "mean"] == pytest.approx(sum(known) / len(known))
    assert (scores.loc["Rubric", "measured"], scores.loc["Rubric", "unmeasured"]) == (len(known), 58 - len(known))
    assert (scores.loc["Rubric", "judge"], scores.loc["Rubric", "method"]) == ("Rubric", "model")


def measured_rows() -> list[int]:
    return [*range(30), *range(40, 46), *range(50, 52), *range(20)]


def test_batches_stand_side_by_side(open_page: Opener, filled: Database) -> None:
    page = open_page("scores")
    page.multiselect(key="compare").set_value(["1", "2"]).run()
    distribution, breakdown, _ = figures(page)
    for figure in (distribution, breakdown):
        assert [trace["name"] for trace in figure["data"]] == ["#1 first", "#2 second"]
    for trace in distribution["data"]:
        assert sum(n or 0 for n in trace["y"]) == pytest.approx(1.0), "shares, so that sizes do not matter"
    for opens, counted in bars(distribution) + bars(breakdown):
        assert count(filled, read_filter(opens)) == counted
    totals = next(t.value for t in page.dataframe if "success" in t.value.columns)
    assert totals["trajectories"].tolist() == [40, 20]
    page = open_page("funnel", compare=["#1 first", "#2 second"])  # type: ignore[arg-type]
    assert [trace["name"] for trace in figures(page)[0]["data"]] == ["#1 first", "#2 second"]


def test_what_has_no_measurement_says_so(open_page: Opener, database: Database) -> None:
    unpriced = ModelCall(role="teacher", model="m")
    insert_imported(database, "unknown", [made(0, reward=None, scores=(), calls=(unpriced,))])
    page = open_page("scores", value="Cost", measure="Mean reward")
    assert any("nothing was measured" in text.value for text in page.caption)
    shown = {metric.label: metric.value for metric in page.metric}
    assert (shown["Mean reward"], shown["Tokens each"], shown["Cost"]) == ("–", "–", "–")
    breakdown = figures(page)[0]
    assert breakdown["data"][0]["text"] == ["–"]
    assert breakdown["data"][0]["x"] == [None]
    assert any("No judge has scored" in text.value for text in page.caption)


def test_filters_narrow_both_pages_and_an_empty_result_is_said(open_page: Opener, filled: Database) -> None:
    for name in ("scores", "funnel"):
        page = open_page(name, filter='{"text":"zebra"}')
        assert any("No trajectory matches" in text.value for text in page.markdown)
    shown = {m.label: m.value for m in open_page("scores", filter='{"batches":[2]}').metric}
    assert shown["Trajectories"] == "20"


def test_foreign_names_are_no_markup(open_page: Opener, database: Database) -> None:
    insert_imported(database, HOSTILE[:110], [made(n, template="<b>x</b><img src=x>", reward=0.5) for n in range(3)])
    insert_imported(database, "other", [made(n) for n in range(3)])
    page = open_page("scores", by="By template")
    page.multiselect(key="compare").set_value(["1", "2"]).run()
    for figure in figures(page):
        drawn = json.dumps([figure["layout"]["yaxis"].get("ticktext"), [t["name"] for t in figure["data"]]])
        told = json.dumps([t["hovertext"] for t in figure["data"]])
        assert "<img" not in drawn + told
        assert "<script" not in drawn + told


# ---------------------------------------------------------------- parts


def test_bins_of_counts_hold_whole_numbers(database: Database) -> None:
    insert_imported(database, "long", [made(n, rounds=1 + n) for n in range(30)])
    edges = measures.edges_of(database, [Series("All", ALL)], "turns", NONE)
    widths = {high - low for low, high in pairwise(edges)}
    assert widths == {10.0}
    assert all(edge == int(edge) for edge in edges)
    assert measures.edges_of(database, [Series("none", TrajectoryFilter(batches=(9,)))], "turns", NONE) == ()
    assert measures.edges_of(database, [Series("All", ALL)], "state", NONE)[:2] == (0.0, 0.05)


def test_words_of_bins_and_bars() -> None:
    assert measures.bin_name("turns", 4, 5) == "4"
    assert measures.bin_name("tokens", 1000, 2000) == "1,000 to 1,999"
    assert measures.bin_name("reward", 0.5, 0.55) == "0.50 to 0.55"
    assert short("x" * 40) == "x" * 27 + "…"
    assert hover_text("<b>", 1200) == "<b>&lt;b&gt;</b><br>1,200 trajectories"


def test_the_longest_label_of_a_bar_has_room_behind_it() -> None:
    one = Bars("All", ["Planned", "Exported"], [1.0, 0.0], ["12,345 (100.0%)", "0"], ["", ""], ["", ""])
    assert rows_figure([one]).layout.margin.r >= len("12,345 (100.0%)") * LETTER
    assert rows_figure([one], stacked=True, end_labels=["1"]).layout.margin.r < 40, "labels inside need none"


@pytest.mark.parametrize("page", ["queue", "scores", "funnel"])
def test_an_address_with_a_number_beyond_64_bits_restricts_nothing(
    page: str, database: Database, open_page: Opener
) -> None:
    insert_imported(database, "x", [refund_trajectory(n) for n in range(2)])
    shown = open_page(page, filter=json.dumps({"batches": [1 << 63]}))
    assert not shown.exception
    assert read_filter(json.dumps({"min_tokens": 1 << 63})) == ALL
