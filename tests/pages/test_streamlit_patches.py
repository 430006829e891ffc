"""Streamlit's session keeps its passes apart, and drops no press of a part that is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
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
    for owner, name in ((AppSession, "request_rerun"), (AppSession, "_clear_queue"), (ScriptRunner, "_run_script")):
        monkeypatch.setattr(owner, name, getattr(owner, name))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What reached Streamlit's own method: the parts of the page that it was asked to draw."""
    found: list[str] = []
    unmended(monkeypatch)
    monkeypatch.setattr(AppSession, "request_rerun", lambda self, state: found.append(state.fragment_id))
    streamlit_patches.mend()
    return found


def session(state: ScriptRequestType, *, parts: tuple[str, ...] = ("here",)) -> Any:
    later: list[Any] = []
    runner = SimpleNamespace(_script_thread=object(), _requests=SimpleNamespace(_state=state))
    return SimpleNamespace(
        _scriptrunner=runner,
        _state=AppSessionState.APP_IS_RUNNING,
        _event_loop=SimpleNamespace(call_later=lambda seconds, act, *args: later.append((act, args))),
        has_fragment=lambda part: part in parts,
        later=later,
    )


def test_a_message_waits_until_all_of_the_pass_before_is_sent(asked: list[str]) -> None:
    one = session(ScriptRequestType.STOP)
    AppSession.request_rerun(one, ClientState(fragment_id="here"))
    assert asked == []
    one._scriptrunner = None
    ((act, args),) = one.later
    act(*args)
    assert asked == ["here"]


def test_a_press_in_a_part_that_is_gone_comes_with_the_whole_page(asked: list[str]) -> None:
    AppSession.request_rerun(session(ScriptRequestType.CONTINUE), ClientState(fragment_id="gone"))
    AppSession.request_rerun(session(ScriptRequestType.CONTINUE), ClientState(fragment_id="here"))
    AppSession.request_rerun(session(ScriptRequestType.CONTINUE), ClientState(fragment_id="gone", is_auto_rerun=True))
    assert asked == ["", "here", "gone"]


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


def test_a_whole_page_drawn_right_after_a_part_begins_at_the_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "page.py"
    script.write_text(PAGE)
    monkeypatch.setattr(Runtime, "_instance", MagicMock())
    unmended(monkeypatch)
    streamlit_patches.mend()
    storage = MemoryFragmentStorage()
    runner = ScriptRunner(
        "session", str(script), SessionState(), MemoryUploadedFileManager(""), ScriptCache(), RerunData(), {}, storage,
        PagesManager(str(script)), event_loop=asyncio.new_event_loop(),
    )  # fmt: skip
    passes: list[list[ForwardMsg]] = []

    def on_event(sender: ScriptRunner, event: ScriptRunnerEvent, **told: Any) -> None:
        """Ask, as the event loop may do, for the part when the page is done, and for the page when the part is done."""
        if event == ScriptRunnerEvent.SCRIPT_STARTED:
            passes.append([])
        elif event == ScriptRunnerEvent.ENQUEUE_FORWARD_MSG:
            passes[-1].append(told["forward_msg"])
        elif event == ScriptRunnerEvent.SCRIPT_STOPPED_WITH_SUCCESS and len(passes) == 1:
            (part,) = storage._fragments
            sender.request_rerun(RerunData(fragment_id=part))
        elif event == ScriptRunnerEvent.FRAGMENT_STOPPED_WITH_SUCCESS:
            sender.request_rerun(RerunData())

    runner.on_event.connect(on_event)
    runner.start()
    runner._script_thread.join(timeout=30)
    whole, part, again = map(paths, passes)
    assert whole == [(0, 0), (0, 1), (0, 1, 0), (0, 1, 1), (0, 1, 1, 0), (0, 1, 1, 0, 0), (0, 2)]
    assert part == [(0, 1, 1, 0), (0, 1, 1, 0, 0)]
    assert again == whole


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
