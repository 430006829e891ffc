"""What passes between an engine process and the database: claims, requests and heartbeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.types.batches import Batch
from engine.types.domains import Domain, Persona

SMALL_BATCH = 20
"""An engine runs a batch with at most so many rollouts left beside another one, so that a first try does not queue
behind a large batch."""


@dataclass(frozen=True)
class Claim:
    """A batch that an engine (`holder`) has claimed, with its pinned domains and personas. `sandbox` is the backend of
    its first trajectories; empty before any engine opened one. `needs_isolation` holds the digests of those domains
    that came from outside and that no user let run without isolation."""

    batch_id: int
    batch: Batch
    domains: Mapping[str, Domain]
    personas: Sequence[Persona]
    holder: str
    sandbox: str = ""
    needs_isolation: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Request:
    """A job that a page asks of the engine; `kind` names a function of engine/serving/desk.py."""

    id: int
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Pulse:
    """A heartbeat of an engine process at `now` (epoch seconds). `sandbox` is the backend that it uses, `isolated` None
    while that is unknown, and `detail` a sentence about it for the reader."""

    holder: str
    pid: int
    now: float
    sandbox: str = ""
    isolated: bool | None = None
    detail: str = ""
