"""Buttons whose press is neither lost nor done twice. Every page draws its buttons with `button` and `menu`.

Streamlit's own answer to a press holds for one pass of the script only: `if st.button(...)` stays False when another
message restarts the pass before it comes to that line, or when the browser sends the press together with a change in
another part of the page, and then only that part is drawn. And a part that polls may send a press along a moment before
the press itself is sent. So a press is noted in a callback, which runs before anything is drawn, and is kept until the
pass that comes to the button; a pass that was drawn to its end without it drops it.
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
"""Seconds in which a press that came along with another part's message is taken for the same when it comes itself."""
LONGEST = 10.0
"""Seconds after which a press that no pass came to is dropped."""
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
    """Draw a button; return True in one pass after each press. With `on_click` the press is dealt with there instead.

    `at` is the container to draw into. A callback keeps the arguments of the pass that drew the button, so what acts on
    what was typed uses the answer.
    """
    act = partial(on_click, *args, **(kwargs or {})) if on_click else None
    at.button(label, key=key, on_click=_press, args=(key, act, False), **look)
    return _taken(key) is not None


def menu(label: str, options: Sequence[str], *, key: str, **look: Any) -> str | None:
    """Draw a button with a menu; return the option in one pass after it was chosen."""
    st.menu_button(label, options, key=key, on_click=_press, args=(key, None, True), **look)
    return _taken(key)


def begin_pass() -> None:
    """Begin to draw a whole page."""
    st.session_state[_BEGAN] = time.monotonic()


def end_pass() -> None:
    """Drop the presses of buttons that a page drawn to its end does not have any more."""
    began = st.session_state.get(_BEGAN, 0.0)
    for key, press in list(_presses().items()):
        if press.at < began:
            del _presses()[key]


def forget_presses() -> None:
    """Drop every press that is kept, for instance because a dialog opens that reuses the keys of an earlier one."""
    _presses().clear()


def _press(key: str, act: Callable[[], Any] | None, chosen: bool) -> None:
    now, echoes = time.monotonic(), st.session_state.setdefault(_ECHOES, {})
    if now - echoes.pop(key, -ECHO) < ECHO:
        return
    strange = _strange()
    if strange:
        echoes[key] = now
    if act:
        act()
    else:
        _presses()[key] = _Press(st.session_state[key] if chosen else True, _page(), now)
    if strange:
        st.rerun()


def _strange() -> bool:
    """Return whether this pass draws another part of the page, or one that is gone, so that it has not that button."""
    context, own = get_script_run_ctx(), ThreadState.get().fragment_id
    if not context or not context.fragment_ids_this_run:
        return False
    return own not in context.fragment_ids_this_run or not context.fragment_storage.contains(own or "")


def _taken(key: str) -> Any:
    press = _presses().pop(key, None)
    fits = press and press.page == _page() and time.monotonic() - press.at < LONGEST
    return press.value if press and fits else None


def _presses() -> dict[str, _Press]:
    found: dict[str, _Press] = st.session_state.setdefault(_PRESSES, {})
    return found


def _page() -> str:
    context = get_script_run_ctx()
    return context.page_script_hash if context else ""
