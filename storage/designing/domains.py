"""Domain packs: versions of bytes by digest, and the shipped catalogue."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from engine.domains import catalog, pack_files
from engine.domains.shared_tools import with_shared_files
from engine.errors import InputError
from engine.types import Domain
from storage.conflicts import conflict
from storage.database import Database
from storage.designing.outside_packs import note_origin
from storage.designing.shared_tools import finder
from storage.tables import DomainRecord, DomainVersionRecord, PackRecord

_log = logging.getLogger("turnwright")


@dataclass(frozen=True)
class DomainRow:
    """One domain in a list. `tools` and `templates` are counts; `shipped` means that it came with Turnwright."""

    id: str
    name: str
    category: str
    description: str
    version: int
    digest: str
    tools: int
    templates: int
    updated_at: float
    shipped: bool

    @property
    def lacks(self) -> str:
        """What a batch would need and it lacks ("no tool and no template"); "" when nothing."""
        return " and ".join(
            f"no {what}" for what, times in (("tool", self.tools), ("template", self.templates)) if not times
        )


@dataclass(frozen=True)
class VersionRow:
    """One saved version of a domain."""

    version: int
    digest: str
    note: str
    created_at: float


def list_domains(db: Database, text: str = "", *, deleted: bool = False) -> list[DomainRow]:
    """Return the domains by name; `text` must occur in id, name, category or description. With `deleted` only the
    deleted ones."""
    query = select(DomainRecord).where(col(DomainRecord.deleted).is_(deleted)).order_by(col(DomainRecord.name))
    if text.strip():
        columns = (DomainRecord.id, DomainRecord.name, DomainRecord.category, DomainRecord.description)
        query = query.where(or_(*(col(c).icontains(text.strip(), autoescape=True) for c in columns)))
    with db.read() as session:
        return [_row(record) for record in session.scalars(query)]


def get_domain(db: Database, id: str, version: int | None = None) -> Domain:
    """Return a domain, by default its current version. Raises InputError when there is none."""
    with db.read() as session:
        current = session.get(DomainRecord, id)
        found: DomainRecord | DomainVersionRecord | None = current
        if version is not None:
            found = session.get(DomainVersionRecord, (id, version))
        if found is None or current is None or (current.deleted and version is None):
            what = f"there is no domain {id!r}" + (f" in version {version}." if version is not None else ".")
            raise InputError("domain", what, "It may have been deleted; look at the list of domains.")
        digest = found.digest
    return domain_by_digest(db, digest)


def domain_by_digest(db: Database, digest: str) -> Domain:
    """Return the domain whose files have this digest. Raises InputError when they are not stored."""
    return _parsed(_pack(db, digest))


def files_by_digest(db: Database, digest: str) -> dict[str, bytes]:
    """Return the files of a pack by digest. Raises InputError when they are not stored."""
    return pack_files.from_zip(_pack(db, digest))


def is_stored(db: Database, digest: str) -> bool:
    """Return whether the files of the pack with this digest are stored."""
    with db.read() as session:
        return session.get(PackRecord, digest) is not None


@lru_cache(maxsize=32)
def _parsed(data: bytes) -> Domain:
    """Return the domain of a zip. Parsing takes most of a second and depends on the bytes alone, hence the cache."""
    return parsed(pack_files.from_zip(data))


def parsed(files: Mapping[str, bytes]) -> Domain:
    """Parse a pack, which may still lack tools and templates. Raises InputError or InputErrors."""
    return catalog.parse(files, unfinished=True)


def _pack(db: Database, digest: str) -> bytes:
    with db.read() as session:
        record = session.get(PackRecord, digest)
    if record is None:
        raise InputError("domain", f"no pack with digest {digest!r} is stored.", "Choose a version from the list.")
    return record.data


def versions(db: Database, id: str) -> list[VersionRow]:
    """Return the saved versions of a domain, newest first."""
    v = DomainVersionRecord
    query = select(v).where(col(v.domain_id) == id).order_by(col(v.version).desc())
    with db.read() as session:
        return [VersionRow(r.version, r.digest, r.note, r.created_at) for r in session.scalars(query)]


def save_domain(
    db: Database,
    files: Mapping[str, bytes],
    *,
    based_on: int | None,
    note: str = "",
    imported: bool = False,
    copy_of: str | None = None,
) -> int:
    """Store a pack as the next version of its domain and return the version.

    Shared tool files that it names and lacks are laid in from the library. `based_on` is the version that was edited,
    None for a new domain. `imported` says that the files came from outside, `copy_of` is the digest of the pack that a
    new domain was copied from (storage/designing/outside_packs.py). Saving the current files again changes nothing.
    Raises InputError or InputErrors for a bad pack, Conflict when the domain changed since.
    """
    files = with_shared_files(files, finder(db))
    domain = parsed(files)
    with db.write() as session:
        record = session.get(DomainRecord, domain.id, with_for_update=True)
        current = record.version if record and not record.deleted else None
        if current != based_on:
            raise conflict("domain", domain.id, current, based_on)
        if record and current is not None and record.digest == domain.digest:
            return record.version
        made_of = record.digest if record and current is not None else copy_of
        note_origin(session, domain.digest, imported=imported, made_of=made_of)
        return _store(session, domain, files, note, shipped=False)


def delete_domain(db: Database, id: str, based_on: int | None = None) -> None:
    """Mark a domain as deleted. Batches that used it keep their pinned packs, and `restore_domain` brings it back.

    `based_on` is the version that was seen: raises Conflict when somebody saved another since, InputError without one.
    """
    with db.write() as session:
        record = session.get(DomainRecord, id, with_for_update=True)
        if record is None or record.deleted:
            raise InputError("domain", f"there is no domain {id!r}.", "It may have been deleted already.")
        if based_on is not None and record.version != based_on:
            raise conflict("domain", id, record.version, based_on)
        record.deleted, record.updated_at = True, time.time()


def restore_domain(db: Database, id: str) -> None:
    """Undo the deletion of a domain. Raises InputError when none is deleted."""
    with db.write() as session:
        record = session.get(DomainRecord, id, with_for_update=True)
        if record is None or not record.deleted:
            raise InputError("domain", f"there is no deleted domain {id!r}.", "It may be back already; see the list.")
        record.deleted, record.updated_at = False, time.time()


def seed_catalog(db: Database, folder: Path) -> int:
    """Insert the shipped packs that are missing and new versions of those that no user edited or deleted.

    Returns how many were stored. A pack with an error is left out whole, and the log says why, so that it does
    not keep the others from being used.
    """
    stored = 0
    with db.read() as session:
        known = set(session.execute(select(col(DomainRecord.digest))).scalars())
    for files in pack_files.shipped(folder):
        if pack_files.files_digest(files) in known:
            continue
        try:
            parsed = catalog.parse(files)
        except InputError as error:
            _log.warning("A shipped domain pack was left out. %s", error)
            continue
        with db.write() as session:
            record = session.get(DomainRecord, parsed.id, with_for_update=True)
            if record and (record.edited or record.deleted or not record.shipped or record.digest == parsed.digest):
                continue
            _store(session, parsed, files, "Shipped with Turnwright", shipped=True)
            stored += 1
    return stored


def _store(session: Session, domain: Domain, files: Mapping[str, bytes], note: str, *, shipped: bool) -> int:
    now = time.time()
    if session.get(PackRecord, domain.digest) is None:
        session.add(PackRecord(digest=domain.digest, data=pack_files.to_zip(files)))
    last = session.get(DomainRecord, domain.id)
    record = DomainRecord(
        id=domain.id,
        name=domain.name,
        category=domain.category,
        description=domain.description,
        version=last.version + 1 if last else 1,
        digest=domain.digest,
        tools=len(domain.tools),
        templates=len(domain.templates),
        updated_at=now,
        shipped=last.shipped if last else shipped,
        edited=bool(last and last.shipped and not shipped),
        deleted=False,
    )
    session.merge(record)
    session.add(
        DomainVersionRecord(
            domain_id=domain.id, version=record.version, digest=domain.digest, note=note, created_at=now
        )
    )
    return record.version


def _row(r: DomainRecord) -> DomainRow:
    return DomainRow(
        r.id, r.name, r.category, r.description, r.version, r.digest, r.tools, r.templates, r.updated_at, r.shipped
    )
