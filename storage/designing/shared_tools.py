"""The shared library of tool files: shipped ones and those of users, by name and version. A version never changes.

A deleted version keeps its row, with an empty text, so that its number is not given to another text: packs hold copies
of it under that number.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col

from engine.domains import shared_tools
from engine.errors import InputError
from engine.types import Tool
from storage.conflicts import conflict
from storage.database import Database
from storage.tables import SharedToolRecord

_log = logging.getLogger("turnwright")
DELETED = b""
"""The text of a deleted version."""


@dataclass(frozen=True)
class SharedToolRow:
    """One version in the library; `shipped` means that it came with Turnwright."""

    name: str
    version: int
    source: bytes
    created_at: float
    shipped: bool

    @property
    def id(self) -> str:
        """The name and version as packs write them."""
        return f"{self.name}@{self.version}"

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that the text defines."""
        return shared_tools.shareable_tools(self.name, self.source)


def list_shared(db: Database) -> list[SharedToolRow]:
    """Return every version in the library by name, the newest of each name first."""
    r = SharedToolRecord
    with db.read() as session:
        there = select(r).where(col(r.source) != DELETED)
        records = session.scalars(there.order_by(col(r.name), col(r.version).desc()))
        return [SharedToolRow(o.name, o.version, o.source, o.created_at, o.shipped) for o in records]


def finder(db: Database) -> Callable[[str], bytes | None]:
    """Return the function that gives the text of a `name@version`, None where the library has none."""

    def find(id: str) -> bytes | None:
        name, _, version = id.partition("@")
        with db.read() as session:
            record = session.get(SharedToolRecord, (name, int(version)))
        return None if record is None or record.source == DELETED else record.source

    return find


def newest_version(db: Database, name: str) -> int | None:
    """Return the newest version of a shared tool file, deleted or not; None where there was none of that name."""
    with db.read() as session:
        record = _newest(session, name)
    return None if record is None else record.version


def share(db: Database, name: str, source: bytes, *, based_on: int | None) -> int:
    """Store a tool file as the next version of `name` and return the version; the newest text again changes nothing.

    `based_on` is the newest version that was seen, None for a new name. Raises InputError or InputErrors for a bad name
    or text and for a name of Turnwright's own, Conflict when somebody shared a version since.
    """
    shared_tools.shareable_tools(name, source)
    with db.write() as session:
        newest = _newest(session, name)
        if newest is not None and newest.shipped:
            raise InputError("name", f"{name!r} comes with Turnwright.", "Choose another name.")
        current = None if newest is None else newest.version
        if current != based_on:
            raise conflict("shared tool", name, current, based_on)
        if newest is not None and newest.source == source:
            return newest.version
        version = (current or 0) + 1
        session.add(_record(name, version, source, shipped=False))
        try:
            session.flush()
        except IntegrityError as error:  # another writer of a PostgreSQL database was quicker
            raise conflict("shared tool", name, version, based_on) from error
        return version


def delete_version(db: Database, name: str, version: int) -> None:
    """Delete a version for good; a domain that uses it keeps its own copy. Raises InputError for one that comes with
    Turnwright or is not there."""
    with db.write() as session:
        record = session.get(SharedToolRecord, (name, version))
        if record is None or record.source == DELETED:
            raise InputError("name", f"there is no {name}@{version}.", "It may have been deleted; look at the list.")
        if record.shipped:
            raise InputError("name", f"{name}@{version} comes with Turnwright.", "Take it out of your domain instead.")
        record.source = DELETED


def seed_shared(db: Database, folder: Path) -> int:
    """Insert the shipped versions that are missing and return how many. A name that a user already uses stays the
    user's, and the log says so."""
    stored = 0
    with db.write() as session:
        known = {(r.name, r.version): r for r in session.scalars(select(SharedToolRecord))}
        taken = {r.name for r in known.values() if not r.shipped}
        for name, version, text in shared_tools.shipped(folder):
            there = known.get((name, version))
            if name in taken:
                _log.warning("The shipped tool %s@%d was left out: a user shared one of that name.", name, version)
            elif there is None:
                session.add(_record(name, version, text, shipped=True))
                stored += 1
            elif there.source != text:
                _log.warning("The shipped tool %s@%d differs from the stored one, which stays.", name, version)
    return stored


def _newest(session: Session, name: str) -> SharedToolRecord | None:
    r = SharedToolRecord
    top = select(func.max(col(r.version))).where(col(r.name) == name).scalar_subquery()
    return session.scalars(select(r).where(col(r.name) == name, col(r.version) == top)).first()


def _record(name: str, version: int, source: bytes, *, shipped: bool) -> SharedToolRecord:
    return SharedToolRecord(name=name, version=version, source=source, created_at=time.time(), shipped=shipped)
