"""Packs that came from outside, and the yes that lets their tools run in a sandbox that does not isolate.

A pack is from outside when it was imported and its files were not stored here already. The yes belongs to the digest of
the pack as it came in, which covers its id too, so an import with any other byte is asked about again. Versions and
copies that users make of it here follow the same yes: the difference is their own, the rest they have answered for.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from engine.errors import InputError
from storage.database import Database
from storage.tables import DomainRecord, OutsidePackRecord, PackRecord


def note_origin(session: Session, digest: str, *, imported: bool, made_of: str | None) -> None:
    """Note where a pack that is about to be stored comes from: from outside, or from the pack `made_of`, if any. A pack
    whose files are stored already keeps its origin."""
    if session.get(PackRecord, digest) is not None:
        return
    if imported:
        session.add(OutsidePackRecord(digest=digest, came_as=digest))
    elif made_of is not None and (origin := session.get(OutsidePackRecord, made_of)) is not None:
        session.add(OutsidePackRecord(digest=digest, came_as=origin.came_as))


def unallowed(db: Database, digests: Collection[str]) -> frozenset[str]:
    """Return those of the packs, by digest, that came from outside and may not run without isolation yet."""
    pack, root = aliased(OutsidePackRecord), aliased(OutsidePackRecord)
    query = (
        select(col(pack.digest))
        .join(root, col(root.digest) == col(pack.came_as))
        .where(col(pack.digest).in_(digests), col(root.allowed_at).is_(None))
    )
    with db.read() as session:
        return frozenset(session.scalars(query))


def allow(db: Database, pack: str) -> bool:
    """Let a pack from outside, given by its digest or by the id of a domain (its current version), run without
    isolation; so may what was made of it here. Return whether that was asked for. Raises InputError for an unknown
    pack."""
    with db.write() as session:
        record = session.get(DomainRecord, pack)
        digest = record.digest if record is not None and not record.deleted else pack
        if session.get(PackRecord, digest) is None:
            raise InputError("pack", f"{pack!r} is no stored domain.", "See `python -m engine list domains`.")
        outside = session.get(OutsidePackRecord, digest)
        root = session.get(OutsidePackRecord, outside.came_as) if outside is not None else None
        if root is None or root.allowed_at is not None:
            return False
        root.allowed_at = time.time()
        return True
