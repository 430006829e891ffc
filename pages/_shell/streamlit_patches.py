"""Patches of Streamlit. Without them it loses messages of the browser, or draws in the wrong place.

A pass is one run of the script, of the whole page or of fragments. These faults happen between two passes of a session,
before any page runs, so no page can prevent them; `mend` wraps the methods that cause them. The tests in
tests/pages/test_streamlit_patches.py fail when an upgrade has changed these methods.
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
"""Seconds after which a message that came while a pass was ending is tried again: too few to be noticed. A newer
message overtakes it when the last event is handled in between."""
_MENDED = "_turnwright_mended"


def mend() -> None:
    """Apply the patches, once per process."""
    if hasattr(AppSession, _MENDED):
        return
    setattr(AppSession, _MENDED, True)
    AppSession.request_rerun = _waiting_for_last_events(AppSession.request_rerun)  # type: ignore[method-assign]
    AppSession._clear_queue = _keeping_unsent_drawings(AppSession._clear_queue)  # type: ignore[method-assign]
    ScriptRunner._run_script = _starting_at_the_top(ScriptRunner._run_script)  # type: ignore[method-assign]


def _waiting_for_last_events(request: Callable[[AppSession, ClientState | None], None]) -> Callable[..., None]:
    """Wrap `request_rerun`, which receives each message of the browser.

    - When a pass has just ended, its last drawings may still be in the queue of the event loop. A message at that
      moment started the next pass at once, and the queue was thrown away: parts of the page were missing for good, or
      a fragment that ran next ended with "Bad delta path". Such a message now waits until these are handled.
    - A press in a fragment that no longer exists was dropped silently. It now reruns the whole page.
    - A polling fragment names the page that the browser shows. When the session had opened another one meanwhile, the
      browser took the answer for one more change of pages and emptied the new one. A poll from a page that was left is
      now ignored, and a press there reruns the whole page that was left, because the message still names it.

    Streamlit itself drops the poll of a fragment that no longer exists.
    """

    @wraps(request)
    def request_rerun(self: AppSession, client_state: ClientState | None) -> None:
        if _ending(self):
            self._event_loop.call_later(MOMENT, request_rerun, self, client_state)
            return
        if client_state and client_state.fragment_id:
            left = _has_left(self, client_state.page_script_hash)
            if left and client_state.is_auto_rerun:
                return
            if left or not (client_state.is_auto_rerun or self.has_fragment(client_state.fragment_id)):
                client_state.fragment_id = ""
        request(self, client_state)

    return request_rerun


def _starting_at_the_top(run: Callable[[ScriptRunner, RerunData], None]) -> Callable[..., None]:
    """Wrap `_run_script`, which runs passes.

    - A pass that followed one of a fragment in the same thread went on writing where the fragment had ended: the whole
      page was drawn inside the fragment, which gave a blank page, a part drawn twice or "Bad delta path". Each call now
      starts at the top; after a rerun within a call, Streamlit goes back to the top itself.
    - A message may wait for the pass before, which may be the one that opens another page. It is then ignored
      (Streamlit goes on to the next request), or reruns the whole page, as in `_waiting_for_last_events`.
    """

    @wraps(run)
    def run_script(self: ScriptRunner, rerun_data: RerunData) -> None:
        context_dg_stack.set(get_default_dg_stack_value())
        if rerun_data.fragment_id_queue and _has_left(self, rerun_data.page_script_hash):
            if rerun_data.is_auto_rerun:
                return
            rerun_data = replace(rerun_data, fragment_id_queue=[])
        run(self, rerun_data)

    return run_script


def _keeping_unsent_drawings(clear: Callable[..., None]) -> Callable[..., None]:
    """Wrap `_clear_queue`, which drops unsent drawings when a pass begins.

    When a fragment reran before the page was sent, its old drawings were taken out of the queue, and what followed
    moved up. A fragment's pass now leaves the queue as it is.
    """

    @wraps(clear)
    def clear_queue(self: AppSession, fragment_ids_this_run: list[str] | None = None) -> None:
        if fragment_ids_this_run:
            self._browser_queue._delta_index_map = {}  # nothing is written over what the pass before has drawn
        else:
            clear(self)

    return clear_queue


def _ending(session: Any) -> bool:
    """Return whether the runner has stopped but its last events are not handled.

    A runner that ends its last pass stops its requests itself, and the event loop drops the runner with its last event.
    Before its thread is there it has sent none. A session that shuts down starts no pass, so nothing has to wait then.
    """
    runner = session._scriptrunner
    if runner is None or session._state == AppSessionState.SHUTDOWN_REQUESTED:
        return False
    thread = runner._script_thread
    return thread is not None and runner._requests._state == ScriptRequestType.STOP


def _has_left(owner: AppSession | ScriptRunner, page_hash: str) -> bool:
    """Return whether the session has opened another page since the browser showed this one."""
    return bool(page_hash) and page_hash != owner._pages_manager.current_page_script_hash
