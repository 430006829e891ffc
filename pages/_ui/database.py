"""The database of this process, and how a refused save is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import RunLocation, ThreadState

from engine import settings
from engine.errors import Conflict, InputError, InputErrors, StorageError
from pages._ui.messages import keep_message, notice
from pages._ui.text import literal
from storage.database import Database, open_database

_REFUSED, _PLACE = "refused", "place_of_refusals"


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(address: str) -> Database:
    return open_database(address)


def db() -> Database:
    """Return the database that the settings name; opened once per process and address."""
    return _open(settings.read().database_url)


@contextmanager
def saving(success: str = "") -> Iterator[None]:
    """Show the user whether the save inside the `with` succeeded; Conflict, InputError and StorageError are shown, not
    raised.

    Use it around the call that writes, in a callback or in the page.
    """
    try:
        yield
    except Conflict as error:
        _refused(
            f"Somebody else saved this in the meantime. {literal(str(error))} "
            "Reload the page and apply your change again.",
            "sync_problem",
        )
    except InputErrors as error:
        _refused("\n".join(f"- {literal(str(one))}" for one in error.errors), "error")
    except (InputError, StorageError) as error:
        _refused(literal(str(error)), "error")
    else:
        if success:
            keep_message(literal(success))


def draw_refusals() -> None:
    """Reserve the place above a page where refusals are shown, and show those of callbacks. The shell calls it first.

    Drawn where it happens, a refusal would move everything below it, also a button that is just being pressed.
    """
    place = st.container(key="refusals")
    st.session_state[_PLACE] = place
    for message, icon in st.session_state.pop(_REFUSED, ()):
        place.error(message, icon=f":material/{icon}:")


def _refused(message: str, icon: str) -> None:
    """Show a refusal above the page. A fragment cannot draw there, so it shows a toast that stays."""
    context = get_script_run_ctx()
    if context and context.fragment_ids_this_run:
        keep_message(message, icon, stays=True)
    elif ThreadState.get().run_location == RunLocation.CALLBACK:
        st.session_state.setdefault(_REFUSED, []).append((message, icon))
    else:
        with st.session_state.get(_PLACE) or st.container():
            notice("error", message, icon=icon)
