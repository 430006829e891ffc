"""Asks before tools of a pack from outside run in a sandbox that does not isolate."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from engine import plugins
from pages._ui.buttons import button
from pages._ui.database import db, saving
from pages._ui.text import literal
from storage.designing import outside_packs
from storage.serving import engines


def ask_to_allow(packs: Mapping[str, str], sandbox: str = "auto", *, place: str = "page") -> bool:
    """Draw a question for each pack, {digest: name}, that came from outside and that no user allowed yet, where
    `sandbox` does not isolate. Return whether there is one; the press of its button answers it. `place` keeps the keys
    of two questions about one pack on one page apart."""
    unisolated = _unisolated(sandbox)
    if not unisolated:
        return False
    waiting = outside_packs.unallowed(db(), list(packs))
    for digest in packs:
        if digest in waiting:
            _question(digest, packs[digest], unisolated, place)
    return bool(waiting)


def _unisolated(sandbox: str) -> str:
    """Return the name of the sandbox that would be used, "" where it isolates or is not known yet."""
    if sandbox != "auto":
        return "" if plugins.trait("sandboxes", sandbox, "isolated", True) else sandbox
    engine = engines.newest(db())
    return engine.sandbox if engine is not None and engine.isolated is False and engine.sandbox != "none" else ""


def _question(digest: str, name: str, sandbox: str, place: str) -> None:
    with st.container(key=f"outside_{place}_{digest}"):
        st.warning(
            f"{literal(name)} was imported, and the sandbox {literal(sandbox)} does not isolate: its tools would run "
            "with your rights, on your files. Read them first, or use docker or bubblewrap.",
            icon=":material/gpp_maybe:",
        )
        button(
            f"Let {literal(name)} run without isolation",
            key=f"allow_{place}_{digest}",
            icon=":material/lock_open:",
            on_click=_allow,
            args=(digest, name),
            help="Asked once for these files. A changed pack that you import is asked about again.",
        )


def _allow(digest: str, name: str) -> None:
    with saving(f"{name} may run without isolation"):
        outside_packs.allow(db(), digest)
