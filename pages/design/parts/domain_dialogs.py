"""Dialogs that create, import, duplicate or delete a domain, for the list and a domain's page.

A dialog stores the id of a new domain in the session as `made_domain`; the page opens it in the next pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import streamlit as st

from engine import settings
from engine.domains import pack_files, strict_yaml
from engine.domains.shared_tools import with_shared_files
from engine.errors import InputError, InputErrors
from engine.types import Domain
from pages._ui.buttons import button
from pages._ui.confirm_buttons import destroy_button
from pages._ui.database import db
from pages._ui.dialogs import begin, close, dialog, finish, refusals, unless_done
from pages._ui.format import bytes_size, plural
from pages._ui.text import literal, plain
from pages.design.parts.draft.domain_draft import Draft, base_files, checked, find_domain
from pages.design.parts.draft.problems import problems_list, problems_of
from storage.designing import domains
from storage.designing.domains import DomainRow
from storage.designing.shared_tools import finder

SKELETON = settings.ROOT / "assets" / "new_domain"
NOTHING = settings.ROOT / "assets" / "empty_domain"
BLANK, EMPTY = "", " "
"""Origins of a new domain that are not a domain; no id is like these."""
LARGEST_MB = 50


def id_from(name: str) -> str:
    """Return an id made of a name: "My shop" → "my_shop"."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:60]


def id_of(files: Mapping[str, bytes]) -> str:
    """Return the id that a pack gives itself. Raises InputError."""
    head = strict_yaml.yaml_value(files.get("domain.yaml", b""), "domain.yaml")
    if not isinstance(head, dict) or not isinstance(head.get("id"), str):
        raise InputError("domain.yaml: id", "is missing.", "Give it a text.")
    return str(head["id"])


def renamed(files: Mapping[str, bytes], id: str, name: str = "", description: str = "") -> dict[str, bytes]:
    """Return the pack under another id, name and description; other lines of domain.yaml stay as they are."""
    text = files["domain.yaml"].decode()
    for field, value in (("id", id), ("name", name), ("description", description)):
        if value:
            line = f"{field}: {json.dumps(value, ensure_ascii=False)}"
            text, found = re.subn(
                rf"^{field}:.*(?:\n[ \t]+.*)*", lambda _, line=line: line, text, count=1, flags=re.MULTILINE
            )
            text = text if found else f"{line}\n{text}"
    return {**files, "domain.yaml": text.encode()}


def _id_problem(id: str) -> str:
    if not id or not id.replace("_", "").replace("-", "").isalnum() or id != id.lower() or not id.isascii():
        return "An id takes a-z, 0-9, _ and -."
    return f"There is a domain `{id}` already. Choose another id." if find_domain(id) else ""


def new_domain(like: str = BLANK) -> None:
    """Open the dialog for a new domain; `like` is the id of the domain to duplicate, by default the small example."""
    begin("new_domain")
    _new_domain(like)


@dialog("New domain", width="medium", icon=":material/add_circle:")
def _new_domain(like: str) -> None:
    unless_done("new_domain")
    rows = domains.list_domains(db())
    origin = _origin(rows, like)
    copied = next((row for row in rows if row.id == like), None)
    name = st.text_input(
        "Name",
        f"{copied.name[:70]} copy" if copied else "",
        key="new_name",
        max_chars=80,
        live=True,
        placeholder="for example Hotel front desk",
    )
    id = st.text_input(
        "Id",
        key="new_id",
        max_chars=60,
        live=True,
        placeholder=id_from(name) or "made of the name",
        help="It names the folder and stays for good. Leave it empty to take it from the name.",
    )
    description = st.text_input(
        "Description",
        copied.description[:300] if copied else "",
        key="new_description",
        max_chars=300,
        placeholder="One sentence",
    )
    wanted = id.strip() or id_from(name)
    problem = "Give it a name." if not name.strip() else _id_problem(wanted)
    if button("Create", key="new_create", type="primary", icon=":material/add:", disabled=bool(problem)):
        with refusals():
            _create(origin, wanted, name.strip(), description.strip())
            _finish_with("new_domain", wanted, f"Domain {literal(name)} created")
    if problem:
        st.caption(literal(problem))


def _origin(rows: Sequence[DomainRow], like: str) -> str:
    """Draw the choice of an origin; return BLANK, EMPTY or the id of the domain to copy."""
    names = {
        BLANK: "A small working example: one workspace file, three tools, two templates",
        EMPTY: "Empty: no tools, no templates, no files",
        **{row.id: f"A copy of {row.name}" for row in rows},
    }
    origins = list(names)
    origin = st.selectbox(
        "Start from",
        origins,
        origins.index(like) if like in origins else 0,
        key="new_origin",
        format_func=lambda origin: names.get(origin, origin),
    )
    with st.container(key="new_origin_note"):
        if origin == EMPTY:
            st.caption("It is saved from the start, but no batch can use it before it has a tool and a template.")
    return origin


def _create(origin: str, id: str, name: str, description: str) -> None:
    copy_of: str | None = None
    if origin in (BLANK, EMPTY):
        files: Mapping[str, bytes] = pack_files.read_folder(SKELETON if origin == BLANK else NOTHING)
    else:
        row = find_domain(origin)
        if row is None:
            raise InputError("domain", f"there is no domain {origin!r} any more.", "Choose another origin.")
        files, copy_of = base_files(db(), row.digest), row.digest
    note = f"Copied from {origin}" if origin.strip() else "Created"
    pack = renamed(files, id, name, description)
    domains.save_domain(db(), pack, based_on=None, note=note, copy_of=copy_of)
    st.session_state.get("drafts", {}).pop(id, None)  # a draft of a deleted domain of that id


def _finish_with(which: str, id: str, message: str) -> None:
    st.session_state["made_domain"] = id
    finish(which, message)


def import_domain() -> None:
    """Open the dialog that imports a zip or a folder; a bad pack is refused whole, with every problem."""
    begin("import_domain")
    _import_domain()


@dialog("Import a domain", width="large", icon=":material/upload:")
def _import_domain() -> None:
    unless_done("import_domain")
    kind = st.segmented_control("From", ["Zip file", "Folder"], default="Zip file", required=True, key="import_kind")
    files, problems = _uploaded(str(kind))
    if problems:
        problems_list(problems, title=f"Refused, nothing was imported. {plural(len(problems), 'problem')} to correct:")
        return
    if not files:
        st.caption("A pack is a folder with domain.yaml, policy.md, tools, templates and workspace, or a zip of it.")
        return
    files = with_shared_files(files, finder(db()))
    with st.spinner("Checking every file"):
        domain, found = checked(files)
    if domain is None:
        problems_list(found, title=f"Refused, nothing was imported. {plural(len(found), 'problem')} to correct:")
        return
    _draw_import(domain, files)


def _uploaded(kind: str) -> tuple[dict[str, bytes], Sequence[str]]:
    """Return (files of the upload, why it cannot be read)."""
    try:
        if kind == "Zip file":
            one = st.file_uploader("Zip of a domain pack", type=["zip"], key="import_zip", max_upload_size=LARGEST_MB)
            return (pack_files.from_zip(one.getvalue()) if one else {}), []
        many = st.file_uploader(
            "Folder of a domain pack",
            accept_multiple_files="directory",
            key="import_folder",
            max_upload_size=LARGEST_MB,
        )
        return from_upload({one.name: one.getvalue() for one in many or []}), []
    except InputError as error:
        return {}, problems_of(error)


def from_upload(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of an uploaded folder, as a zip of it would give them. Raises InputError."""
    kept = {
        str(PurePosixPath(name.replace("\\", "/"))): data
        for name, data in files.items()
        if "__pycache__" not in name and ".git/" not in name and not name.endswith(".DS_Store")
    }
    if faults := pack_files.name_faults(kept):
        raise InputErrors(faults)
    return pack_files.from_zip(pack_files.to_zip(kept)) if kept else {}


def _draw_import(domain: Domain, files: dict[str, bytes]) -> None:
    with st.container(border=True):
        st.markdown(f"**{literal(domain.name)}**")
        plain(domain.description)
        st.caption(
            literal(
                f"{domain.id} · {plural(len(domain.tools), 'tool')} · {plural(len(domain.templates), 'template')} · "
                f"{plural(len(files), 'file')}, {bytes_size(sum(map(len, files.values())))}"
            )
        )
    existing = find_domain(domain.id)
    as_version = False
    if existing:
        st.info(f"There is a domain `{domain.id}` already, in version {existing.version}.", icon=":material/info:")
        as_version = (
            st.radio("Import it", ["as its next version", "as a new domain"], key="import_as", horizontal=True)
            == "as its next version"
        )
    id, problem = domain.id, ""
    if existing and not as_version:
        id = st.text_input("Id of the new domain", f"{domain.id}_2", key="import_id", max_chars=60, live=True).strip()
        problem = _id_problem(id)
        if problem:
            st.caption(literal(problem))
    based_on = existing.version if existing and as_version else None
    if button("Import", key="import_go", type="primary", icon=":material/download_done:", disabled=bool(problem)):
        with refusals():
            pack = files if id == id_of(files) else renamed(files, id)
            version = domains.save_domain(db(), pack, based_on=based_on, note="Imported", imported=True)
            outcome = f"imported as version {version}" if version != based_on else f"is the same as version {version}"
            _finish_with("import_domain", id, f"Domain {literal(domain.name)} {outcome}")


def delete_domain(row: DomainRow) -> None:
    """Open the dialog that asks before a domain is deleted."""
    begin("delete_domain")
    _delete_domain(row)


@dialog("Delete this domain?", icon=":material/delete:")
def _delete_domain(row: DomainRow) -> None:
    unless_done("delete_domain")
    plain(row.name)
    st.write(
        f"It leaves the list with its {plural(row.tools, 'tool')} and {plural(row.templates, 'template')}. Batches and "
        "trajectories made of it stay, with the version that they used. It can be restored at the end of the list."
    )
    draft: Draft | None = st.session_state.get("drafts", {}).get(row.id)
    if draft and draft.changes:
        st.caption(f"Your {plural(len(draft.changes), 'unsaved file')} stay in this tab, for when you restore it.")
    with st.container(horizontal=True):
        if destroy_button("Delete the domain", key="delete_yes"):
            with refusals():
                domains.delete_domain(db(), row.id, based_on=row.version)
                finish("delete_domain", f"Domain {literal(row.name)} deleted")
        if button("Keep it", key="delete_no"):
            close()
