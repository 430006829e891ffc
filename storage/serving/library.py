"""What the engine reads and writes beside batches: requests, domains, trajectories, exports, its heartbeat."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from engine.environments.make import Source
from engine.errors import InputError
from engine.types import Batch, ExportOutcome, Profile, Pulse, Recipe, Request, Review, Trajectory
from storage import preferences, tables
from storage.database import Database
from storage.designing import domains, outside_packs
from storage.exporting import environments, exports
from storage.reviewing import trajectories
from storage.serving import engines, profiles, requests


class SqlLibrary:
    """Implements engine.protocols.Library."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def claim_request(self, holder: str, now: float) -> Request | None:
        row = requests.claim_request(self._db, holder, now)
        return None if row is None else Request(row.id, row.kind, row.payload)

    def finish_request(self, request_id: int, result: Mapping[str, Any] | None, error: str | None) -> None:
        requests.finish_request(self._db, request_id, result, error)

    def domain_files(self, domain_id: str, version: int | None) -> Mapping[str, bytes]:
        return domains.get_domain(self._db, domain_id, version).files

    def trajectory(self, trajectory_id: int) -> tuple[Trajectory, Mapping[str, bytes]]:
        found = trajectories.get(self._db, trajectory_id)
        if found is None:
            raise InputError("trajectory", f"there is no trajectory {trajectory_id}.", "It may have been deleted.")
        return found, domains.files_by_digest(self._db, found.domain_digest)

    def needs_isolation(self, digest: str) -> bool:
        return bool(outside_packs.unallowed(self._db, (digest,)))

    def export(self, export_id: int) -> tuple[Recipe, Iterator[tuple[int, bytes, Sequence[Review]]]]:
        recipe = exports.start_export(self._db, export_id)
        return recipe, trajectories.stream(self._db, recipe.filter)

    def environment(self, *, batch: int | None, domain: str | None, tasks: int, seed: int) -> Source:
        return environments.source_of(self._db, batch=batch, domain=domain, tasks=tasks, seed=seed)

    def licence(self, digest: str) -> str | None:
        try:
            domain = domains.domain_by_digest(self._db, digest)
        except InputError:
            return None
        return domain.licence if "licence" in domain.model_fields_set else None

    def batches(self, fingerprints: Collection[str]) -> Mapping[str, Batch]:
        launched = ~tables.batch.c.imported & ~tables.batch.c.rejudges
        found: dict[str, Batch] = {}
        with self._db.read() as session:
            for body in session.execute(select(tables.batch.c.body).where(launched)).scalars():
                batch = Batch.model_validate_json(body)
                if (fingerprint := batch.fingerprint) in fingerprints:
                    found.setdefault(fingerprint, batch)
        return found

    def sandbox_options(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = preferences.get(self._db, "sandbox_options", {})
        return found

    def save_profile(self, profile: Profile) -> None:
        profiles.save_profile(self._db, profile)

    def finish_export(self, export_id: int, outcome: ExportOutcome) -> None:
        exports.finish_export(self._db, export_id, outcome)

    def fail_export(self, export_id: int, error: str) -> None:
        exports.fail_export(self._db, export_id, error)

    def beat(self, pulse: Pulse) -> None:
        engines.beat(self._db, pulse)

    def leave(self, holder: str) -> None:
        engines.leave(self._db, holder)
