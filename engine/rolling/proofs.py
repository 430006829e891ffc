"""The proofs of the tasks of a batch, each made once for all attempts at its task."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from engine.types import Proof, Task

Prove = Callable[[], Awaitable[Proof]]


class Proofs:
    """Remembers the proofs of the last tasks, so that the attempts at one task prove it once."""

    def __init__(self, kept: int = 512) -> None:
        self._kept = kept
        self._proofs: OrderedDict[tuple[str, int], asyncio.Future[Proof | None]] = OrderedDict()

    async def of(self, task: Task, prove: Prove) -> Proof:
        """Return the proof of a task, asking `prove` for it if nobody has. Raises what that raises.

        Who waits for another's replay takes it over when that one gives up (timeout, cancelled, sandbox fault).
        """
        key = (task.id, task.seed)
        while (known := self._proofs.get(key)) is not None:
            proof = await asyncio.shield(known)
            if proof is not None:
                return proof
        future: asyncio.Future[Proof | None] = asyncio.get_running_loop().create_future()
        self._proofs[key] = future
        if len(self._proofs) > self._kept:
            self._proofs.popitem(last=False)
        proof = None
        try:
            proof = await prove()
        finally:
            if proof is None and self._proofs.get(key) is future:
                del self._proofs[key]
            future.set_result(proof)
        return proof
