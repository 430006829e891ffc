"""Named model endpoints with the profiles that test calls made of them. The database holds the *name* of the variable
that has the key, never the key."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlmodel import col

from engine.errors import InputError
from engine.types import Endpoint, Profile, endpoint_key
from storage.conflicts import conflict
from storage.database import Database
from storage.tables import EndpointRecord

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_KEY = re.compile(r"(?i)^(sk|pk|rk|hf|gsk|xai|ghp|gho|glpat|aiza|akia|bearer|eyj)[-_ ]?[a-z0-9_-]{16,}$")
_SECRET_OPTION = re.compile(r"(?i)(^|_)(api_?key|key|token|secret|password|authorization)$")


@dataclass(frozen=True)
class EndpointRow:
    """One named endpoint. `profile` is None when it was not tried since it was edited."""

    name: str
    endpoint: Endpoint
    version: int
    profile: Profile | None = None


def checked(endpoint: Endpoint, where: str = "endpoint") -> Endpoint:
    """Return the endpoint unchanged. Raises InputError where it seems to hold a key itself."""
    variable = endpoint.key_variable
    if variable is not None and (not _VARIABLE.fullmatch(variable) or _looks_like_key(variable)):
        raise InputError(
            f"{where}.key_variable",
            "this is not the name of an environment variable.",
            "Put the key into an environment variable and give that variable's name, for example OPENAI_API_KEY.",
        )
    for name in _secret_options(endpoint.options):
        raise InputError(
            f"{where}.options.{name}", "keys are not stored.", "Set key_variable to the variable that holds the key."
        )
    if endpoint.api_base and re.search(r"://[^/@]*:[^/@]*@", endpoint.api_base):
        raise InputError(f"{where}.api_base", "holds a password.", "Set key_variable instead.")
    return endpoint


def _looks_like_key(variable: str) -> bool:
    mixed = (
        any(c.islower() for c in variable) and any(c.isupper() for c in variable) and any(map(str.isdigit, variable))
    )
    hexadecimal = bool(re.fullmatch(r"(?i)[0-9a-f]{24,}", variable))
    known = bool(_KEY.match(variable)) and variable != variable.upper()
    return known or hexadecimal or (mixed and len(variable) >= 24)


def _secret_options(options: dict[str, Any]) -> list[str]:
    found = [k for k, v in options.items() if _SECRET_OPTION.search(k) and isinstance(v, str) and v]
    for key, value in options.items():
        if isinstance(value, dict):
            found += [f"{key}.{name}" for name in _secret_options(value)]
    return found


def list_endpoints(db: Database) -> list[EndpointRow]:
    """Return all endpoints by name."""
    with db.read() as session:
        records = session.scalars(select(EndpointRecord).order_by(col(EndpointRecord.name))).all()
    return [_row(record) for record in records]


def get_endpoint(db: Database, name: str) -> EndpointRow:
    """Return one endpoint. Raises InputError when there is none."""
    with db.read() as session:
        record = session.get(EndpointRecord, name)
    if record is None:
        raise InputError("endpoint", f"there is no endpoint {name!r}.", "Choose one from the list in Settings.")
    return _row(record)


def _row(record: EndpointRecord) -> EndpointRow:
    endpoint = Endpoint.model_validate_json(record.body)
    return EndpointRow(record.name, endpoint, record.version, _believed(record.profile, endpoint))


def _believed(stored: str | None, endpoint: Endpoint) -> Profile | None:
    """Return the stored profile; None when it was made for other settings, or by another version of Turnwright."""
    try:
        profile = None if stored is None else Profile.model_validate_json(stored)
    except ValidationError:
        return None
    return profile if profile is not None and profile.made_for == endpoint_key(endpoint) else None


def profiles(db: Database) -> dict[str, Profile]:
    """Return the profiles of the saved endpoints, each by the endpoint that it was made for (`endpoint_key`)."""
    return {row.profile.made_for: row.profile for row in list_endpoints(db) if row.profile}


def save_endpoint(
    db: Database, name: str, endpoint: Endpoint, based_on: int | None, profile: Profile | None = None
) -> int:
    """Store an endpoint and return its version. `based_on` is None for a new one. A `profile` that was made for it is
    stored too. Raises InputError, Conflict."""
    if not name.strip():
        raise InputError("name", "is empty.", "Give the endpoint a name.")
    checked(endpoint)
    with db.write() as session:
        record = session.get(EndpointRecord, name, with_for_update=True)
        current = record.version if record else None
        if current != based_on:
            raise conflict("endpoint", name, current, based_on)
        body, now = endpoint.model_dump_json(), time.time()
        record = record or EndpointRecord(name=name, version=0, body=body, updated_at=now)
        record.version += 1
        record.body, record.updated_at = body, now
        if profile is not None and profile.made_for == endpoint_key(endpoint):
            record.profile = profile.model_dump_json()
        session.add(record)
        return record.version


def delete_endpoint(db: Database, name: str, based_on: int | None = None) -> None:
    """Delete an endpoint. Batches keep their copy.

    `based_on` is the version that was seen: raises Conflict when somebody saved another since, InputError without one.
    """
    with db.write() as session:
        record = session.get(EndpointRecord, name)
        if record is None:
            raise InputError("endpoint", f"there is no endpoint {name!r}.", "It may have been deleted already.")
        if based_on is not None and record.version != based_on:
            raise conflict("endpoint", name, record.version, based_on)
        session.delete(record)
