"""The unsaved changes of a domain.

There is one draft per domain and browser session, shared by the domain, tool and template pages. It holds the files
that differ from the version that the user began with. Every change is copied to the database under a token that stands
in the address (`draft`), so that a reload of the page brings it back. Saving makes one version of all changed files.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from engine.domains import catalog, pack_files
from engine.domains.shared_tools import shared_file_changes
from engine.domains.strict_yaml import yaml_value
from engine.errors import Conflict, InputError
from engine.planning.template_faults import template_faults
from engine.types import Domain, shared_path
from pages._ui.database import db, saving
from pages._ui.layout import missing
from pages._ui.routes import text_parameter
from pages.design.parts.draft.problems import Problem, problems_of
from pages.design.parts.draft.removals import Removal, unpacked
from storage import preferences
from storage.database import Database
from storage.designing import domains
from storage.designing.domains import DomainRow
from storage.designing.shared_tools import finder

LARGEST_COPY = 8 << 20
"""Bytes of a draft that are copied to the database; a larger one lives in this tab only."""


@dataclass
class Draft:
    """Changes over version `based_on`; content None deletes the file. `generation` is part of the widgets' keys, so
    that a new one redraws them; `removed` holds what was deleted since the last save and can be restored."""

    domain: str
    based_on: int
    digest: str
    changes: dict[str, bytes | None] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(5))
    generation: int = 0
    problems: list[Problem] = field(default_factory=list)
    removed: list[Removal] = field(default_factory=list)

    def base(self) -> Mapping[str, bytes]:
        """Return the files of the version that the user began with."""
        return base_files(db(), self.digest)

    def files(self) -> dict[str, bytes]:
        """Return the pack as it would be saved."""
        found = {**self.base(), **{path: data for path, data in self.changes.items() if data is not None}}
        return {path: data for path, data in found.items() if self.changes.get(path, b"") is not None}

    def text(self, path: str) -> str:
        """Return a file as text, "" when there is none."""
        data = self.changes[path] if path in self.changes else self.base().get(path)
        return (data or b"").decode(errors="replace")

    def put(self, path: str, data: bytes | None) -> None:
        """Change one file; None deletes it. Content that equals the saved file is no change."""
        self.put_all({path: data})

    def put_all(self, files: Mapping[str, bytes | None]) -> None:
        """Change several files at once, each as `put` does. Shared tool files follow what domain.yaml names."""
        self._change(files)
        if "domain.yaml" in files:
            self._change(shared_file_changes(self.files(), self._shared_text))
        self.problems = []
        self.keep()

    def _change(self, files: Mapping[str, bytes | None]) -> None:
        base = self.base()
        for path, data in files.items():
            if base.get(path) == data:
                self.changes.pop(path, None)
            else:
                self.changes[path] = data

    def _shared_text(self, name: str) -> bytes | None:
        return self.base().get(shared_path(name)) or finder(db())(name)

    @property
    def kept(self) -> bool:
        """Whether there is anything that a reload must restore."""
        return bool(self.changes or self.removed)

    def move(self, old: str, new: str) -> None:
        """Give a file another path."""
        data = self.files().get(old)
        self.put(new, data)
        self.put(old, None)

    def keep(self) -> None:
        """Copy the draft to the database, so that a reload finds it."""
        size = sum(len(data or b"") for data in self.changes.values()) + sum(one.size for one in self.removed)
        value = None
        if self.kept and size <= LARGEST_COPY:
            packed = {p: None if d is None else base64.b64encode(d).decode() for p, d in self.changes.items()}
            gone = [one.packed() for one in self.removed]
            value = {"based_on": self.based_on, "changes": packed, "removed": gone}
        if value or preferences.get(db(), self._key()) is not None:
            preferences.set(db(), self._key(), value)

    def _key(self) -> str:
        return _key(self.domain, self.token)

    def overrides(self) -> dict[str, Any]:
        """Return the changes in the form of a request to the engine."""
        return {path: _override(data) for path, data in self.changes.items()}


def _key(domain: str, token: str) -> str:
    return f"draft:{domain}:{token}"


def _override(data: bytes | None) -> str | dict[str, str] | None:
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data or b"").decode()}


@st.cache_resource(max_entries=24, show_spinner=False)
def base_files(_db: Database, digest: str) -> Mapping[str, bytes]:
    """Return the files of a pack by digest; read-only, shared by all sessions."""
    return domains.files_by_digest(_db, digest)


@st.cache_resource(max_entries=48, show_spinner=False)
def _checked(digest: str, _files: Mapping[str, bytes]) -> tuple[Domain | None, tuple[Problem, ...]]:
    try:
        return catalog.parse(_files, unfinished=True), ()
    except InputError as error:
        return None, problems_of(error)


def checked(files: Mapping[str, bytes]) -> tuple[Domain | None, tuple[Problem, ...]]:
    """Return (parsed pack, ()), which may lack tools and templates, or (None, problems). Cached by content, since
    parsing is slow."""
    return _checked(pack_files.files_digest(files), files)


@st.cache_resource(max_entries=48, show_spinner=False)
def _faults(digest: str, _domain: Domain) -> tuple[Problem, ...]:
    return problems_of(template_faults(_domain))


def faults(domain: Domain) -> tuple[Problem, ...]:
    """Return the faults of templates and questions that would cost tasks, though the pack can be saved."""
    return _faults(domain.digest, domain)


def find_domain(id: str) -> DomainRow | None:
    """Return the row of a domain that is not deleted, or None."""
    return next((row for row in domains.list_domains(db()) if row.id == id), None)


def open_draft(id: str) -> tuple[DomainRow, Draft]:
    """Return a domain's row and this session's draft of it; end the page when there is no such domain."""
    row = find_domain(id)
    drafts: dict[str, Draft] = st.session_state.setdefault("drafts", {})
    if row is None:
        if id in drafts and drafts[id].changes:
            _offer_download(drafts[id])
        missing("domain", "domains")
        st.stop()
    draft = drafts.get(id) or _restored(row) or Draft(id, row.version, row.digest)
    if not draft.changes and draft.digest != row.digest:
        draft.based_on, draft.digest = row.version, row.digest
        draft.generation += 1
    drafts[id] = draft
    if draft.kept and text_parameter("draft") != draft.token:
        st.query_params["draft"] = draft.token
    elif not draft.kept and "draft" in st.query_params:
        del st.query_params["draft"]
    return row, draft


def _offer_download(draft: Draft) -> None:
    """Offer the draft of a domain that somebody deleted meanwhile as a download."""
    st.warning(
        "Somebody deleted this domain while you edited it. Download your version; Import brings it back as a domain.",
        icon=":material/sync_problem:",
    )
    st.download_button(
        "Download my version",
        pack_files.to_zip(draft.files()),
        f"{draft.domain}.zip",
        "application/zip",
        icon=":material/download:",
        on_click="ignore",
        key=f"rescue_{draft.domain}",
    )


def _restored(row: DomainRow) -> Draft | None:
    token = text_parameter("draft")
    value = preferences.get(db(), _key(row.id, token)) if token else None
    if not isinstance(value, dict):
        return None
    began = next((v for v in domains.versions(db(), row.id) if v.version == value["based_on"]), None)
    if began is None:
        return None
    changes = {p: None if d is None else base64.b64decode(d) for p, d in value["changes"].items()}
    st.toast("Your unsaved changes are back.", icon=":material/restore:")
    removed = [unpacked(one) for one in value.get("removed", ())]
    return Draft(row.id, began.version, began.digest, changes, token, removed=removed)


def draft_named(id: str) -> Draft:
    """Return the draft that the page has opened; for callbacks."""
    drafts: dict[str, Draft] = st.session_state["drafts"]
    return drafts[id]


# ---------------------------------------------------------------- callbacks


def save(id: str) -> None:
    """Save the draft as the next version. When that is refused, the draft stays and the page lists why."""
    draft = draft_named(id)
    if not draft.changes:
        st.toast("Nothing has changed since the last version.", icon=":material/info:")
        return
    note = str(st.session_state.get(f"note_{id}", "")).strip()
    draft.problems = []
    with saving():
        try:
            version = _store(draft, note)
        except Conflict:
            st.error(
                "Not saved: somebody else saved this in the meantime. Your text is kept; choose below how to go on.",
                icon=":material/sync_problem:",
            )
        except InputError as error:
            draft.problems = list(problems_of(error))
        else:
            _saved(draft, version)
            st.session_state[f"note_{id}"] = ""
            st.toast(f"Saved as version {version}", icon=":material/check:")


def _store(draft: Draft, note: str) -> int:
    files = draft.files()
    if "domain.yaml" in draft.changes:
        head = yaml_value(files.get("domain.yaml", b""), "domain.yaml")
        if isinstance(head, dict) and head.get("id") != draft.domain:
            raise InputError(
                "domain.yaml: id", f"must stay {draft.domain!r}.", "Duplicate the domain to give it another id."
            )
    return domains.save_domain(db(), files, based_on=draft.based_on, note=note)


def _saved(draft: Draft, version: int) -> None:
    draft.changes, draft.removed = {}, []
    draft.keep()
    row = find_domain(draft.domain)
    if row is not None:
        draft.based_on, draft.digest = version, row.digest


def discard(id: str) -> None:
    """Drop every unsaved change."""
    draft = draft_named(id)
    draft.changes, draft.problems, draft.removed = {}, [], []
    draft.generation += 1
    draft.keep()


def discard_file(id: str, path: str) -> None:
    """Drop the unsaved change of one file."""
    draft = draft_named(id)
    draft.put(path, draft.base().get(path))
    draft.generation += 1


def rebase(id: str) -> None:
    """Base the draft on the newest version; files that both changed keep this user's text."""
    draft, row = draft_named(id), find_domain(id)
    if row is None:
        return
    draft.based_on, draft.digest = row.version, row.digest
    for path, data in list(draft.changes.items()):
        draft.put(path, data)
    draft.generation += 1
    draft.keep()
