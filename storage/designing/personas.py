"""Personas, shipped and the user's own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlmodel import col

from engine.domains import catalog
from engine.errors import InputError
from engine.types import Persona
from storage.conflicts import conflict
from storage.database import Database
from storage.tables import PersonaRecord


@dataclass(frozen=True)
class PersonaRow:
    """One persona in a list."""

    persona: Persona
    version: int
    shipped: bool


def list_personas(db: Database, text: str = "", *, deleted: bool = False) -> list[PersonaRow]:
    """Return the personas by name; `text` must occur in one of their fields, letter case aside. With `deleted` only
    the deleted ones."""
    with db.read() as session:
        records = session.scalars(select(PersonaRecord).where(col(PersonaRecord.deleted).is_(deleted))).all()
    rows = [PersonaRow(Persona.model_validate_json(r.body), r.version, r.shipped) for r in records]
    wanted = text.strip().casefold()
    found = [r for r in rows if not wanted or wanted in _searched(r.persona)]
    return sorted(found, key=lambda r: (r.persona.name.casefold(), r.persona.id))


def _searched(p: Persona) -> str:
    return "\n".join((p.id, p.name, p.occupation, p.goal_style, p.tone, p.expertise, p.description)).casefold()


def get_persona(db: Database, id: str) -> PersonaRow:
    """Return one persona. Raises InputError when there is none."""
    with db.read() as session:
        record = session.get(PersonaRecord, id)
    if record is None or record.deleted:
        raise InputError("persona", f"there is no persona {id!r}.", "It may have been deleted; look at the list.")
    return PersonaRow(Persona.model_validate_json(record.body), record.version, record.shipped)


def save_persona(db: Database, persona: Persona, based_on: int | None) -> int:
    """Store a persona and return its version. `based_on` is None for a new one. Raises Conflict."""
    with db.write() as session:
        record = session.get(PersonaRecord, persona.id, with_for_update=True)
        current = record.version if record and not record.deleted else None
        if current != based_on:
            raise conflict("persona", persona.id, current, based_on)
        body, now = persona.model_dump_json(), time.time()
        record = record or PersonaRecord(id=persona.id, version=0, body=body, updated_at=now)
        record.version += 1
        record.body, record.updated_at = body, now
        record.edited, record.deleted = record.shipped, False
        session.add(record)
        return record.version


def delete_persona(db: Database, id: str, based_on: int | None = None) -> None:
    """Mark a persona as deleted. Batches that used it keep their copy, and `restore_persona` brings it back.

    `based_on` is the version that was seen: raises Conflict when somebody saved another since, InputError without one.
    """
    with db.write() as session:
        record = session.get(PersonaRecord, id, with_for_update=True)
        if record is None or record.deleted:
            raise InputError("persona", f"there is no persona {id!r}.", "It may have been deleted already.")
        if based_on is not None and record.version != based_on:
            raise conflict("persona", id, record.version, based_on)
        record.deleted, record.updated_at = True, time.time()


def restore_persona(db: Database, id: str) -> None:
    """Undo the deletion of a persona. Raises InputError when none is deleted."""
    with db.write() as session:
        record = session.get(PersonaRecord, id, with_for_update=True)
        if record is None or not record.deleted:
            raise InputError("persona", f"there is no deleted persona {id!r}.", "It may be back already; see the list.")
        record.deleted, record.updated_at = False, time.time()


def seed_personas(db: Database, folder: Path) -> int:
    """Insert shipped personas that are missing, and changed ones where no user edited or deleted them. Return how
    many."""
    stored = 0
    with db.write() as session:
        for persona in catalog.load_personas(folder):
            record = session.get(PersonaRecord, persona.id)
            body = persona.model_dump_json()
            if record and (record.edited or record.deleted or not record.shipped or record.body == body):
                continue
            now = time.time()
            record = record or PersonaRecord(id=persona.id, version=0, body=body, updated_at=now, shipped=True)
            record.version += 1
            record.body, record.updated_at = body, now
            session.add(record)
            stored += 1
    return stored
