"""Two moments in which Streamlit loses what a browser sent, closed.

Both lie in its session, before any page runs, so no page can mend them; `mend` wraps the method in which they lie.
tests/pages/test_handover.py says whether an upgrade has changed it.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

MOMENT = 0.002
"""Seconds."""
_MENDED = "_turnwright_mended"


def mend() -> None:
    """Let a session wait for the end of a pass before it begins the next, and never drop a press; once per process.

    - When a pass has just ended, what it drew may still lie in the queue of the event loop. A message that came just
      then began the next pass at once, and the rest of the former was thrown away: a page of which parts are missing
      for good, or, when a part of it was drawn next, one that ends with "Bad delta path". It now waits its turn.
    - A press in a part of the page that is being drawn elsewhere by then was dropped without a word. It now comes with
      a pass of the whole page.
    """
    if hasattr(AppSession, _MENDED):
        return
    original = AppSession.request_rerun

    @wraps(original)
    def request_rerun(self: AppSession, client_state: ClientState | None) -> None:
        if _ending(self):
            self._event_loop.call_later(MOMENT, request_rerun, self, client_state)
            return
        if client_state and _astray(self, client_state):
            client_state.fragment_id = ""
        original(self, client_state)

    setattr(AppSession, _MENDED, True)
    AppSession.request_rerun = request_rerun  # type: ignore[method-assign]


def _ending(session: Any) -> bool:
    """Return whether the pass has ended and what it drew is not all sent yet."""
    runner = session._scriptrunner
    if runner is None or session._state == AppSessionState.SHUTDOWN_REQUESTED:
        return False
    thread = runner._script_thread
    return thread is not None and runner._requests._state == ScriptRequestType.STOP


def _astray(session: AppSession, state: ClientState) -> bool:
    return bool(state.fragment_id) and not state.is_auto_rerun and not session.has_fragment(state.fragment_id)
