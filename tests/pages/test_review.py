"""The review job without a browser: queue, verdicts, marks of the viewer, corrections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.errors import InputError, InputErrors
from engine.replay import Replay
from engine.types import Review, ToolCall, TrajectoryFilter, Turn
from pages._ui import reviewing, turn_viewer
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
    change_review(filled, 8, None, mark={"from another tab": True})
    shown.text_input(key="new_tag_8").set_value("  Wrong   Amount ").run()
    shown.feedback(key="rating_8").set_value(1).run()
    assert not shown.exception
    review = own(filled, 8)[None]
    assert (review.verdict, review.note, review.tags, review.rating) == (
        "reject", "The refund breaks the policy.", ("from another tab", "wrong amount"), 2,
    )  # fmt: skip
    shown.button(key="undo_8").click().run()
    assert own(filled, 8)[None].rating is None


def test_accept_and_next_opens_the_next_of_the_filtered_list(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8", filter='{"domains":["clinic"]}')
    shown.button(key="accept_next_8").click().run()
    assert shown.header[0].value == "Trajectory 6"
    assert own(filled, 8)[None].verdict == "accept"


def test_a_message_with_the_address_of_before_does_not_turn_the_page_back(open_page: Opener, filled: Database) -> None:
    def address(number: str) -> str:
        page.query_params["id"] = number
        page.run()
        return str(page.query_params["id"])

    page = open_page("trajectory", id="20")
    page.button(key="go_next").click().run()
    assert page.query_params["id"] == "19"
    assert address("20") == "19", "sent before the browser heard of the turn"
    assert address("19") == "19"
    assert address("20") == "20", "the browser's Back, after it heard"


def test_undo_leads_back_to_the_trajectory_of_the_last_change(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8")
    shown.button(key="accept_next_8").click().run()
    assert shown.header[0].value == "Trajectory 7"
    shown.button(key="undo_7").click().run()
    assert shown.header[0].value == "Trajectory 8"
    assert own(filled, 8) == {}
    decide_many(filled, [3, 4, 5], "reject")
    shown.button(key="undo_8").click().run()
    assert page(filled, TrajectoryFilter(verdicts=("reject",)))[1] == 0


def test_a_note_of_a_stale_tab_overwrites_nothing(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8")
    change_review(filled, 8, None, note="written in the other tab")
    shown.text_area(key="note_8").set_value("written here").run()
    assert own(filled, 8)[None].note == "written in the other tab"
    shown.button(key="note_8_None_Use mine").click().run()
    assert own(filled, 8)[None].note == "written here"


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


def test_tags_and_a_note_of_a_turn_leave_the_rest(filled: Database, work: dict[str, Any]) -> None:
    send(
        work,
        {"turn": 1, "rating": 4},
        {"turn": 1, "tag": "Wrong  Tool", "on": True},
        {"turn": 1, "tag": "stops early", "on": True},
        {"turn": 1, "note": "look at the amount", "seen": ""},
        {"turn": 1, "tag": "wrong tool", "on": False},
        {"turn": 2, "tag": "   ", "on": True},
        {"turn": 2, "note": "x" * 5000, "seen": ""},
    )
    assert store_marks(filled).marks == 6
    found = own(filled, 1)
    assert set(found) == {1}
    assert (found[1].rating, found[1].tags, found[1].note) == (4, ("stops early",), "look at the amount")


def test_a_note_that_another_tab_changed_is_kept_for_a_choice(
    open_page: Opener, filled: Database, work: dict[str, Any]
) -> None:
    change_review(filled, 1, 2, note="theirs")
    send(work, {"turn": 2, "note": "mine", "seen": ""}, {"turn": 3, "rating": 5})
    assert store_marks(filled).panel
    assert own(filled, 1)[2].note == "theirs"
    assert own(filled, 1)[3].rating == 5
    assert reviewing.conflicts(1) == {2: "mine"}


def test_a_choice_between_two_notes(open_page: Opener, filled: Database) -> None:
    change_review(filled, 8, 2, note="theirs")
    shown = open_page("trajectory", id="8")
    shown.session_state["note_conflicts_8"] = {2: "mine"}
    shown.run()
    assert any("The note on turn 2 was changed elsewhere" in text.value for text in shown.markdown)
    shown.button(key="note_8_2_Keep both").click().run()
    assert own(filled, 8)[2].note == "theirs\nmine"
    assert not any("was changed elsewhere" in text.value for text in shown.markdown)


def test_a_mark_that_can_never_be_stored_holds_up_no_other(
    open_page: Opener, filled: Database, work: dict[str, Any]
) -> None:
    send(
        work,
        {"turn": 1, "rating": 1, "trajectory": 999},
        {"turn": 1, "tag": "x", "trajectory": 999},
        {"turn": 1, "rating": 2},
    )
    assert store_marks(filled).marks == 3
    assert own(filled, 1)[1].rating == 2


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


def test_what_is_typed_last_is_the_correction(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8")
    shown.session_state[fix_key(8)] = 5
    shown.run()
    shown.button(key="fix_8_5_use").click().run()
    assert any("It says what was recorded" in text.value for text in shown.caption)
    assert own(filled, 8).get(5) is None
    shown.text_area(key="fix_text_8_5").set_value("First.").run()
    shown.text_area(key="fix_text_8_5").set_value("Second.")
    shown.button(key="fix_8_5_use").click().run()
    fix = own(filled, 8)[5].fix
    assert fix
    assert fix.content == "Second."


def test_a_correction_of_a_stale_tab_overwrites_nothing(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8")
    shown.session_state[fix_key(8)] = 5
    shown.run()
    theirs = Turn(role="assistant", content="Theirs.")
    change_review(filled, 8, 5, verdict="fix", fix=theirs)
    shown.text_area(key="fix_text_8_5").set_value("Mine.")
    shown.button(key="fix_8_5_use").click().run()
    assert own(filled, 8)[5].fix == theirs
    assert any("changed elsewhere in the meantime" in text.value for text in shown.warning)
    shown.button(key="fix_8_5_use").click().run()
    fix = own(filled, 8)[5].fix
    assert fix
    assert fix.content == "Mine."


def replay_of(**changes: Any) -> Replay:
    answer = Turn(role="tool", content="ok", tool_call_id="b1", name="refund_order")
    values = {
        "turns": (answer,), "ok": True, "detail": "", "other_results": False, "state": (), "behind": 5, "breaks": None,
        "diverges": False, "unsteady": None, "follows": (),
    }  # fmt: skip
    return Replay.model_validate(values | changes)


OTHER_PLACE = {"path": "orders.json", "pointer": "/W1/amount", "recorded": 5, "corrected": None}


@pytest.mark.parametrize(
    ("found", "default", "kept"),
    [
        (replay_of(), None, None),
        (replay_of(diverges=True, other_results=True), 5, 11),
        (replay_of(diverges=True, state=(OTHER_PLACE,), breaks=8), 5, 8),
        (replay_of(diverges=True, state=(OTHER_PLACE,), behind=11), 11, None),
        (replay_of(diverges=True, breaks=8), 8, None),
    ],
)
def test_where_exports_end_is_told_and_chosen(found: Replay, default: int | None, kept: int | None) -> None:
    def draw(found: object) -> None:
        import streamlit as st

        from pages._ui.replay_view import draw_replay

        st.text(f"ends at {draw_replay(found, 11, 'fix')}")

    shown = AppTest.from_function(draw, kwargs={"found": found}).run()
    assert not shown.exception
    assert shown.text[0].value == f"ends at {default}"
    assert bool(shown.radio) is (kept is not None)
    assert bool(shown.warning) is found.diverges
    if kept is not None:
        shown.radio[0].set_value(shown.radio[0].options[1]).run()
        assert shown.text[0].value == f"ends at {kept}"


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
