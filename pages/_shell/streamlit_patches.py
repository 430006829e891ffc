"""Patches of Streamlit. Without them it loses what a browser sent, or draws it in the wrong place.

All that they mend lies between two passes of one session, before any page runs, so no page can do it; `mend` wraps the
methods in which it lies. tests/pages/test_streamlit_patches.py says whether an upgrade has changed them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from streamlit.delta_generator_singletons import context_dg_stack, get_default_dg_stack_value
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

MOMENT = 0.002
"""Seconds."""
_MENDED = "_turnwright_mended"


def mend() -> None:
    """Keep the passes of a session apart, and never drop a press; once per process."""
    if hasattr(AppSession, _MENDED):
        return
    setattr(AppSession, _MENDED, True)
    AppSession.request_rerun = _asking_in_turn(AppSession.request_rerun)  # type: ignore[method-assign]
    AppSession._clear_queue = _keeping_what_waits(AppSession._clear_queue)  # type: ignore[method-assign]
    ScriptRunner._run_script = _beginning_at_the_top(ScriptRunner._run_script)  # type: ignore[method-assign]


def _asking_in_turn(request: Callable[[AppSession, ClientState | None], None]) -> Callable[..., None]:
    """Mend what happens to a message of the browser.

    - When a pass has just ended, what it drew may still lie in the queue of the event loop. A message that came just
      then began the next pass at once, and the rest of the former was thrown away: a page of which parts are missing
      for good, or, when a part of it was drawn next, one that ends with "Bad delta path". It now waits its turn.
    - A press in a part of the page that is being drawn elsewhere by then was dropped without a word. It now comes with
      a pass of the whole page.
    - A part that looks again by itself did so under the name of the page that the browser still showed. When another
      page had been opened meanwhile, the browser took the answer for one more change of pages and emptied the new one.
      A look of a page that was left is now passed over, and a press there comes with a pass of its whole page.
    """

    @wraps(request)
    def request_rerun(self: AppSession, client_state: ClientState | None) -> None:
        if _ending(self):
            self._event_loop.call_later(MOMENT, request_rerun, self, client_state)
            return
        if client_state and client_state.fragment_id:
            left = _is_left(self, client_state.page_script_hash)
            if left and client_state.is_auto_rerun:
                return
            if left or not (client_state.is_auto_rerun or self.has_fragment(client_state.fragment_id)):
                client_state.fragment_id = ""
        request(self, client_state)

    return request_rerun


def _beginning_at_the_top(run: Callable[[ScriptRunner, RerunData], None]) -> Callable[..., None]:
    """Mend where a pass begins.

    - A pass that followed one of a part in the same thread went on writing where that part had ended: the whole page
      was drawn inside the part, and a blank page, a part drawn twice or "Bad delta path" was left of it. Each pass now
      begins at the top.
    - A message may wait for the pass before to end, and that pass may be the one that leaves its page. It is then
      passed over, or draws its whole page, as in `_asking_in_turn`.
    """

    @wraps(run)
    def run_script(self: ScriptRunner, rerun_data: RerunData) -> None:
        context_dg_stack.set(get_default_dg_stack_value())
        if rerun_data.fragment_id_queue and _is_left(self, rerun_data.page_script_hash):
            if rerun_data.is_auto_rerun:
                return
            rerun_data = replace(rerun_data, fragment_id_queue=[])
        run(self, rerun_data)

    return run_script


def _keeping_what_waits(clear: Callable[..., None]) -> Callable[..., None]:
    """Mend what becomes of messages to the browser that wait when a pass begins.

    When a part was drawn anew before the whole page had been sent, its place was taken out of the whole page, and what
    stands beside it moved up. What is queued is now sent as it was drawn.
    """

    @wraps(clear)
    def clear_queue(self: AppSession, fragment_ids_this_run: list[str] | None = None) -> None:
        if fragment_ids_this_run:
            self._browser_queue._delta_index_map = {}  # nothing is written over what the pass before has drawn
        else:
            clear(self)

    return clear_queue


def _ending(session: Any) -> bool:
    """Return whether the pass has ended and what it drew is not all sent yet."""
    runner = session._scriptrunner
    if runner is None or session._state == AppSessionState.SHUTDOWN_REQUESTED:
        return False
    thread = runner._script_thread
    return thread is not None and runner._requests._state == ScriptRequestType.STOP


def _is_left(one: AppSession | ScriptRunner, page: str) -> bool:
    """Return whether the session draws, or has drawn, another page since the browser showed this one."""
    return bool(page) and page != one._pages_manager.current_page_script_hash
