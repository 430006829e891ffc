"""Dialogs that lose no press, and what a save inside one refuses.

Inside a dialog nothing may be drawn outside its body: a toast lies where the dialog itself lies and would take its
place. So a dialog shows a refusal in its body. On success it leaves a message (messages.py), asks for a new pass, and
the page shows the message.
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
from pages._ui.messages import leave
from pages._ui.text import literal

_OPEN = "open_dialog"


@contextmanager
def refusals() -> Iterator[None]:
    """Show what a save inside refuses, at this place of the dialog's body."""
    try:
        yield
    except InputErrors as error:
        st.error("\n".join(f"- {literal(str(one))}" for one in error.errors), icon=":material/error:")
    except (InputError, StorageError) as error:
        st.error(literal(str(error)), icon=":material/error:")


def want(opening: Callable[[], None]) -> None:
    """Ask for a dialog; `draw_wanted` opens it once the rest of the page is drawn.

    A dialog that opens in the middle of a page can be used before the page has ended, and what is done in it then
    starts the page again with the click that opened it.
    """
    st.session_state["wanted_dialog"] = opening


def dialog(title: str, **look: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate the body of a dialog that stays open, whatever is drawn anew behind it, until `close` or `finish`.

    Streamlit closes a dialog when the page is drawn again without the click that opened it, and a page that polls is
    drawn again by itself: a press in the dialog at that moment would be lost.
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


def draw_wanted() -> None:
    """Draw the dialog that was asked for in this pass, or the one that is open; the shell's last call for a page."""
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
    """Say that a dialog is being opened; call it before the dialog's function."""
    st.session_state.pop(f"done_{dialog}", None)


def unless_done(dialog: str) -> None:
    """End a late pass of a dialog that has done its work, so that one click never acts twice; first in its body."""
    if st.session_state.get(f"done_{dialog}"):
        st.rerun()


def finish(dialog: str, message: str) -> NoReturn:
    """Close a dialog that has done its work, and keep a message for the page's next pass."""
    st.session_state[f"done_{dialog}"] = True
    leave(message)
    close()


def _closed() -> None:
    st.session_state.pop(_OPEN, None)


def _page() -> str:
    context = get_script_run_ctx()
    return f"{context.page_script_hash} {st.query_params.get('id', '')}" if context else ""
