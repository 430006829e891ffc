"""What runnable environments are made from: a stored domain, or a stored batch with its dialogues."""

from __future__ import annotations

from pydantic import TypeAdapter
from sqlalchemy import select

from engine.environments.make import Source, of_domain
from engine.errors import InputError
from engine.types import Batch, Persona, Trajectory, TrajectoryFilter
from storage import tables
from storage.database import Database
from storage.designing.domains import domain_by_digest, get_domain
from storage.designing.outside_packs import unallowed
from storage.designing.personas import list_personas
from storage.reviewing.trajectories import stream

_PERSONAS = TypeAdapter(tuple[Persona, ...])


def source_of(db: Database, *, batch: int | None, domain: str | None, tasks: int, seed: int) -> Source:
    """Return the source of a batch, or where none is given that of newly planned tasks of a domain. Raises InputError
    where neither is given, for a domain from outside that no user let run without isolation, since a package is run so
    before it leaves, and as the two functions below."""
    if batch is not None:
        found = source_of_batch(db, batch, domain)
    elif domain is None:
        raise InputError("environment", "needs a domain or a batch.", "Name one.")
    else:
        found = source_of_domain(db, domain, tasks=tasks, seed=seed)
    if unallowed(db, [found.digest]):
        raise InputError(
            found.domain.id,
            "came from outside, and a package is run here without isolation before it leaves.",
            f"Read its tools, then allow them on the domain's page or with `python -m engine trust {found.digest}`.",
        )
    return found


def source_of_domain(db: Database, id: str, *, tasks: int, seed: int) -> Source:
    """Return a source of newly planned tasks of a domain, for all personas. Raises InputError for an unknown domain."""
    personas = [row.persona for row in list_personas(db)]
    return of_domain(get_domain(db, id), personas, tasks=tasks, seed=seed)


def source_of_batch(db: Database, number: int, domain: str | None = None) -> Source:
    """Return a source of the tasks of a batch, with its stored dialogues. `domain` chooses one of its domains. Raises
    InputError for a batch that planned no tasks, and where the domain is not clear."""
    b = tables.batch.c
    with db.read() as session:
        row = session.execute(select(b.body, b.personas).where(b.id == number)).one_or_none()
    if row is None:
        raise InputError("batch", f"there is no batch {number}.", "See `show` for the list.")
    batch = Batch.model_validate_json(row.body)
    digests = {share.id: str(share.digest) for share in batch.domains if share.digest}
    if batch.rejudge is not None or not digests:
        raise InputError(
            "batch", f"batch {number} planned no tasks of its own.", "Choose one that rolled out dialogues."
        )
    if domain is None and len(digests) > 1:
        raise InputError("domain", f"batch {number} has several.", f"Name one of {', '.join(sorted(digests))}.")
    chosen = next(iter(digests)) if domain is None else domain
    if chosen not in digests:
        raise InputError("domain", f"batch {number} has no domain {chosen!r}.", f"It has {', '.join(sorted(digests))}.")
    found = stream(db, TrajectoryFilter(batches=(number,), domains=(chosen,)))
    return Source(
        batch=batch,
        domains={digest: domain_by_digest(db, digest) for digest in digests.values()},
        digest=digests[chosen],
        personas=_PERSONAS.validate_json(row.personas),
        rows=tuple(Trajectory.model_validate_json(body) for _, body, _ in found),
    )
