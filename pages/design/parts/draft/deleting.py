"""Deletions that can be undone: of files and questions in a draft, of domains and personas in their lists.

A file or question is deleted from the draft at one press, and the save bar shows a notice with Undo until the draft is
saved or discarded. Domains and personas are deleted after a question and can be restored from the end of their list.
What is deleted for good (batches, exports, models) asks first: `delete_button` (confirm_buttons.py) or a dialog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import streamlit as st

from pages._ui.buttons import button
from pages._ui.database import saving
from pages._ui.format import plural
from pages._ui.layout import empty_state
from pages._ui.text import literal
from pages.design.parts.draft.domain_draft import Draft, draft_named
from pages.design.parts.draft.removals import QUESTIONS, Removal, cut_question

SHOWN = 4
"""Undo notices that are drawn, the latest first."""
LISTED = 50
"""Deleted domains or personas that are listed."""
HELP = "It can be undone until you save. Batches keep the version they began with."


def take_out(id: str, paths: Sequence[str], label: str) -> None:
    """Delete files from a draft, undoably; for callbacks."""
    draft = draft_named(id)
    files = draft.files()
    taken = {path: files[path] for path in paths if path in files}
    if not taken:
        return
    draft.removed.append(Removal(label, taken, warning=_warning(draft, taken)))
    draft.put_all(dict.fromkeys(taken))


def replace(id: str, path: str, data: bytes) -> None:
    """Put a file into a draft; Undo brings back the one that it replaces. For callbacks."""
    draft = draft_named(id)
    former = draft.files().get(path)
    if former not in (None, data):
        warning = "Undo brings the former one back."
        draft.removed.append(Removal(path, {path: former or b""}, warning=warning, replaces=True))
    draft.put(path, data)


def _warning(draft: Draft, taken: dict[str, bytes]) -> str:
    """Return a sentence that says what the next save loses for good."""
    base = draft.base()
    new = [path for path in taken if path not in base]
    if new:
        never = "It was never saved" if len(taken) == 1 else f"{plural(len(new), 'file')} of it were never saved"
        return f"{never}: after the next save nothing brings that back."
    if any(base[path] != data for path, data in taken.items()):
        return "Your unsaved changes in it go with it."
    return "It goes with the next save, and stays in the older versions."


def take_question(id: str, place: int, name: str) -> None:
    """Delete one question from a draft, undoably; for callbacks."""
    draft = draft_named(id)
    before = draft.text(QUESTIONS)
    rest, entry = cut_question(before, place)
    warning = "It goes with the next save, and stays in the older versions if it was saved."
    draft.removed.append(
        Removal(f"Question {name}", entry=entry, place=place, before=before, after=rest, warning=warning)
    )
    draft.generation += 1
    draft.put(QUESTIONS, rest.encode())


def put_back(id: str, token: str) -> None:
    """Undo a deletion; for callbacks. Later changes stay."""
    draft = draft_named(id)
    found = next((one for one in draft.removed if one.token == token), None)
    if found is None:
        return
    if not found.replaces and (there := sorted(found.files.keys() & draft.files().keys())):
        st.error(
            f"There is a file `{literal(there[0])}` again, so the deleted one cannot come back. Delete that one first, "
            "then undo both.",
            icon=":material/error:",
        )
        return
    draft.removed.remove(found)
    if found.entry:
        draft.put(QUESTIONS, found.questions(draft.text(QUESTIONS)).encode())
    else:
        draft.put_all(found.files)
    draft.generation += 1


def notices(draft: Draft) -> None:
    """Draw what was deleted since the last save, each with Undo. The container is drawn also when it is empty."""
    with st.container(key="deleted_parts", gap="small"):
        for one in list(reversed(draft.removed))[:SHOWN]:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                icon, word = ("swap_horiz", "replaced") if one.replaces else ("delete", "deleted")
                st.markdown(f":material/{icon}: **{literal(one.label)}** is {word}.", width="content")
                button(
                    "Undo",
                    key=f"undo_{one.token}",
                    icon=":material/undo:",
                    on_click=put_back,
                    args=(draft.domain, one.token),
                )
                st.caption(literal(one.warning), width="content")
        if len(draft.removed) > SHOWN:
            st.caption(
                f"And {plural(len(draft.removed) - SHOWN, 'earlier part')}, which Undo of these brings into view."
            )


def file_deleted(draft: Draft, paths: Iterable[str]) -> bool:
    """Return whether one of these files was deleted in this draft."""
    wanted = set(paths)
    return any(wanted & one.files.keys() for one in draft.removed)


def say_deleted(what: str, id: str, tab: str) -> None:
    """Draw the page of a file that was deleted in the draft."""
    empty_state(
        f"This {what} is deleted",
        "Undo above brings it back as it was.",
        icon="delete",
        action=f"To {tab.lower()}",
        page="domain",
        id=id,
        tab=tab,
    )


def deleted_list(noun: str, rows: Sequence[tuple[str, str]], restore: Callable[[str], None]) -> None:
    """Draw the deleted rows of a list, (id, name) each, with a button that restores."""
    with st.container(key=f"deleted_{noun}s"):
        if not rows:
            return
        with st.expander(f"Deleted {noun}s ({len(rows)})", icon=":material/delete:", key=f"show_deleted_{noun}s"):
            for id, name in rows[:LISTED]:
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.markdown(f"**{literal(name)}** :gray[{literal(id)}]", width="content")
                    button(
                        "Restore",
                        key=f"restore_{noun}_{id}",
                        icon=":material/restore_from_trash:",
                        type="tertiary",
                        on_click=_restore,
                        args=(restore, noun, id, name),
                    )


def _restore(restore: Callable[[str], None], noun: str, id: str, name: str) -> None:
    with saving(f"{noun.capitalize()} {name} is back"):
        restore(id)
