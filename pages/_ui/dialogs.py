"""Dialogs that lose no press, and how a refused save is shown inside one.

Inside a dialog nothing may be drawn outside its body: a toast would take the dialog's own place on the page. So a
refusal is shown in the body; on success the dialog keeps a message (messages.py) and reruns the page, which shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from engine.errors import InputError, InputErrors, StorageError
from pages._ui.buttons import forget_presses
from pages._ui.messages import keep_message
from pages._ui.text import literal

_OPEN = "open_dialog"


@contextmanager
def refusals() -> Iterator[None]:
    """Show the errors of a refused save inside the `with`, at this place of the dialog's body."""
    try:
        yield
    except InputErrors as error:
        st.error("\n".join(f"- {literal(str(one))}" for one in error.errors), icon=":material/error:")
    except (InputError, StorageError) as error:
        st.error(literal(str(error)), icon=":material/error:")


def open_after_page(opening: Callable[[], None]) -> None:
    """Have `draw_dialog` call `opening` once the rest of the page is drawn.

    A dialog that is drawn in the middle of a page can be used before the pass ends, and a press in it then reruns the
    page together with the click that opened it.
    """
    st.session_state["wanted_dialog"] = opening


def dialog(title: str, **look: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate the body of a dialog that stays open until `close` or `finish`, also while the page behind it reruns.

    Streamlit closes a dialog when the page reruns without the click that opened it. A page that polls reruns by itself,
    and a press in the dialog at that moment would be lost.
    """

    def decorated(body: Callable[..., None]) -> Callable[..., None]:
        drawn = st.dialog(title, on_dismiss=_closed, **look)(body)

        @wraps(body)
        def opened(*args: Any) -> None:
            forget_presses()
            st.session_state[_OPEN] = (_page(), drawn, args)
            drawn(*args)

        return opened

    return decorated


def draw_dialog() -> None:
    """Draw the dialog that this pass asked for, or the one that is open. The shell calls it after the page."""
    if opening := st.session_state.pop("wanted_dialog", None):
        opening()
    elif opened := st.session_state.get(_OPEN):
        page, drawn, args = opened
        if page == _page():
            drawn(*args)
        else:
            _closed()


def close() -> NoReturn:
    """Close the dialog that is open."""
    _closed()
    st.rerun()


def begin(dialog: str) -> None:
    """Forget that an earlier dialog of this name was finished; call it before the dialog's function."""
    st.session_state.pop(f"done_{dialog}", None)


def unless_done(dialog: str) -> None:
    """Rerun the page when the dialog has finished already, so that one click never acts twice; call it first in the
    body."""
    if st.session_state.get(f"done_{dialog}"):
        st.rerun()


def finish(dialog: str, message: str) -> NoReturn:
    """Close a dialog that has done its work, and show a message in the next pass."""
    st.session_state[f"done_{dialog}"] = True
    keep_message(message)
    close()


def _closed() -> None:
    st.session_state.pop(_OPEN, None)


def _page() -> str:
    context = get_script_run_ctx()
    return f"{context.page_script_hash} {st.query_params.get('id', '')}" if context else ""
