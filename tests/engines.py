"""What tests run engines with: the parts of a rollout, a pool that fails on purpose, and engine processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.errors import SandboxError
from engine.protocols import Sandbox, SandboxPool
from engine.running.wiring import parts_of
from engine.types import Batch, Domain, Environment, ModelRole, SandboxHealth

ROOT = Path(__file__).resolve().parent.parent


def wired(batch: Batch, domain: Domain, pool: SandboxPool, llms: Mapping[ModelRole, Any] | None = None) -> Any:
    """Return the parts with which a rollout of the batch is made."""
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

    async def left(self) -> list[str]:
        return []

    async def sweep(self) -> int:
        return 0

    async def aclose(self) -> None: ...


def surroundings(home: Path, sandbox: str = "local", address: str | None = None) -> dict[str, str]:
    """Return the environment of a command over this home folder; without an address its database lies in it."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    given = {} if address is None else {"DATABASE_URL": address}
    return {**kept, "TURNWRIGHT_HOME": str(home), "TURNWRIGHT_SANDBOX": sandbox, **given}


def engine(home: Path, sandbox: str = "local", address: str | None = None) -> subprocess.Popen[bytes]:
    """Start an engine as a process of its own; the caller ends it."""
    return subprocess.Popen(
        [sys.executable, "-m", "engine", "work"],
        cwd=ROOT,
        env=surroundings(home, sandbox, address),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def ended_holder() -> str:
    """Return the name of an engine whose process has ended."""
    code = "from engine.liveness import holder_name; print(holder_name())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for the condition; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
