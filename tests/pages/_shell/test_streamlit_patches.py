"""Streamlit's session keeps its passes apart, and drops no press of a part that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner, ScriptRunnerEvent
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType
from streamlit.runtime.state import SessionState

from pages._shell import streamlit_patches


def unmended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `mend` mend once more, until the test ends."""
    monkeypatch.setattr(AppSession, streamlit_patches._MENDED, True, raising=False)
    monkeypatch.delattr(AppSession, streamlit_patches._MENDED)
    methods: dict[type, tuple[str, ...]] = {
        AppSession: ("request_rerun", "_clear_queue"),
        ScriptRunner: ("_run_script",),
        SessionState: ("_remove_stale_widgets", "_widget_changed"),
    }
    for owner, names in methods.items():
        for name in names:
            monkeypatch.setattr(owner, name, getattr(owner, name))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What reached Streamlit's own method: the part that it was asked to draw, and its page."""
    found: list[tuple[str, str]] = []
    unmended(monkeypatch)
    monkeypatch.setattr(
        AppSession, "request_rerun", lambda self, state: found.append((state.fragment_id, state.page_script_hash))
    )
    streamlit_patches.mend()
    return found


def session(state: ScriptRequestType, *, parts: tuple[str, ...] = ("here",)) -> Any:
    later: list[Any] = []
    runner = SimpleNamespace(_script_thread=object(), _requests=SimpleNamespace(_state=state))
    return SimpleNamespace(
        _scriptrunner=runner,
        _state=AppSessionState.APP_IS_RUNNING,
        _event_loop=SimpleNamespace(call_later=lambda seconds, act, *args: later.append((act, args))),
        _pages_manager=SimpleNamespace(current_page_script_hash="queue"),
        has_fragment=lambda part: part in parts,
        later=later,
    )


def test_a_message_waits_until_all_of_the_pass_before_is_sent(asked: list[tuple[str, str]]) -> None:
    one = session(ScriptRequestType.STOP)
    AppSession.request_rerun(one, ClientState(fragment_id="here"))
    assert asked == []
    one._scriptrunner = None
    ((act, args),) = one.later
    act(*args)
    assert asked == [("here", "")]


def ask(part: str, page: str = "queue", *, itself: bool = False) -> None:
    state = ClientState(fragment_id=part, page_script_hash=page, is_auto_rerun=itself)
    AppSession.request_rerun(session(ScriptRequestType.CONTINUE), state)


def test_a_press_in_a_part_that_is_gone_comes_with_the_whole_page(asked: list[tuple[str, str]]) -> None:
    ask("gone")
    ask("here")
    ask("gone", itself=True)
    assert asked == [("", "queue"), ("here", "queue"), ("gone", "queue")]


def test_of_a_page_that_was_left_a_press_is_done_and_a_look_passed_over(asked: list[tuple[str, str]]) -> None:
    ask("here", "scores", itself=True)
    ask("here", "scores")
    ask("", "scores")
    assert asked == [("", "scores"), ("", "scores")]


def test_streamlit_still_has_what_is_mended() -> None:
    assert {"_state"} <= vars(ScriptRequests()).keys()
    names = AppSession.__init__.__code__.co_names
    assert {"_scriptrunner", "_state", "_event_loop"} <= set(names)
    assert callable(AppSession.has_fragment)


PAGE = """
import streamlit as st

@st.fragment
def part():
    st.text("part")

st.title("top")
left, right = st.columns(2)
with right:
    part()
st.text("end")
"""


def paths(messages: list[ForwardMsg]) -> list[tuple[int, ...]]:
    return [tuple(m.metadata.delta_path) for m in messages if m.HasField("delta")]


Answers = dict[int, Callable[[ScriptRunner], RerunData]]
Drawn = Callable[..., list[list[ForwardMsg]]]


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """Run a page, ask what is given by pass as soon as that pass has ended; return what each sent."""
    script = tmp_path / "page.py"
    monkeypatch.setattr(Runtime, "_instance", MagicMock())
    unmended(monkeypatch)
    streamlit_patches.mend()

    def run(answers: Answers, page: str = PAGE) -> list[list[ForwardMsg]]:
        script.write_text(page)
        runner = ScriptRunner(
            "session", str(script), SessionState(), MemoryUploadedFileManager(""), ScriptCache(), RerunData(), {},
            MemoryFragmentStorage(), PagesManager(str(script)), event_loop=asyncio.new_event_loop(),
        )  # fmt: skip
        passes: list[list[ForwardMsg]] = []

        def on_event(sender: ScriptRunner, event: ScriptRunnerEvent, **told: Any) -> None:
            if event == ScriptRunnerEvent.SCRIPT_STARTED:
                passes.append([])
            elif event == ScriptRunnerEvent.ENQUEUE_FORWARD_MSG:
                passes[-1].append(told["forward_msg"])
            elif event != ScriptRunnerEvent.SHUTDOWN and (answer := answers.get(len(passes))):
                sender.request_rerun(answer(sender))

        runner.on_event.connect(on_event)
        runner.start()
        runner._script_thread.join(timeout=30)
        return passes

    return run


def part_again(page: str = "", *, itself: bool = False) -> Callable[[ScriptRunner], RerunData]:
    def ask(runner: ScriptRunner) -> RerunData:
        (part,) = runner._fragment_storage._fragments
        return RerunData(fragment_id=part, page_script_hash=page, is_auto_rerun=itself)

    return ask


def test_a_whole_page_drawn_right_after_a_part_begins_at_the_top(
    drawn: Drawn,
) -> None:
    whole, part, again = map(paths, drawn({1: part_again(), 2: lambda _: RerunData()}))
    assert whole == [(0, 0), (0, 1), (0, 1, 0), (0, 1, 1), (0, 1, 1, 0), (0, 1, 1, 0, 0), (0, 2)]
    assert part == [(0, 1, 1, 0), (0, 1, 1, 0, 0)]
    assert again == whole


def test_a_look_that_waited_while_its_page_was_left_is_passed_over_and_a_press_draws_the_whole_page(
    drawn: Drawn,
) -> None:
    assert len(drawn({1: part_again("left", itself=True)})) == 1
    whole, again = map(paths, drawn({1: part_again("left")}))
    assert again == whole


RENAMED = """
import streamlit as st

def take(name):
    st.session_state.setdefault("taken", []).append(f"{name}={st.session_state[name]}")

def press(what):
    st.session_state.setdefault("taken", []).append(what)

name = "new" if "rename" in st.session_state.get("taken", []) else "old"
st.text_area("Text", "first", key=name, on_change=take, args=(name,))
st.button("Rename", key="rename", on_click=press, args=("rename",))
st.button("Save", key="save", on_click=press, args=("save",))
st.text(" ".join(st.session_state.get("taken", [])))
"""


def reported(press: str, **typed: str) -> Callable[[ScriptRunner], RerunData]:
    """A message of the browser: the texts of the fields that it shows, and a press."""

    def ask(runner: ScriptRunner) -> RerunData:
        known = runner._session_state._state._new_widget_state.widget_metadata
        ids = {id.rpartition("-")[2]: id for id in known}
        fields = [WidgetState(id=ids[key], string_value=text) for key, text in typed.items()]
        pressed = [WidgetState(id=ids[press], trigger_value=True)] if press else []
        return RerunData(widget_states=WidgetStates(widgets=[*fields, *pressed]))

    return ask


def last_text(messages: list[ForwardMsg]) -> str:
    return [m.delta.new_element.text.body for m in messages if m.delta.new_element.HasField("text")][-1]


def test_a_removed_field_that_the_browser_still_reports_is_not_typed_again(drawn: Drawn) -> None:
    presses = {1: reported("", old="second"), 2: reported("rename", old="second")}
    *_, saved = drawn({**presses, 3: reported("save", old="second")}, RENAMED)
    assert last_text(saved) == "old=second rename save"
    *_, saved = drawn({**presses, 3: reported("save", old="second", new="first")}, RENAMED)
    assert last_text(saved) == "old=second rename save"


def test_what_is_typed_into_a_field_while_it_is_removed_is_not_lost(drawn: Drawn) -> None:
    *_, saved = drawn({1: reported("rename", old="second"), 2: reported("save", old="third", new="first")}, RENAMED)
    assert last_text(saved) == "old=second rename old=third save"


def delta(path: list[int], text: str, part: str = "") -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.delta_path.extend(path)
    message.delta.new_element.text.body = text
    message.delta.fragment_id = part
    return message


def test_a_part_drawn_anew_leaves_the_whole_page_that_is_not_sent_yet_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unmended(monkeypatch)
    streamlit_patches.mend()
    queue = ForwardMsgQueue()
    one: Any = SimpleNamespace(_browser_queue=queue)
    queue.enqueue(delta([0, 0], "first", part="here"))
    queue.enqueue(delta([0, 1], "second"))
    AppSession._clear_queue(one, ["here"])
    queue.enqueue(delta([0, 0], "anew", part="here"))
    assert [m.delta.new_element.text.body for m in queue.flush()] == ["first", "second", "anew"]
    queue.enqueue(delta([0, 0], "old"))
    AppSession._clear_queue(one)
    assert queue.is_empty()
