"""Shared by the attacks: a sandbox of each backend, kept for a whole file, and a Python program that runs in it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from engine.protocols import SandboxPool
from engine.sandboxes._remote import RemoteSandbox
from engine.types import Limits
from tests.conformance._sandboxes import environment, pool, pools

__all__ = ["pool", "pools"]  # fixtures
ROOMY = Limits(call_seconds=10.0, memory_bytes=256 << 20, disk_bytes=64 << 20, processes=48)


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(pool: SandboxPool) -> AsyncIterator[RemoteSandbox]:
    async with pool.lease(environment(limits=ROOMY, key="attacked")) as found:
        yield found


async def python(sandbox: RemoteSandbox, program: str, *arguments: str) -> Any:
    """Run a program as a command of the sandbox, and return the JSON value that it prints."""
    done = await sandbox.exec(["python3", "-", *arguments], stdin=program.encode(), timeout=30)
    assert done.status == 0, done.stderr.decode()
    return json.loads(done.stdout)
