"""Makes a package from the tasks of a batch, or of a domain, and runs it before it is handed out."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.domains import pack_files
from engine.environments.check import Trial, checked_in_thread, recorded_trials, trials_of
from engine.environments.package import framework, made
from engine.environments.tasks import proven_tasks
from engine.protocols import SandboxPool
from engine.types import Batch, Domain, DomainShare, Persona, Trajectory

KEPT = 24 * 3600.0
"""Seconds that a written package waits for its download, as long as the answer that names it is kept."""


@dataclass(frozen=True)
class Source:
    """What a package is made from: the tasks that a batch plans for one domain version, and the stored dialogues that
    the package must give the same rewards."""

    batch: Batch
    domains: Mapping[str, Domain]
    """Those of the batch, by digest."""
    digest: str
    """The domain version that is packaged."""
    personas: Sequence[Persona]
    rows: Sequence[Trajectory] = ()

    @property
    def domain(self) -> Domain:
        return self.domains[self.digest]


@dataclass(frozen=True)
class Package:
    """A package that held. `tasks` are in it, `left_out` counts others by reason, `trials` what was run in it."""

    name: str
    archive: bytes
    tasks: int
    left_out: Mapping[str, int]
    trials: Mapping[str, int]
    not_replayed: int

    def lines(self) -> list[str]:
        """Return what a person should know of it."""
        told = [f"{self.tasks} proven tasks"]
        if self.left_out:
            reasons = ", ".join(f"{number} by {reason}" for reason, number in sorted(self.left_out.items()))
            told.append(f"left out, because the reference does not earn the full reward: {reasons}")
        told += [f"run in the package: {what}, {number} times" for what, number in sorted(self.trials.items())]
        if self.not_replayed:
            why = "another user, no score, no packaged task, or commands or code that a model wrote"
            told.append(f"dialogues that were not replayed ({why}): {self.not_replayed}")
        return told


def of_domain(domain: Domain, personas: Sequence[Persona], *, tasks: int, seed: int) -> Source:
    """Return a source of newly planned tasks of a domain, in the usual modes and with the usual judges. Raises
    ValidationError for numbers that no batch may have."""
    share = DomainShare(id=domain.id, digest=domain.digest)
    values = {"name": f"environment of {domain.id}", "domains": (share,), "trajectories": tasks, "seed": seed}
    return Source(Batch.model_validate(values).pinned(), {domain.digest: domain}, domain.digest, personas)


async def make(name: str, source: Source, pool: SandboxPool) -> Package:
    """Return the package for the framework of this name. Raises InputError where no task is proven, where the package
    does not hold, and for an unknown framework; SandboxError."""
    framework(name)
    proven = await proven_tasks(source.batch, source.domains, source.digest, source.personas, pool)
    contents = proven.contents
    archive = pack_files.to_zip(made(contents, name))
    recorded, others = recorded_trials(contents, source.rows)
    trials: list[Trial] = [trial for one in contents.tasks for trial in trials_of(one)]
    counted = await checked_in_thread(archive, name, [*trials, *recorded])
    file = f"{source.domain.id}-{name}.zip"
    return Package(file, archive, len(contents.tasks), proven.left_out, counted, others)


def store(folder: Path, package: Package) -> str:
    """Write a package below a folder and return its path there. Packages older than KEPT are deleted."""
    for old in folder.glob("*") if folder.is_dir() else ():
        if time.time() - old.stat().st_mtime > KEPT:
            shutil.rmtree(old, ignore_errors=True)
    place = folder / secrets.token_hex(8)
    place.mkdir(parents=True)
    (place / package.name).write_bytes(package.archive)
    return f"{place.name}/{package.name}"
