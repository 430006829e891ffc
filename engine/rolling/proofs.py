"""A cache of proofs, so that several rollouts of one task prove it once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from engine.types import Proof, Task

Prove = Callable[[], Awaitable[Proof]]


class Proofs:
    """Keeps the proofs of the last `kept` tasks, in memory."""

    def __init__(self, kept: int = 512) -> None:
        self._kept = kept
        self._proofs: OrderedDict[tuple[str, int], asyncio.Future[Proof | None]] = OrderedDict()

    async def of(self, task: Task, prove: Prove) -> Proof:
        """Return the proof of a task; the first caller makes it with `prove`, others wait for it. Raises what `prove`
        raises.

        When the one who proves gives up (timeout, cancellation, sandbox fault), a waiting caller proves it instead.
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
