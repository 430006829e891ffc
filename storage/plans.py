"""What a stored batch was planned to hold, worked out anew from its snapshot: it is kept nowhere else."""

from __future__ import annotations

from engine.errors import InputError
from engine.planner import quotas_of
from engine.quotas import Quotas
from storage.batches import BatchRow
from storage.database import Database
from storage.domains import domain_by_digest


def quotas_of_batch(db: Database, row: BatchRow) -> Quotas | None:
    """Return how many tasks each domain, mode and number of requests of a batch gets.

    None for an imported batch, which was never planned, and where a domain of the snapshot cannot be read any more.
    """
    if row.imported:
        return None
    digests = {str(share.digest) for share in row.batch.domains}
    try:
        return quotas_of(row.batch, {digest: domain_by_digest(db, digest) for digest in digests})
    except InputError:
        return None
