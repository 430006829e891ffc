"""Messages that outlive the pass which made them.

A button that acts on what was typed is read in the page, not in a callback: a callback keeps the arguments of the pass
before, and those lack what was typed last. When such a pass ends with a new one, the message waits here for it.

Inside a dialog nothing may be drawn outside its body: a toast lies where the dialog itself lies and would take its
place. So a dialog shows a refusal in its body; on success it leaves a message here, asks for a new pass, and the page
shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from engine.errors import InputError, InputErrors, StorageError
from pages._ui.text import literal

_KEY = "notice"


@contextmanager
def refusals() -> Iterator[None]:
    """Show what a save inside refuses, at this place of the dialog's body."""
    try:
        yield
    except InputErrors as error:
        st.error("\n".join(f"- {literal(str(one))}" for one in error.errors), icon=":material/error:")
    except (InputError, StorageError) as error:
        st.error(literal(str(error)), icon=":material/error:")


def want(dialog: Callable[[], None]) -> None:
    """Ask for a dialog; `draw_wanted` opens it once the rest of the page is drawn.

    A dialog that opens in the middle of a page can be used before the page has ended, and what is done in it then
    starts the page again with the click that opened it.
    """
    st.session_state["wanted_dialog"] = dialog


def draw_wanted() -> None:
    """Open the dialog that was asked for in this pass; the last call of a page's script."""
    if dialog := st.session_state.pop("wanted_dialog", None):
        dialog()


def begin(dialog: str) -> None:
    """Say that a dialog is being opened; call it before the dialog's function."""
    st.session_state.pop(f"done_{dialog}", None)


def unless_done(dialog: str) -> None:
    """End a late pass of a dialog that has done its work, so that one click never acts twice; first in its body."""
    if st.session_state.get(f"done_{dialog}"):
        st.rerun()


def finish(dialog: str, message: str) -> None:
    """Close a dialog that has done its work, and keep a message for the page's next pass."""
    st.session_state[f"done_{dialog}"] = True
    leave(message)
    st.rerun()


def leave(message: str, icon: str = "check") -> None:
    """Keep a message for the page's next pass, where `tell` shows it."""
    st.session_state[_KEY] = (message, icon)


def tell() -> None:
    """Show the message that was left, once. The shell calls it for every page; a fragment for its own passes."""
    if left := st.session_state.pop(_KEY, None):
        st.toast(left[0], icon=f":material/{left[1]}:")
