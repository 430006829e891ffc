"""The database of this process, and what guards a save."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from engine import settings
from engine.errors import Conflict, InputError, InputErrors, StorageError
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

    Use it around the call that writes. In a callback the message appears above the page's content.
    """
    try:
        yield
    except Conflict as error:
        st.error(
            f"Somebody else saved this in the meantime. {literal(str(error))} Reload the page and apply your "
            "change again.",
            icon=":material/sync_problem:",
        )
    except InputErrors as error:
        st.error("\n".join(f"- {literal(str(one))}" for one in error.errors), icon=":material/error:")
    except (InputError, StorageError) as error:
        st.error(literal(str(error)), icon=":material/error:")
    else:
        if success:
            st.toast(success, icon=":material/check:")
