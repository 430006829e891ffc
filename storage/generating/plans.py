"""How many tasks of each kind a batch is planned to have. It is computed from the stored batch, and stored nowhere."""

from __future__ import annotations

from engine.errors import InputError
from engine.planning.planner import quotas_of
from engine.planning.quotas import Quotas
from engine.types import Batch
from storage.database import Database
from storage.designing.domains import domain_by_digest
from storage.generating.batches import BatchRow


def pinned_quotas(db: Database, batch: Batch) -> Quotas | None:
    """Return how many tasks each domain, mode and number of user turns gets; each domain of the batch must have a
    digest.

    None where a domain cannot be read or the batch cannot be planned.
    """
    digests = {str(share.digest) for share in batch.domains}
    try:
        return quotas_of(batch, {digest: domain_by_digest(db, digest) for digest in digests})
    except InputError:
        return None


def quotas_of_batch(db: Database, row: BatchRow) -> Quotas | None:
    """Return the same of a stored batch; None for an imported one, which was never planned."""
    return None if row.imported else pinned_quotas(db, row.batch)
