"""Replays for judges of stored trajectories: which sandbox, which domain version, and why one cannot be made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from engine.domains.sources import sources_of
from engine.errors import InputError, SandboxError, StorageError
from engine.protocols import Judge, SandboxPool, Store
from engine.reviewing.hidden_tests import replayed_tests
from engine.reviewing.replay import Runtime, Sources
from engine.rolling.parts import environment_of
from engine.types import Batch, Domain, Origin, Replayed, Trajectory

OpenPool = Callable[[], Awaitable[SandboxPool]]
"""Returns a started sandbox pool, which is opened at the first call. Raises SandboxError and InputError."""
_NO_ISOLATION = (
    "Its dialogue runs commands that a model wrote, and the sandbox does not isolate them. Use docker or bubblewrap, "
    "or allow commands without isolation."
)
_FROM_OUTSIDE = (
    "Its domain came from outside, and the sandbox does not isolate its tools. Use docker or bubblewrap; or read its "
    "tools, then allow them on the domain's page or with `python -m engine trust`."
)


class Replays:
    """Makes the replays of a batch that judges again. No sandbox is opened before the first one."""

    def __init__(self, batch: Batch, store: Store, open_pool: OpenPool) -> None:
        self._batch, self._store, self._open_pool = batch, store, open_pool
        self._sources: dict[str, Sources] = {}

    async def give(self, judges: Collection[Judge], number: int, trajectory: Trajectory) -> None:
        """Hand a replay of the trajectory with this number to the judges that want one. Raises SandboxError when the
        sandbox cannot be used."""
        wanting = [judge for judge in judges if judge.wants_replay(trajectory)]
        if not wanting:
            return
        replay = await self._of(number, trajectory)
        for judge in wanting:
            judge.replay = replay

    async def _of(self, number: int, trajectory: Trajectory) -> Replayed:
        """Return what a replay gave, or why none could be made."""
        try:
            origin = await asyncio.to_thread(self._store.origin, number, trajectory.domain_digest)
            if origin.domain is None:
                return _none(f"The version of {trajectory.domain} that it was rolled out in is not stored here.")
            sources = await self._sources_of(origin.domain)
        except InputError as error:
            return _none(f"Its domain cannot be read: {error}")
        if unknown := {tool.source for tool in trajectory.tools} - sources.keys():
            return _none(f"Its domain has no tool source {', '.join(sorted(unknown))}.")
        try:
            pool = await self._open_pool()
        except SandboxError as error:
            raise SandboxError(str(error), gone=True) from error
        if origin.needs_isolation and not pool.isolated:
            return _none(_FROM_OUTSIDE)
        commands = any(sources[tool.source].commands for tool in trajectory.tools)
        if commands and not (pool.isolated or self._may_run_here(trajectory, origin)):
            return _none(_NO_ISOLATION)
        variant = trajectory.task.variant if trajectory.task else None
        environment = environment_of(origin.domain, variant, commands=commands)
        runtime = Runtime(lambda: pool.lease(environment), sources, origin.domain.user_tools)
        return await self._tried(trajectory, origin.domain, runtime)

    async def _sources_of(self, domain: Domain) -> Sources:
        if domain.digest not in self._sources:
            self._sources[domain.digest] = await asyncio.to_thread(sources_of, domain)
        return self._sources[domain.digest]

    def _may_run_here(self, trajectory: Trajectory, origin: Origin) -> bool:
        """Return whether commands may run without isolation: where that was allowed, and where our own reference chose
        them. What an imported record says of its teacher proves nothing."""
        by_reference = not origin.imported and trajectory.teacher == "reference"
        return self._batch.allow_unisolated_commands or by_reference

    async def _tried(self, trajectory: Trajectory, domain: Domain, runtime: Runtime) -> Replayed:
        """Return what a replay gave, tried again in another sandbox when one breaks."""
        limits = self._batch.limits
        said = ""
        for _ in range(limits.infrastructure_attempts):
            try:
                async with asyncio.timeout(limits.seconds):
                    return await replayed_tests(trajectory, domain, runtime)
            except SandboxError as error:
                if error.gone:
                    raise
                said = f"The sandbox broke during the replay: {error}"
            except TimeoutError:
                return _none(f"The replay took longer than {limits.seconds:g} s.")
            except StorageError:
                raise
            except Exception as error:  # a fault in one tool leaves this trajectory unmeasured and the batch going on
                return _none(f"The replay failed with {type(error).__name__}: {str(error)[:300]}")
        return _none(said)


def _none(why: str) -> Replayed:
    return Replayed(passed=None, detail=why)
