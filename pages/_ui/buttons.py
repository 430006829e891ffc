"""Buttons whose press is neither lost nor handled twice. Every page draws its buttons with `button` and `menu`.

Streamlit reports a press in one pass (run of the script) only. `if st.button(...)` stays False when another message
restarts the pass before that line, or when the browser sends the press together with a change in another fragment, so
that only that fragment runs. And a fragment that polls may send a press along a moment before the press itself is
sent. So a callback, which runs before anything is drawn, stores the press until a pass draws the button; a pass that
ends without drawing it drops the press.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

ECHO = 1.0
"""Seconds within which a press that came with another fragment's message and the same press itself count as one."""
LONGEST = 10.0
"""Seconds after which a press that no pass has handled is dropped."""
_PRESSES, _ECHOES, _BEGAN = "presses", "echoes", "pass_began"


@dataclass(frozen=True)
class _Press:
    value: Any
    page: str
    at: float


def button(
    label: str,
    *,
    key: str,
    on_click: Callable[..., Any] | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    at: Any = st,
    **look: Any,
) -> bool:
    """Draw a button; return True in one pass after each press. With `on_click` that is called instead.

    `at` is the container to draw into. A callback gets the arguments of the pass that drew the button, so an action on
    typed text must use the returned value.
    """
    act = partial(on_click, *args, **(kwargs or {})) if on_click else None
    at.button(label, key=key, on_click=_press, args=(key, act, False), **look)
    return _take_press(key) is not None


def menu(label: str, options: Sequence[str], *, key: str, **look: Any) -> str | None:
    """Draw a button with a menu; return the chosen option in one pass after each choice, else None."""
    st.menu_button(label, options, key=key, on_click=_press, args=(key, None, True), **look)
    return _take_press(key)


def begin_pass() -> None:
    """Note when the pass of a whole page begins."""
    st.session_state[_BEGAN] = time.monotonic()


def end_pass() -> None:
    """Drop presses from before this pass: it has ended, so their buttons are not on the page."""
    began = st.session_state.get(_BEGAN, 0.0)
    for key, press in list(_presses().items()):
        if press.at < began:
            del _presses()[key]


def forget_presses() -> None:
    """Drop every stored press; a dialog that opens may reuse the keys of an earlier one."""
    _presses().clear()


def _press(key: str, act: Callable[[], Any] | None, chosen: bool) -> None:
    now, echoes = time.monotonic(), st.session_state.setdefault(_ECHOES, {})
    if now - echoes.pop(key, -ECHO) < ECHO:
        return
    elsewhere = _in_other_fragment()
    if elsewhere:
        echoes[key] = now
    if act:
        act()
    else:
        _presses()[key] = _Press(st.session_state[key] if chosen else True, _page(), now)
    if elsewhere:
        st.rerun()


def _in_other_fragment() -> bool:
    """Return whether this pass runs another fragment, or one that is gone, so that it does not draw the button."""
    context, own = get_script_run_ctx(), ThreadState.get().fragment_id
    if not context or not context.fragment_ids_this_run:
        return False
    return own not in context.fragment_ids_this_run or not context.fragment_storage.contains(own or "")


def _take_press(key: str) -> Any:
    press = _presses().pop(key, None)
    fits = press and press.page == _page() and time.monotonic() - press.at < LONGEST
    return press.value if press and fits else None


def _presses() -> dict[str, _Press]:
    found: dict[str, _Press] = st.session_state.setdefault(_PRESSES, {})
    return found


def _page() -> str:
    context = get_script_run_ctx()
    return context.page_script_hash if context else ""
