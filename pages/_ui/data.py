"""The database of this process, and what guards a save."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from engine import settings
from engine.errors import Conflict, InputError, InputErrors, StorageError
from pages._ui.layout import notice
from pages._ui.text import literal
from storage.database import Database, open_database


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
            st.toast(literal(success), icon=":material/check:")


def _refused(message: str, icon: str) -> None:
    """Show a refusal. A fragment's callback has no place of its own in the page, so there it is a toast that stays."""
    context = get_script_run_ctx()
    if context and context.fragment_ids_this_run:
        st.toast(message, icon=f":material/{icon}:", duration="infinite")
    else:
        notice("error", message, icon=icon)
