"""The review job without a browser: queue, verdicts, marks of the viewer, corrections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.errors import InputError, InputErrors
from engine.types import Review, ToolCall, TrajectoryFilter
from pages._ui import turn_viewer
from pages._ui.fix_form import calls_text, fix_key, read_fix
from pages._ui.reviewing import REVIEWER, change_review, decide_many
from pages._ui.trajectory_facts import call_text, event_text
from pages._ui.turn_viewer import store_marks
from storage.database import Database
from storage.reviews import history, reviews_of, save_review
from storage.trajectories import insert_imported, page
from tests.pages.samples import never_started, trajectory

Opener = Callable[..., AppTest]


@pytest.fixture
def filled(database: Database) -> Database:
    insert_imported(database, "many", [trajectory(n, domain=("retail", "clinic")[n % 2]) for n in range(60)])
    return database


def own(database: Database, number: int) -> dict[int | None, Review]:
    return {r.turn: r for r in reviews_of(database, number) if r.reviewer == REVIEWER}


# ---------------------------------------------------------------- queue


def test_an_empty_queue_leads_to_a_batch(open_page: Opener) -> None:
    queue = open_page("queue")
    assert any("Nothing to review yet" in text.value for text in queue.markdown)


def test_the_queue_pages_in_sql(open_page: Opener, filled: Database) -> None:
    queue = open_page("queue")
    assert len(queue.dataframe[0].value) == 50
    queue = open_page("queue", page="2")
    assert list(queue.dataframe[0].value["id"]) == list(range(10, 0, -1))
    queue = open_page("queue", page="99")
    assert len(queue.dataframe[0].value) == 10


def test_filters_come_from_the_address_and_from_a_view(open_page: Opener, filled: Database) -> None:
    queue = open_page("queue", domains="clinic", sort="oldest")
    assert len(queue.dataframe[0].value) == 30
    assert set(queue.dataframe[0].value["domain"]) == {"clinic"}
    queue = open_page("queue", filter='{"max_reward":0.05}')
    assert set(queue.dataframe[0].value["reward"]) == {0.0}
    change_review(filled, 7, None, verdict="accept")
    queue = open_page("queue", filter='{"verdicts":["accept"]}')
    assert list(queue.dataframe[0].value["id"]) == [7]
    assert queue.get("progress")[0].proto.text == "1 of 1 reviewed"


@pytest.mark.parametrize(
    "hostile",
    [
        '{"min_turns":-5,"max_tokens":99999999999999}',
        '{"min_reward":7,"score":"<img>","score_min":-1}',
        '{"batches":[-1,12345678],"reasons":["![x](http://203.0.113.9)"],"templates":[""]}',
        '{"text":"' + "x" * 3000 + '"}',
        '{"min_reward":"NaN"}',
    ],
)
def test_a_hostile_filter_breaks_nothing(open_page: Opener, filled: Database, hostile: str) -> None:
    for name in ("queue", "trajectory"):
        assert not open_page(name, id="3", filter=hostile).exception


def test_the_number_of_more_filters_is_there_at_the_first_look(open_page: Opener, filled: Database) -> None:
    shown = open_page("queue", statuses="Kept", min_turns="1", domains="clinic")
    assert [one.proto.popover.label for one in shown.get("popover")][:1] == ["More filters (2)"]


def test_nothing_matches_is_said(open_page: Opener, filled: Database) -> None:
    queue = open_page("queue", filter='{"text":"zebra"}')
    assert any("No trajectory matches" in text.value for text in queue.markdown)


def test_bulk_verdicts_go_by_id_and_keep_the_rest_of_a_review(filled: Database) -> None:
    save_review(filled, Review(trajectory=3, reviewer=REVIEWER, note="look here", rating=2))
    assert decide_many(filled, [3, 4], "reject") == 2
    assert own(filled, 3)[None] == Review(trajectory=3, reviewer=REVIEWER, verdict="reject", note="look here", rating=2)
    assert page(filled, TrajectoryFilter(verdicts=("reject",)))[1] == 2


# ---------------------------------------------------------------- trajectory page


def test_a_trajectory_shows_its_facts_and_labels(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="5")
    assert not shown.exception
    texts = [text.value for text in (*shown.markdown, *shown.caption)]
    for expected in ("reference", "not isolated", "Reward"):
        assert any(expected in text for text in texts), expected
    assert shown.header[0].value == "Trajectory 5"


@pytest.mark.parametrize("address", ["", "0", "99999", "abc", "-1", "1e9", "9" * 40])
def test_no_such_trajectory(open_page: Opener, filled: Database, address: str) -> None:
    shown = open_page("trajectory", id=address)
    assert not shown.exception
    assert any("no such trajectory" in text.value for text in shown.markdown)


def test_one_that_never_started_opens(open_page: Opener, database: Database) -> None:
    insert_imported(database, "lost", [never_started(0)])
    shown = open_page("trajectory", id="1")
    assert not shown.exception
    assert any("Nobody talked" in text.value for text in shown.caption)


def test_verdict_rating_tags_and_note_are_saved_at_once(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8")
    shown.button_group(key="verdict_8").set_value("reject").run()
    shown.text_area(key="note_8").set_value("The refund breaks the policy.").run()
    shown.text_input(key="new_tag_8").set_value("  Wrong   Amount ").run()
    shown.feedback(key="rating_8").set_value(1).run()
    assert not shown.exception
    review = own(filled, 8)[None]
    assert (review.verdict, review.note, review.tags, review.rating) == (
        "reject", "The refund breaks the policy.", ("wrong amount",), 2,
    )  # fmt: skip
    shown.button(key="undo_8").click().run()
    assert own(filled, 8)[None].rating is None


def test_accept_and_next_opens_the_next_of_the_filtered_list(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8", filter='{"domains":["clinic"]}')
    shown.button(key="accept_next_8").click().run()
    assert shown.header[0].value == "Trajectory 6"
    assert own(filled, 8)[None].verdict == "accept"


# ---------------------------------------------------------------- marks of the viewer


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the component sent, as the page's session state would hold it."""
    state: dict[str, Any] = {}
    monkeypatch.setattr(turn_viewer.st, "session_state", state)
    return state


def send(work: dict[str, Any], *log: dict[str, Any], client: str = "a") -> None:
    entries = [{"n": n, "trajectory": 1, **entry} for n, entry in enumerate(log, 1)]
    work[turn_viewer.KEY] = {"work": {"client": client, "trajectory": 1, "log": entries, "full": []}}


def test_marks_are_stored_once_whatever_arrives_twice(filled: Database, work: dict[str, Any]) -> None:
    log = [{"turn": n, "rating": n % 5 + 1} for n in range(30)]
    send(work, *log[:10])
    assert store_marks(filled).marks == 10
    send(work, *log)
    assert store_marks(filled).marks == 20
    assert store_marks(filled).marks == 0
    assert {turn: review.rating for turn, review in own(filled, 1).items()} == {n: n % 5 + 1 for n in range(30)}
    assert len(history(filled, 1)) == 30


def test_undo_takes_back_in_the_order_of_the_keys(filled: Database, work: dict[str, Any]) -> None:
    send(
        work,
        {"turn": 4, "rating": 1},
        {"turn": 2, "rating": 5},
        {"turn": 2, "rating": 3},
        {"turn": 2, "verdict": "accept"},
        {"turn": 2, "undo": True},
        {"turn": 2, "undo": True},
    )
    assert store_marks(filled).panel
    assert {turn: (r.rating, r.verdict) for turn, r in own(filled, 1).items()} == {4: (1, None), 2: (5, None)}


def test_a_rating_keeps_the_verdict_and_zero_clears_both(filled: Database, work: dict[str, Any]) -> None:
    send(work, {"turn": 1, "verdict": "fix"}, {"turn": 1, "rating": 4})
    assert store_marks(filled).fix == 1
    assert (own(filled, 1)[1].verdict, own(filled, 1)[1].rating) == ("fix", 4)
    send(work, {"turn": 1, "rating": None, "verdict": None}, client="b")
    store_marks(filled)
    assert (own(filled, 1)[1].verdict, own(filled, 1)[1].rating) == (None, None)


def test_broken_marks_are_passed_over(filled: Database, work: dict[str, Any]) -> None:
    send(
        work,
        {"turn": 1, "rating": 9},
        {"turn": -1, "rating": 1},
        {"turn": 1, "verdict": "maybe"},
        {"turn": 3, "rating": 2},
    )
    store_marks(filled)
    assert list(own(filled, 1)) == [3]
    work[turn_viewer.KEY] = {"work": {"client": "x", "log": "nonsense"}}
    assert store_marks(filled).marks == 0


# ---------------------------------------------------------------- corrections


def test_a_correction_is_checked_against_the_schemas() -> None:
    shown = trajectory(0)
    turn = shown.turns[2]
    fixed = read_fix("", calls_text(turn.tool_calls).replace("25.5", "12"), turn, shown)
    assert fixed.tool_calls[1] == ToolCall(id="b0", name="refund_order", arguments={"order_id": "W0000", "amount": 12})
    with pytest.raises(InputErrors) as refused:
        read_fix("", '[{"name": "no", "arguments": {}}, {"name": "find_order", "arguments": {}}]', turn, shown)
    assert len(refused.value.errors) == 2
    for text, problem in (
        ("{", "not JSON"),
        ("{}", "no list"),
        ('[{"name": "find_order", "arguments": 3}]', "arguments"),
    ):
        with pytest.raises(InputError, match=problem):
            read_fix("", text, turn, shown)
    with pytest.raises(InputError, match="empty"):
        read_fix("  ", "", turn, shown)


def test_a_text_correction_is_saved_beside_the_original(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8")
    shown.session_state[fix_key(8)] = 5
    shown.run()
    shown.text_area(key="fix_text_8_5").set_value("Done: 25.50 is on its way.").run()
    shown.button(key="fix_8_5_use").click().run()
    review = own(filled, 8)[5]
    assert review.verdict == "fix"
    assert review.fix
    assert review.fix.content == "Done: 25.50 is on its way."
    assert review.fix.original == trajectory(7).turns[5]
    assert page(filled, TrajectoryFilter(verdicts=("fix",)))[1] == 1


def test_changed_calls_wait_for_the_sandbox(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8")
    shown.session_state[fix_key(8)] = 2
    shown.run()
    text = shown.text_area(key="fix_calls_8_2").value.replace("25.5", "12.5")
    shown.text_area(key="fix_calls_8_2").set_value(text).run()
    assert shown.button(key="fix_8_2_use").disabled
    shown.button(key="fix_8_2_replay").click().run()
    assert shown.button(key="fix_8_2_use").disabled
    assert any("Replaying in a sandbox" in text.value for text in shown.caption)


# ---------------------------------------------------------------- words


def test_events_and_calls_read_as_sentences(filled: Database) -> None:
    change_review(filled, 1, None, verdict="accept", tags=("a", "b"))
    change_review(filled, 1, None, verdict="reject")
    change_review(filled, 1, None, verdict="reject")
    first, second = history(filled, 1)
    assert event_text(first) == "verdict: none → accept; tags: none → a, b"
    assert event_text(second) == "verdict: accept → reject"
    assert call_text(ToolCall(id="1", name="f", arguments={"a": "x", "b": [1]})) == 'f(a="x", b=[1])'
