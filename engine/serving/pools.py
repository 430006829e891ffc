"""The sandbox pools of one engine: opened on first use and kept warm between batches."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from engine.errors import SandboxError
from engine.protocols import SandboxPool
from engine.serving.choice import Options, open_pool, preferred


class _Key(NamedTuple):
    """What a pool was opened with; `options` as JSON."""

    sandbox: str
    allow_commands: bool
    options: str


class Pools:
    """Hands out one pool for each sandbox and its options.

    `choice` is the sandbox for requests of "auto": a name, or "auto" for the best one that answers. `options` returns
    the options of all sandboxes by name. When they change, later requests get a new pool, and a batch that works in the
    old one stays there.
    """

    def __init__(self, choice: str, image: str | None = None, options: Callable[[], Options] = dict) -> None:
        self._default, self._image, self._options = choice, image, options
        self._pools: dict[_Key, SandboxPool] = {}
        self._chosen: str | None = None
        self._lock = asyncio.Lock()

    async def of(self, choice: str = "auto", *, allow_commands: bool = False) -> SandboxPool:
        """Return a started pool. Raises SandboxError, with the next move, when the sandbox cannot be used, InputError
        for an unknown name or option."""
        wanted = self._default if choice == "auto" else choice
        options = await asyncio.to_thread(self._options)
        async with self._lock:
            name = self._chosen if wanted == "auto" else wanted
            known = self._pools.get(_key(name or "", allow_commands, options))
            if known is not None:
                return known
            pool = await open_pool(wanted, allow_commands=allow_commands, image=self._image, options=options)
            await pool.sweep()
            if wanted == "auto":
                self._chosen = pool.name
            return await self._kept(pool, _key(pool.name, allow_commands, options))

    async def try_preferred(self) -> None:
        """Let "auto" mean the preferred sandbox from now on, if it answers now and did not before.

        A batch that works in another sandbox stays there.
        """
        best = preferred()[0]
        if self._default != "auto" or self._chosen in (None, best):
            return
        options = await asyncio.to_thread(self._options)
        with contextlib.suppress(SandboxError, OSError):
            pool = await open_pool(best, image=self._image, options=options)
            async with self._lock:
                await self._kept(pool, _key(best, False, options))
                self._chosen = best

    async def _kept(self, pool: SandboxPool, key: _Key) -> SandboxPool:
        """Store a newly opened pool and return it. If another task has opened one with this key meanwhile, close the
        new one and return the other."""
        kept = self._pools.setdefault(key, pool)
        if kept is not pool:
            await pool.aclose()
        return kept

    async def drop(self, pool: SandboxPool) -> None:
        """Close and forget a broken pool, so that the next batch opens a new one."""
        async with self._lock:
            self._pools = {key: kept for key, kept in self._pools.items() if kept is not pool}
            self._chosen = None if self._chosen == pool.name else self._chosen
        with contextlib.suppress(SandboxError, OSError):
            await pool.aclose()

    async def aclose(self) -> None:
        for pool in self._pools.values():
            with contextlib.suppress(SandboxError, OSError):
                await pool.aclose()
        self._pools.clear()


def _key(sandbox: str, allow_commands: bool, options: Options) -> _Key:
    mine: Mapping[str, Any] = options.get(sandbox, {})
    return _Key(sandbox, allow_commands, json.dumps(mine, sort_keys=True))
