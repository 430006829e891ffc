"""The sandbox pools of one engine: opened on first use, kept warm between batches, and looked for again."""

from __future__ import annotations

import asyncio
import contextlib

from engine.errors import SandboxError
from engine.protocols import SandboxPool
from engine.serving.choice import PREFERRED, open_pool


class Pools:
    """`choice` is what "auto" means here: the name of a sandbox, or "auto" for the best one that answers."""

    def __init__(self, choice: str, image: str | None = None) -> None:
        self._default, self._image = choice, image
        self._pools: dict[tuple[str, bool], SandboxPool] = {}
        self._chosen: str | None = None
        self._lock = asyncio.Lock()

    async def of(self, choice: str = "auto", *, allow_commands: bool = False) -> SandboxPool:
        """Return a started pool. Raises SandboxError with the next move, InputError for an unknown name."""
        wanted = self._default if choice == "auto" else choice
        async with self._lock:
            known = self._pools.get((self._chosen or "" if wanted == "auto" else wanted, allow_commands))
            if known is not None:
                return known
            pool = await open_pool(wanted, allow_commands=allow_commands, image=self._image)
            await pool.sweep()
            if wanted == "auto":
                self._chosen = pool.name
            return await self._kept(pool, allow_commands)

    async def look_again(self) -> None:
        """Let "auto" mean the preferred sandbox from now on, if it did not answer before and does now.

        Whoever works in another one stays there.
        """
        best = PREFERRED[0]
        if self._default != "auto" or self._chosen in (None, best):
            return
        with contextlib.suppress(SandboxError, OSError):
            pool = await open_pool(best, image=self._image)
            async with self._lock:
                await self._kept(pool, False)
                self._chosen = best

    async def _kept(self, pool: SandboxPool, allow_commands: bool) -> SandboxPool:
        """Keep a newly opened pool; return the one there was before, if any, and close the new one."""
        kept = self._pools.setdefault((pool.name, allow_commands), pool)
        if kept is not pool:
            await pool.aclose()
        return kept

    async def drop(self, pool: SandboxPool) -> None:
        """Forget a pool that broke, so that the next batch opens a new one."""
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
