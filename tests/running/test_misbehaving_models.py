"""Whole batches against models that misbehave on order: what is kept, what is rejected and why, who is to blame, and
how many calls the models' server saw.

Each batch has twelve dialogues, and its models are asked over HTTP. The double of tests/llms/misbehaving.py plays the
proven chain in all of them but for the replies that a test orders to be wrong, whose spellings are drawn by seed.
"""

from __future__ import annotations

import json
import random
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from engine.domains import catalog
from engine.planning.planner import plan
from engine.rolling.prove import prove
from engine.serving.choice import SandboxChoice, open_pool
from engine.serving.worker import Worker
from engine.types import NOT_TAKEN, RAW_REPLY, Batch, Domain, Endpoint, ModelRole, Proof, RolloutSpec, Trajectory
from engine.types import TrajectoryFilter
from storage.database import Database, open_database
from storage.designing import domains, personas
from storage.generating import batches
from storage.reviewing import trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.engines import wired
from tests.llms import spellings
from tests.llms.misbehaving import ALWAYS, Double, Order
from tests.llms.server import serving
from tests.llms.spellings import Place, Spelling
from tests.samples.batches import batch_of
from tests.samples.packs import ledger_files
from tests.samples.personas import TESS

SIZE = 12
OWNERS = "Ada Ben Cleo Dan Eva Finn Gina Hugo Ida Jack Kate Liam Mia Noah Olga Paul Rosa Sam Tess Walt".split()
HOST = "models.test"
"""A fixed name, so that the address is the same in each run: the tasks of a batch are drawn from its content."""

Order12 = dict[int, Order]


@dataclass(frozen=True)
class Played:
    """A batch that was run: its trajectories in order, and the double that its models were."""

    rows: list[Trajectory]
    double: Double

    def endings(self) -> Counter[tuple[str, str | None, str | None]]:
        return Counter((row.status, row.reason, row.culprit) for row in self.rows)


@pytest.fixture(scope="module")
def wide() -> Domain:
    """The ledger with enough accounts for twelve dialogues of which no two begin alike."""
    accounts = {}
    for number, owner in enumerate(OWNERS):
        accounts[f"A-{2 * number + 1}"] = _account(owner, "savings", 100 + 13.25 * number)
        accounts[f"A-{2 * number + 2}"] = _account(owner, "daily", 20 + 3.5 * number)
    workspace = json.dumps({"accounts": accounts, "today": "2026-03-02"}).encode()
    return catalog.parse(ledger_files() | {"workspace/accounts.json": workspace})


def _account(owner: str, label: str, balance: float) -> dict[str, Any]:
    return {"owner": owner, "label": label, "balance": balance, "note": ""}


@pytest.fixture
def db(tmp_path: Path, wide: Domain) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'turnwright.db'}")
    domains.save_domain(opened, wide.files, based_on=None)
    personas.save_persona(opened, TESS, based_on=None)
    yield opened
    opened.close()


@dataclass(frozen=True)
class Runs:
    """Runs batches of twelve against a double."""

    db: Database
    domain: Domain
    patch: pytest.MonkeyPatch

    async def __call__(self, orders: Order12, judged: Spelling | None = None, **changes: Any) -> Played:
        endpoint = Endpoint(model="m", llm="openai_compatible", api_base=f"http://{HOST}/v1", attempts=1, timeout=20)
        values: dict[str, Any] = {
            "domains": [{"id": "ledger", "digest": self.domain.digest, "templates": ["compare"]}],
            "trajectories": SIZE,
            "modes": {"multiple": 1},
            "turns": {1: 1},
            "teacher": "llm",
            "user": "llm",
            "models": {"teacher": endpoint, "user": endpoint, "judge": endpoint},
            "sandbox": "local",
            "concurrency": 4,
        }
        batch = batch_of(self.domain, **values | changes).pinned()
        specs = list(plan(batch, {self.domain.digest: self.domain}, [TESS]))
        double = Double(specs, await _proofs(batch, specs, self.domain), orders, judged)
        number = batches.create_batch(self.db, batch)
        async with self._served(double):
            await Worker(SqlStore(self.db), SqlLibrary(self.db), SandboxChoice("local"), say=lambda _: None).work(
                once=True
            )
        row = batches.get_batch(self.db, number)
        assert row.status == "done", row.reason
        found = trajectories.stream(self.db, TrajectoryFilter(batches=(number,)))
        rows = sorted((Trajectory.model_validate_json(body) for _, body, _ in found), key=lambda one: one.index)
        print([(r.status, r.reason, r.detail) for r in rows if r.status=="failed"][:2])
        assert [one.id for one in rows] == [spec.id for spec in specs]
        return Played(rows, double)

    @asynccontextmanager
    async def _served(self, double: Double) -> Any:
        async with serving(server=double) as server:
            port = int(server.base.split(":")[2].split("/")[0])
            self.patch.setattr("aiohttp.connector.DefaultResolver", lambda **_: _ToPort(port))
            yield


class _ToPort(AbstractResolver):
    """Resolves every name to one port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        assert host == HOST
        flags = socket.AI_NUMERICHOST
        return [
            {"hostname": host, "host": "127.0.0.1", "port": self._port, "family": socket.AF_INET, "proto": 0, "flags": flags}
        ]

    async def close(self) -> None: ...


async def _proofs(batch: Batch, specs: Sequence[RolloutSpec], domain: Domain) -> list[Proof]:
    """Return the proof of each spec, made in a sandbox of its own."""
    pool = await open_pool("local")
    parts = wired(batch.model_copy(update={"teacher": batch_of(domain).teacher}), domain, pool)
    found = []
    try:
        for spec in specs:
            assert spec.task is not None
            async with pool.lease(parts.environment(spec.task, domain.digest)) as sandbox:
                found.append(await prove(spec.task, domain, sandbox, parts.sources[domain.digest]))
    finally:
        await pool.aclose()
    assert [proof.reason for proof in found] == [None] * len(specs)
    return found


@pytest.fixture
def runs(db: Database, wide: Domain, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(db, wide, monkeypatch)


def drawn(spelled: Sequence[Spelling], seed: int, number: int) -> list[Spelling]:
    """Return so many spellings drawn by seed; each comes up before one comes up again."""
    rng, found = random.Random(seed), list[Spelling]()
    while len(found) < number:
        found += rng.sample(spelled, len(spelled))
    return found[:number]
