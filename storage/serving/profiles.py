"""What test calls found out about saved model endpoints, as the engine stores it. Read by generating/endpoints.py."""

from __future__ import annotations

from sqlalchemy import select

from engine.types import Endpoint, Profile, endpoint_key
from storage.database import Database
from storage.tables import EndpointRecord


def save_profile(db: Database, profile: Profile) -> None:
    """Store a profile with every saved endpoint that it was made for. Their versions stay: nobody edited them."""
    with db.write() as session:
        for record in session.scalars(select(EndpointRecord).with_for_update()).all():
            if endpoint_key(Endpoint.model_validate_json(record.body)) == profile.made_for:
                record.profile = profile.model_dump_json()
                session.add(record)
