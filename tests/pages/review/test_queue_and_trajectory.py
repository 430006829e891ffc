"""The review job without a browser: queue, verdicts, marks of the viewer, corrections."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.errors import InputError, InputErrors
from engine.reviewing.replay import Replay
from engine.types import (
    CLAIMS,
    CUT,
    FEEDBACK,
    PROVIDER_STATE,
    SECONDS,
    UNRESOLVED,
    Attachment,
    Review,
    ToolCall,
    TrajectoryFilter,
    Turn,
)
from pages._ui.badges import score_name
from pages._ui.task_and_scores import call_text
from pages.review.parts import conflicts, turn_viewer
from pages.review.parts.facts_tabs import event_text
from pages.review.parts.fix_calls import calls_text, read_fix
from pages.review.parts.fix_form import fix_key
from pages.review.parts.reviewer import REVIEWER, tab
from pages.review.parts.turn_viewer import store_marks
from storage.database import Database
from storage.reviewing import reviews
from storage.reviewing.reviewer_tab import Place, ReviewerTab
from storage.reviewing.reviews import history, reviews_of, save_review
from storage.reviewing.trajectories import page
from tests.samples.trajectories import never_started, refund_trajectory
from tests.storage.stored_samples import insert_imported

Opener = Callable[..., AppTest]


@pytest.fixture
def filled(database: Database) -> Database:
    insert_imported(database, "many", [refund_trajectory(n, domain=("retail", "clinic")[n % 2]) for n in range(60)])
    return database


def own(database: Database, number: int) -> dict[int | None, Review]:
    return {r.turn: r for r in reviews_of(database, number) if r.reviewer == REVIEWER}


def elsewhere(
    database: Database, number: int, turn: int | None, *, tags: dict[str, bool] | None = None, **changes: Any
) -> None:
    """Change a review as another tab of the same reviewer does."""
    reviews.change_review(database, reviews.ReviewKey(number, turn, REVIEWER), changes, tags=tags)


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
    elsewhere(filled, 7, None, verdict="accept")
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
    assert reviews.decide_many(filled, [3, 4], REVIEWER, "reject") == []
    assert own(filled, 3)[None] == Review(trajectory=3, reviewer=REVIEWER, verdict="reject", note="look here", rating=2)
    assert page(filled, TrajectoryFilter(verdicts=("reject",)))[1] == 2


# ---------------------------------------------------------------- trajectory page


def test_a_trajectory_shows_its_facts_and_labels(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="5")
    assert not shown.exception
    texts = [text.value for text in (*shown.markdown, *shown.caption)]
    for expected in ("reference", "not isolated", "Reward"):
        assert any(expected in text for text in texts), expected
    assert shown.title[0].value == "Trajectory 5"


def test_the_turn_of_a_result_says_how_long_the_call_took(open_page: Opener, database: Database) -> None:
    beside = (
        Attachment(turn=3, kind=SECONDS, value=0.25),
        Attachment(turn=4, kind=SECONDS, version=2, value={"cpu": 1}),
        Attachment(turn=2, kind="vote", value=3),
    )
    insert_imported(database, "timed", [refund_trajectory(0, attachments=beside)])
    drawn = {one.proto.component_name: one.proto for one in open_page("trajectory", id="1").get("bidi_component")}
    turns = json.loads(drawn["turnwright_turn_viewer"].json)["turns"]
    assert {turn["index"]: turn["took"] for turn in turns if turn["took"]} == {3: "took 250 ms"}
    assert turns[3]["role"] == "tool"


def test_claims_that_do_not_hold_stand_under_their_turn(open_page: Opener, database: Database) -> None:
    wrong = {"quote": "$41.20", "why": "no tool, user or policy gave this amount", "start": 8, "end": 14}
    claims = [wrong | {"certain": True}, {"quote": "Dr. Vance", "why": "w", "start": 20, "end": 29, "certain": False}]
    noted = (
        Attachment(turn=4, kind=CLAIMS, value=claims),
        Attachment(turn=2, kind=CLAIMS, version=2, value=claims),
        Attachment(turn=3, kind=CLAIMS, value="of another tool"),
    )
    insert_imported(database, "noted", [refund_trajectory(0, attachments=noted)])
    drawn = {one.proto.component_name: one.proto for one in open_page("trajectory", id="1").get("bidi_component")}
    turns = json.loads(drawn["turnwright_turn_viewer"].json)["turns"]
    assert {turn["index"]: turn["claims"] for turn in turns if turn["claims"]} == {
        4: [
            {"quote": "$41.20", "why": "no tool, user or policy gave this amount", "warns": False},
            {"quote": "Dr. Vance", "why": "w", "warns": True},
        ]
    }


def test_no_page_shows_what_a_provider_wants_back(open_page: Opener, database: Database) -> None:
    secret = "OPAQUE-STATE-0123456789"
    value = {"message": {"thinking_blocks": [{"signature": secret}]}, "calls": [{"extra_content": secret}]}
    beside = (Attachment(turn=2, kind=PROVIDER_STATE, value=value), Attachment(turn=3, kind=SECONDS, value=0.25))
    insert_imported(database, "signed", [refund_trajectory(0, attachments=beside)])
    for name in ("trajectory", "queue"):
        shown = open_page(name, id="1")
        assert not shown.exception
        drawn = "".join(str(getattr(node, "proto", "")) for block in (shown.main, shown.sidebar) for node in block)
        assert secret not in drawn
        assert ("took 250 ms" in drawn) is (name == "trajectory"), "what stands beside turns is looked at"
    found = open_page("queue", filter=f'{{"text":"{secret}"}}')
    assert any("No trajectory matches" in text.value for text in found.markdown)


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
    elsewhere(filled, 8, None, tags={"from another tab": True})
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
    assert shown.title[0].value == "Trajectory 6"
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
    assert shown.title[0].value == "Trajectory 7"
    shown.button(key="undo_7").click().run()
    assert shown.title[0].value == "Trajectory 8"
    assert own(filled, 8) == {}
    reviews.decide_many(filled, [3, 4, 5], REVIEWER, "reject")
    shown.button(key="undo_8").click().run()
    assert page(filled, TrajectoryFilter(verdicts=("reject",)))[1] == 0


def test_a_note_of_a_stale_tab_overwrites_nothing(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8")
    elsewhere(filled, 8, None, note="written in the other tab")
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


def test_an_undo_right_behind_a_turn_of_the_page_is_taken_and_the_page_stays(
    filled: Database, work: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_viewer, "shown", lambda: 1)
    accept = {"turn": None, "verdict": "accept", "go": "unreviewed"}
    send(work, accept, {"turn": 0, "undo": True}, {"turn": 1, "rating": 3})
    stored = store_marks(filled)
    assert (stored.go, [(e.trajectory_id, e.turn) for e in stored.undone]) == (None, [(1, None)])
    assert {turn: (r.rating, r.verdict) for turn, r in own(filled, 1).items()} == {1: (3, None)}


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
        {"turn": 1, "note": "look at the amount", "seen": {"note": ""}},
        {"turn": 1, "tag": "wrong tool", "on": False},
        {"turn": 2, "tag": "   ", "on": True},
        {"turn": 2, "note": "x" * 5000, "seen": {"note": ""}},
    )
    assert store_marks(filled).marks == 6
    found = own(filled, 1)
    assert set(found) == {1}
    assert (found[1].rating, found[1].tags, found[1].note) == (4, ("stops early",), "look at the amount")


def test_a_note_that_another_tab_changed_is_kept_for_a_choice(
    open_page: Opener, filled: Database, work: dict[str, Any]
) -> None:
    elsewhere(filled, 1, 2, note="theirs")
    send(work, {"turn": 2, "note": "mine", "seen": {"note": ""}}, {"turn": 3, "rating": 5})
    assert store_marks(filled).panel
    assert own(filled, 1)[2].note == "theirs"
    assert own(filled, 1)[3].rating == 5
    assert tab().waiting == {(1, 2, "note"): "mine"}


def test_a_choice_between_two_notes(open_page: Opener, filled: Database) -> None:
    elsewhere(filled, 8, 2, note="theirs")
    shown = open_page("trajectory", id="8")
    shown.session_state["reviewer_tab"] = ReviewerTab(REVIEWER, waiting={(8, 2, "note"): "mine"})
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


# ---------------------------------------------------------------- two tabs


def waits(shown: AppTest) -> list[str]:
    return [text.value for text in shown.markdown if " is saved, yours was " in text.value]


def test_a_widget_s_state_from_before_a_key_was_drawn_takes_no_verdict_back(
    open_page: Opener, filled: Database
) -> None:
    """The browser sends all widgets with every message, also those that do not show yet what a key has stored."""
    shown = open_page("trajectory", id="8")
    shown.button_group(key="verdict_8").set_value("accept").run()
    shown.feedback(key="rating_8").set_value(3).run()
    assert [group.key for group in shown.button_group if str(group.key).startswith("verdict_")] == ["verdict_8"]
    elsewhere(filled, 8, None, verdict="reject", rating=1)
    shown.run()
    assert shown.button_group(key="verdict_8_v1").value == "reject"
    assert [group.key for group in shown.button_group if str(group.key).startswith("verdict_")] == ["verdict_8_v1"]
    assert [stars.key for stars in shown.feedback] == ["rating_8_v1"], "what belongs to an earlier one is not heard"
    shown.button_group(key="verdict_8_v1").set_value("accept").run()
    assert own(filled, 8)[None].verdict == "accept"


def test_a_verdict_and_a_rating_of_a_stale_tab_overwrite_nothing(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8")
    elsewhere(filled, 8, None, verdict="reject", rating=2)
    shown.button_group(key="verdict_8").set_value("accept").run()
    assert (own(filled, 8)[None].verdict, own(filled, 8)[None].rating) == ("reject", 2)
    assert waits(shown) == ["The trajectory: verdict **Rejected** is saved, yours was **Accepted**."]
    shown.feedback(key="rating_8_v1").set_value(4).run()
    assert own(filled, 8)[None].rating == 5, "the page was drawn anew, so this was given on what is saved"
    elsewhere(filled, 8, None, rating=1)
    shown.feedback(key="rating_8_v1").set_value(2).run()
    assert own(filled, 8)[None].rating == 1
    assert waits(shown)[1:] == ["The trajectory: rating **1 of 5** is saved, yours was **3 of 5**."]
    shown.button(key="mark_8_None_verdict_Use mine").click().run()
    shown.button(key="mark_8_None_rating_Keep the saved one").click().run()
    assert (own(filled, 8)[None].verdict, own(filled, 8)[None].rating, waits(shown)) == ("accept", 1, [])


def test_accepting_what_was_rejected_elsewhere_stays_and_asks(open_page: Opener, filled: Database) -> None:
    shown = open_page("trajectory", id="8")
    elsewhere(filled, 8, None, verdict="reject")
    shown.button(key="accept_next_8").click().run()
    assert shown.title[0].value == "Trajectory 8"
    assert own(filled, 8)[None].verdict == "reject"
    shown.button(key="mark_8_None_verdict_Keep the saved one").click().run()
    assert (own(filled, 8)[None].verdict, waits(shown)) == ("reject", [])
    shown.button(key="accept_next_8").click().run()
    assert own(filled, 8)[None].verdict == "accept"


def test_marks_of_a_stale_tab_wait_and_the_others_are_stored(
    filled: Database, work: dict[str, Any], open_page: Opener
) -> None:
    for turn in (2, 3):
        elsewhere(filled, 1, turn, rating=5, verdict="accept")
    unseen = {"rating": None}
    send(
        work,
        *({"turn": n, "rating": 1, "seen": unseen} for n in range(6)),
        {"turn": 3, "verdict": "fix", "seen": {"verdict": None}},
        {"turn": 2, "rating": None, "verdict": None, "seen": {"rating": 5, "verdict": None}},
        {"turn": 7, "rating": 1, "seen": unseen, "trajectory": 2},
    )
    stored = store_marks(filled)
    assert (stored.marks, stored.panel, stored.fix) == (9, True, None)
    found = {turn: (review.rating, review.verdict) for turn, review in own(filled, 1).items()}
    assert found == {0: (1, None), 1: (1, None), 2: (None, "accept"), 3: (5, "accept"), 4: (1, None), 5: (1, None)}
    assert tab().waiting == {(1, 3, "rating"): 1, (1, 3, "verdict"): "fix", (1, 2, "verdict"): None}
    assert work["notice"][0][0].startswith("Trajectory 1, turn 3 and others: 3 marks were changed elsewhere.")
    assert own(filled, 2)[7].rating == 1


def test_what_a_tab_did_itself_is_never_told(filled: Database, work: dict[str, Any]) -> None:
    late = {"verdict": None}
    log = [
        {"turn": 2, "rating": 3, "seen": {"rating": None}},
        {"turn": 2, "undo": True},
        {"turn": 2, "rating": 4, "seen": {"rating": 3}},
        {"turn": 2, "rating": 5, "seen": {"rating": 4}},
        {"turn": None, "verdict": "accept", "seen": late},
        {"turn": None, "verdict": "reject", "seen": late},
        {"turn": 1, "note": "a", "seen": {"note": ""}},
        {"turn": 1, "note": "b", "seen": {"note": ""}},
    ]
    send(work, *log)
    assert store_marks(filled).marks == 8
    assert (own(filled, 1)[2].rating, own(filled, 1)[None].verdict, own(filled, 1)[1].note) == (5, "reject", "b")
    assert tab().waiting == {}
    work["reviewer_tab"] = ReviewerTab(REVIEWER)
    send(work, *log[2:], client="the same browser after the server started again")
    store_marks(filled)
    assert (own(filled, 1)[2].rating, own(filled, 1)[None].verdict) == (5, "reject")
    assert tab().waiting == {}, "what waited on the way was settled by a later key"
    assert "notice" not in work or "changed elsewhere" not in work["notice"][0][0]


def test_a_key_pressed_on_what_is_saved_by_now_settles_it(filled: Database, work: dict[str, Any]) -> None:
    elsewhere(filled, 1, 2, rating=5)
    send(work, {"turn": 2, "rating": 1, "seen": {"rating": None}})
    store_marks(filled)
    assert tab().waiting == {(1, 2, "rating"): 1}
    send(work, {"turn": 2, "rating": 2, "seen": {"rating": 5}}, client="b")
    store_marks(filled)
    assert (own(filled, 1)[2].rating, tab().waiting) == (2, {})


def test_many_marks_are_settled_at_once_and_others_lead_to_theirs(open_page: Opener, filled: Database) -> None:
    for turn in range(10):
        elsewhere(filled, 8, turn, rating=5)
    shown = open_page("trajectory", id="8")
    waiting: dict[Place, Any] = {(8, turn, "rating"): 1 for turn in range(10)}
    waiting |= {(9, None, "verdict"): "accept"}
    shown.session_state["reviewer_tab"] = ReviewerTab(REVIEWER, waiting=waiting)
    shown.run()
    assert len(waits(shown)) == conflicts.ROWS
    assert any("And 4 more marks" in text.value for text in shown.caption)
    elsewhere(filled, 8, 3, rating=4)
    shown.button(key="marks_mine_8").click().run()
    assert {turn: review.rating for turn, review in own(filled, 8).items()} == {
        n: 4 if n == 3 else 1 for n in range(10)
    }
    assert waits(shown) == ["Turn 3: rating **4 of 5** is saved, yours was **1 of 5**."], "it changed once more"
    shown.button(key="mark_8_3_rating_Keep the saved one").click().run()
    assert waits(shown) == []
    assert shown.session_state["reviewer_tab"].waiting == {(9, None, "verdict"): "accept"}


def test_a_verdict_for_many_leaves_alone_what_was_judged_elsewhere(open_page: Opener, filled: Database) -> None:
    queue = open_page("queue")
    chosen = "queue_chosen"
    queue.session_state[chosen] = (queue.session_state[chosen][0], {60, 59, 58})
    queue.run()
    elsewhere(filled, 59, None, verdict="accept")
    queue.button(key="bulk_reject").click().run()
    assert [own(filled, n)[None].verdict for n in (60, 59, 58)] == ["reject", "accept", "reject"]
    assert queue.session_state[chosen][1] == {59}
    queue.button(key="bulk_reject").click().run()
    assert own(filled, 59)[None].verdict == "reject"
    assert queue.session_state[chosen][1] == set()


# ---------------------------------------------------------------- corrections


def test_a_correction_is_checked_against_the_schemas() -> None:
    shown = refund_trajectory(0)
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
    assert review.fix.original == refund_trajectory(7).turns[5]
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
    elsewhere(filled, 8, 5, verdict="fix", fix=theirs)
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

        from pages.review.parts.replay_view import draw_replay

        st.text(f"ends at {draw_replay(found, 11, 'fix')}")

    shown = AppTest.from_function(draw, kwargs={"found": found}).run()
    assert not shown.exception
    assert shown.text[0].value == f"ends at {default}"
    assert bool(shown.radio) is (kept is not None)
    assert bool(shown.warning) is found.diverges
    if kept is not None:
        shown.radio[0].set_value(shown.radio[0].options[1]).run()
        assert shown.text[0].value == f"ends at {kept}"


# ---------------------------------------------------------------- words


def test_events_and_calls_read_as_sentences(filled: Database) -> None:
    elsewhere(filled, 1, None, verdict="accept", tags={"a": True, "b": True})
    elsewhere(filled, 1, None, verdict="reject")
    elsewhere(filled, 1, None, verdict="reject")
    first, second = history(filled, 1)
    assert event_text(first) == "verdict: none → accept; tags: none → a, b"
    assert event_text(second) == "verdict: accept → reject"
    assert score_name("rubric.goal_met") == "Rubric: goal met"
    assert score_name("wrong_state") == "Wrong state"
    assert call_text(ToolCall(id="1", name="f", arguments={"a": "x", "b": [1]})) == 'f(a="x", b=[1])'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"satisfaction": 0.75, "feedback": "It *was* quick."}, True),
        ({"satisfaction": "high", "feedback": "Fine."}, False),
        ("fine", False),
        (None, False),
    ],
)
def test_the_feedback_of_the_simulated_user_stands_with_the_scores(
    open_page: Opener, database: Database, value: Any, shown: bool
) -> None:
    feedback = Attachment(turn=1, kind=FEEDBACK, value=value)
    insert_imported(database, "rated", [refund_trajectory(1, attachments=(feedback,))])
    trajectory = open_page("trajectory", id="1")
    assert not trajectory.exception
    captions = [caption.value for caption in trajectory.caption]
    assert ("Satisfaction of the simulated user, from 0 to 1: 0.75" in captions) is shown
    assert ("It *was* quick." in [text.value for text in trajectory.text]) is shown


_GIVEN_UP = {"request": 1, "judgement": -1, "reason": "impossible"}


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (UNRESOLVED, _GIVEN_UP, "Request 1 came to nothing, says the simulated user: impossible."),
        (
            UNRESOLVED,
            {**_GIVEN_UP, "not_cut": "It had changed the state: a.json#/1."},
            "Request 1 came to nothing, says the simulated user: impossible. It was not cut. "
            "It had changed the state: a.json#/1.",
        ),
        (
            CUT,
            {"end": "impossible", "requests": [{**_GIVEN_UP, "messages": 4}]},
            "Request 1 came to nothing (impossible). Its 4 messages were cut, and what is left was judged.",
        ),
        (CUT, {"requests": [7]}, None),
        (CUT, {"requests": 7}, None),
        (CUT, "all", None),
        (UNRESOLVED, [], None),
    ],
)
def test_what_came_to_nothing_stands_with_the_scores(
    open_page: Opener, database: Database, kind: str, value: Any, told: str | None
) -> None:
    noted = Attachment(turn=1, kind=kind, value=value)
    insert_imported(database, "given up", [refund_trajectory(1, attachments=(noted,))])
    trajectory = open_page("trajectory", id="1")
    assert not trajectory.exception
    said = [c.value.replace("\\", "") for c in trajectory.caption if "came to nothing" in c.value]
    assert said == ([told] if told else [])
