"""The engine process: claims batches and works on them, answers requests, sends heartbeats, stops on a signal.

States of a batch: queued → running → (paused ↔ running) → done | failed | cancelled. Several engines may share one
database: a batch or request is claimed by one conditional update, and a claim whose heartbeat is older than
`times.STALE` is taken over, sooner when its process is known to have ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import traceback
from collections.abc import Callable
from functools import partial

from engine import plugins
from engine.errors import InputError, SandboxError, StorageError
from engine.liveness import holder_name
from engine.protocols import Library, SandboxPool, Store
from engine.running.runner import judge_again, run
from engine.running.watch import Ending
from engine.serving.choice import SandboxChoice, with_options
from engine.serving.desk import Desk
from engine.serving.pools import Pools
from engine.times import STALE
from engine.types import SMALL_BATCH, Claim, Pulse, Request

IDLE_SECONDS = 0.5
"""Between two tries to claim a batch."""
POLL_SECONDS = 0.2
"""Between two tries to claim a request."""
OPEN_REQUESTS = 4
"""Requests that are answered at the same time."""
LOOK_SECONDS = 10.0
"""Between two tries to open the preferred sandbox, while the engine works in another one."""


class Worker:
    """Works until `stop` is set. `sandbox` says which sandbox it uses, `say` prints a line, and with `only` it takes
    the batch of that number alone."""

    def __init__(
        self,
        store: Store,
        library: Library,
        sandbox: SandboxChoice | None = None,
        *,
        say: Callable[[str], None] = print,
        only: int | None = None,
    ) -> None:
        chosen = sandbox or SandboxChoice()
        self.holder = holder_name()
        self.stop = asyncio.Event()
        self._store, self._library, self._say = store, library, say
        self._pools = Pools(
            chosen.name, chosen.image, lambda: with_options(library.sandbox_options(), chosen.options or {})
        )
        self._only = only
        self._working: set[int] = set()

    async def work(self, *, once: bool = False) -> None:
        """Work on batches, one at a time and a small one beside it, and answer requests meanwhile.

        Returns when `stop` is set, with `once` also when no batch is waiting.
        """
        beside = [asyncio.create_task(work()) for work in (self._answer_requests, self._beat, self._try_preferred)]
        try:
            async with asyncio.TaskGroup() as lanes:
                lanes.create_task(self._lane(once))
                lanes.create_task(self._lane(once, SMALL_BATCH))
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._pools.aclose()
            with contextlib.suppress(StorageError):
                self._library.leave(self.holder)

    async def _lane(self, once: bool, most: int | None = None) -> None:
        """Work on one batch after the other; with `most`, only on those with at most that many rollouts left."""
        while not self.stop.is_set():
            claim = await self._claim(most)
            # After a standstill of this process the other lane's batch looks abandoned, and is claimed again here.
            if claim is not None and claim.batch_id not in self._working:
                self._working.add(claim.batch_id)
                await self._work_on(claim)
            elif claim is None and once:
                return
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stop.wait(), IDLE_SECONDS)

    async def _claim(self, most: int | None) -> Claim | None:
        claim = partial(self._store.claim, self.holder, time.time(), STALE, most=most, only=self._only)
        try:
            return await asyncio.to_thread(claim)
        except StorageError as error:
            self._say(f"cannot claim: {error}")
            return None

    async def _work_on(self, claim: Claim) -> None:
        """Run a claimed batch until it ends, and release it."""
        self._say(f"batch {claim.batch_id} {claim.batch.name!r}: {claim.batch.trajectories} trajectories")
        pool: SandboxPool | None = None

        async def open_pool(*, commands: bool = True) -> SandboxPool:  # replays ask before they run commands
            nonlocal pool
            pool = await self._pools.of(claim.sandbox or claim.batch.sandbox, allow_commands=commands)
            return pool

        try:
            if claim.batch.rejudge is not None:
                ending = await judge_again(claim, self._store, open_pool, self.stop)
            else:
                reference = plugins.trait("teachers", claim.batch.teacher.name, "reference", False)
                opened = await open_pool(commands=reference or claim.batch.allow_unisolated_commands)
                ending = await run(claim, self._store, opened, self.stop)
        except SandboxError as error:
            ending = _without_sandbox(claim, error)
        except InputError as error:
            ending = Ending("failed", str(error))
        except Exception as error:  # a fault of the engine in one batch must not stop it for the others
            self._say("".join(traceback.format_exception(error)))
            ending = Ending("failed", f"The engine failed: {type(error).__name__}: {error}. Its log says where.")
        if ending.status == "paused" and pool is not None and not (await pool.health()).ok:
            await self._pools.drop(pool)
        await self._release(claim, ending)

    async def _release(self, claim: Claim, ending: Ending) -> None:
        """Release the batch. While the database cannot be written (a full disk), keep trying, so that the batch shows
        why it ended."""
        self._working.discard(claim.batch_id)
        self._say(f"batch {claim.batch_id}: {ending.status} {ending.reason}".rstrip())
        while ending.status != "lost":
            try:
                await asyncio.to_thread(self._store.release, claim.batch_id, self.holder, ending.status, ending.reason)
                return
            except StorageError as error:
                self._say(f"cannot release batch {claim.batch_id}: {error}")
                if self.stop.is_set():
                    return
                await asyncio.sleep(1.0)

    async def _answer_requests(self) -> None:
        """Answer requests as they come, a few at a time, so that none waits for a long export."""
        desk = Desk(self._library, self._pools.of)
        answering: dict[int, asyncio.Task[None]] = {}
        try:
            while True:
                answering = {number: task for number, task in answering.items() if not task.done()}
                try:
                    request = None
                    if len(answering) < OPEN_REQUESTS:
                        request = await asyncio.to_thread(self._library.claim_request, self.holder, time.time())
                    # A request that takes long counts as abandoned and is claimed again, but must not run twice.
                    if request is not None and request.id not in answering:
                        answering[request.id] = asyncio.create_task(self._answer_one(desk, request))
                        continue
                except StorageError as failure:
                    self._say(f"cannot read requests: {failure}")
                await asyncio.sleep(POLL_SECONDS)
        finally:
            for task in answering.values():
                task.cancel()
            await asyncio.gather(*answering.values(), return_exceptions=True)

    async def _answer_one(self, desk: Desk, request: Request) -> None:
        try:
            result, error = await desk.answer(request)
            await asyncio.to_thread(self._library.finish_request, request.id, result, error)
        except StorageError as failure:
            self._say(f"cannot answer request {request.id}: {failure}")
        except asyncio.CancelledError:
            with contextlib.suppress(StorageError):
                self._library.finish_request(request.id, None, "The engine was stopped. Start it, then ask again.")
            raise

    async def _try_preferred(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._pools.try_preferred()

    async def _beat(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._library.beat, await self._pulse())
            except StorageError as error:
                self._say(f"cannot beat: {error}")
            await asyncio.sleep(2.0)

    async def _pulse(self) -> Pulse:
        """Return this engine's heartbeat, with the sandbox in use or the reason why there is none."""
        try:
            health = await (await self._pools.of()).health()
            sandbox = health.name, health.isolated, health.detail
        except (SandboxError, InputError, OSError) as error:
            sandbox = "none", False, str(error)
        return Pulse(self.holder, os.getpid(), time.time(), *sandbox)


def _without_sandbox(claim: Claim, error: SandboxError) -> Ending:
    """Return how a batch ends whose sandbox could not be opened. One that began in this sandbox is paused; only its
    user may move it to another one."""
    if not claim.sandbox:
        return Ending("failed", str(error))
    return Ending(
        "paused",
        f"The batch began in the {claim.sandbox} sandbox, which cannot be used now: {error} Then resume; or resume it "
        "in another sandbox.",
    )


async def serve(worker: Worker, *, once: bool = False) -> None:
    """Work until SIGTERM or SIGINT. Rollouts in flight are dropped then; the next engine does them again."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop.set)
    await worker.work(once=once)
