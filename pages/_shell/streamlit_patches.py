"""Patches of Streamlit. Without them it loses messages of the browser, or draws in the wrong place.

A pass is one run of the script, of the whole page or of fragments. These faults happen between two passes of a session,
before any page runs, so no page can prevent them; `mend` wraps the methods that cause them. The tests in
tests/pages/_shell/test_streamlit_patches.py fail when an upgrade has changed these methods.
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
from streamlit.runtime.state import SessionState

MOMENT = 0.002
"""Seconds after which a message that came while a pass was ending is tried again: too few to be noticed. A newer
message overtakes it when the last event is handled in between."""
REMOVED_WIDGETS = 200
"""Values of removed widgets that a session remembers. The browser reports a removed widget for part of a second; a page
has fewer than 100."""
_MENDED = "_turnwright_mended"
_REMOVED = "_turnwright_removed"


def mend() -> None:
    """Apply the patches, once per process."""
    if hasattr(AppSession, _MENDED):
        return
    setattr(AppSession, _MENDED, True)
    AppSession.request_rerun = _waiting_for_last_events(AppSession.request_rerun)  # type: ignore[method-assign]
    AppSession._clear_queue = _keeping_unsent_drawings(AppSession._clear_queue)  # type: ignore[method-assign]
    ScriptRunner._run_script = _starting_at_the_top(ScriptRunner._run_script)  # type: ignore[method-assign]
    SessionState._remove_stale_widgets = _remembering_values(SessionState._remove_stale_widgets)  # type: ignore[method-assign]
    SessionState._widget_changed = _comparing_removed_values(SessionState._widget_changed)  # type: ignore[method-assign]


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


def _remembering_values(remove: Callable[[SessionState, frozenset[str]], None]) -> Callable[..., None]:
    """Wrap `_remove_stale_widgets`, which forgets the widgets that a pass no longer drew, so that their values are
    known to `_comparing_removed_values`."""

    @wraps(remove)
    def remove_stale_widgets(self: SessionState, active_widget_ids: frozenset[str]) -> None:
        before = {**self._old_state, **{id: self._new_widget_state.get(id) for id in self._new_widget_state}}
        remove(self, active_widget_ids)
        left = self._old_state.keys() | self._new_widget_state.keys()
        removed = {**self._old_state.get(_REMOVED, {}), **{id: before[id] for id in before if id not in left}}
        self._old_state[_REMOVED] = dict(list(removed.items())[-REMOVED_WIDGETS:])  # the class takes no attribute

    return remove_stale_widgets


def _comparing_removed_values(changed: Callable[[SessionState, str], bool]) -> Callable[..., bool]:
    """Wrap `_widget_changed`, which decides whether a widget's callback runs.

    The browser goes on reporting a removed widget until the pass that removed it has arrived. A press in that moment
    therefore carried a value that the session no longer knew, and that counted as a change: the text of a tool file
    that had just been deactivated was typed in again, and the file was there twice. The value that the widget had when
    it was removed is now no change.
    """

    @wraps(changed)
    def widget_changed(self: SessionState, widget_id: str) -> bool:
        removed = self._old_state.get(_REMOVED, {})
        if widget_id in removed and widget_id not in self._old_state:
            return bool(self._new_widget_state.get(widget_id) != removed[widget_id])
        return changed(self, widget_id)

    return widget_changed


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
