"""The batch files in an export: what gave its trajectories, so that a reader can run it again.

An export is meant to be given away, so what only concerns its author's machines is left out: addresses of models, and
those options of endpoints that are no plain value, or whose name says that they hold an address or a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.planning.batch_file import dump_batch
from engine.types import Batch, Endpoint

_PRIVATE = re.compile(r"key|token|secret|password|credential|auth|header|url|base|host|proxy", re.IGNORECASE)
_PLAIN = re.compile(r"[a-z_]{0,40}")
"""Texts that name a way of doing something, and hold no address and no secret."""
_HEAD = "# Give each model its `api_base`, where it needs one: addresses, and options that may hold one, are out.\n"


def batch_files(batches: Mapping[str, Batch]) -> dict[str, bytes]:
    """Return the files of batches, given by their fingerprints, by their names in the export."""
    found: dict[str, bytes] = {}
    for fingerprint, batch in sorted(batches.items()):
        name = re.sub(r"[^A-Za-z0-9]+", "-", batch.name).strip("-").lower()[:60]
        found[f"batches/{name}-{fingerprint[:8]}.yaml".replace("/-", "/")] = _batch_file(batch)
    return found


def _batch_file(batch: Batch) -> bytes:
    public = batch.model_copy(
        update={
            "plan_version": batch.plan,
            "models": {role: _public(endpoint) for role, endpoint in batch.models.items()},
            "panel": tuple(_public(endpoint) for endpoint in batch.panel),
        }
    )
    return ((_HEAD if batch.models else "") + dump_batch(public)).encode()


def _public(endpoint: Endpoint) -> Endpoint:
    options = {name: value for name, value in endpoint.options.items() if _is_public(name, value)}
    return endpoint.model_copy(update={"api_base": None, "options": options})


def _is_public(name: str, value: object) -> bool:
    """Return whether an option may be given away: a number, a truth or a plain word. What is nested goes to a provider
    as it is, so it may hold a header with a key."""
    plain = _PLAIN.fullmatch(value) is not None if isinstance(value, str) else isinstance(value, (bool, int, float))
    return plain and not _PRIVATE.search(name)
