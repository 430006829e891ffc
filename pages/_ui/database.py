"""The database of this process, and what guards a save."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import RunLocation, ThreadState

from engine import settings
from engine.errors import Conflict, InputError, InputErrors, StorageError
from pages._ui.messages import leave, notice
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
    """Tell the user how a save went; a refusal is shown in the page and never raises.

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
            leave(literal(success))


def draw_refusals() -> None:
    """Keep the place above a page where a refusal is shown, and show that of a callback; the shell's first call.

    Drawn where it happens, a refusal would push all that stands below to another place, and with it every part of the
    page that a press may be on its way to.
    """
    place = st.container(key="refusals")
    st.session_state[_PLACE] = place
    for message, icon in st.session_state.pop(_REFUSED, ()):
        place.error(message, icon=f":material/{icon}:")


def _refused(message: str, icon: str) -> None:
    """Show a refusal above the page. A fragment cannot draw there, so there it is a message that stays."""
    context = get_script_run_ctx()
    if context and context.fragment_ids_this_run:
        leave(message, icon, stays=True)
    elif ThreadState.get().run_location == RunLocation.CALLBACK:
        st.session_state.setdefault(_REFUSED, []).append((message, icon))
    else:
        with st.session_state.get(_PLACE) or st.container():
            notice("error", message, icon=icon)
