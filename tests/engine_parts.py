"""What engine tests share: a batch of the ledger, its parts, and pools that fail on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from engine.errors import SandboxError
from engine.protocols import Environment, Sandbox, SandboxHealth, SandboxPool
from engine.runner import parts_of
from engine.types import Batch, Domain, DomainShare, Endpoint, ModelRole


def batch_of(domain: Domain, **changes: Any) -> Batch:
    """Return a small batch over one domain, pinned to its digest."""
    return Batch.model_validate(
        {"name": "test", "domains": [DomainShare(id=domain.id, digest=domain.digest)], "trajectories": 6, **changes}
    )


def scripted(*replies: Any, **options: Any) -> Endpoint:
    """Return an endpoint of the shipped test double that plays the replies."""
    more = {"replies": list(replies), **options} if replies else options
    return Endpoint(model="scripted", llm="scripted", options=more, attempts=1)


def wired(batch: Batch, domain: Domain, pool: SandboxPool, llms: Mapping[ModelRole, Any] | None = None) -> Any:
    return parts_of(batch, {domain.id: domain}, pool, llms or {})


class FailingPool:
    """A pool whose leases fail as `fault(number)` says; numbers count from 0. Otherwise it is the inner pool."""

    def __init__(self, inner: SandboxPool, fault: Callable[[int], SandboxError | None]) -> None:
        self._inner, self._fault, self.leases = inner, fault, 0
        self.name, self.isolated = inner.name, inner.isolated

    async def start(self) -> None: ...

    async def prepare(self, environment: Environment, width: int) -> None: ...

    @asynccontextmanager
    async def lease(self, environment: Environment) -> AsyncIterator[Sandbox]:
        number, self.leases = self.leases, self.leases + 1
        await asyncio.sleep(0)
        error = self._fault(number)
        if error is not None:
            raise error
        async with self._inner.lease(environment) as sandbox:
            yield sandbox

    async def health(self) -> SandboxHealth:
        return SandboxHealth("failing", False, False, "It fails on purpose.")

    async def sweep(self) -> int:
        return 0

    async def aclose(self) -> None: ...
