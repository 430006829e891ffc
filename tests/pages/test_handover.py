"""Streamlit's session waits for the end of a pass, and drops no press of a part that is gone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType

from pages._ui import handover


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What reached Streamlit's own method: the parts of the page that it was asked to draw."""
    found: list[str] = []
    monkeypatch.delattr(AppSession, handover._MENDED, raising=False)
    monkeypatch.setattr(AppSession, "request_rerun", lambda self, state: found.append(state.fragment_id))
    handover.mend()
    yield found
    monkeypatch.undo()


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
