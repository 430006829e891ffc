"""One batch and seed, model answers that arrive in another order each time: the exported bytes are the same."""

from __future__ import annotations

import random
from pathlib import Path

from bench.model_server import ModelServer
from bench.whole_rollouts import stock
from engine.exporting.build import build
from engine.serving.choice import SandboxChoice
from engine.serving.worker import Worker
from engine.types import DomainShare, Endpoint, Recipe, TrajectoryFilter
from storage.database import open_database
from storage.generating import batches
from storage.reviewing.trajectories import page, stream
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.samples.batches import batch_of

FORMATS = ("trajectory", "chat_jsonl", "llamafactory")


class Dawdling(ModelServer):
    """Answers by rule, each request after a delay drawn by a seed."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.delays = random.Random(0)

    def delay(self) -> float:
        return self.delays.uniform(0.0, 0.08)


async def made(folder: Path, base: str) -> tuple[tuple[int, ...], list[str]]:
    """Return (numbers of a batch's trajectories in the order in which they were stored, a hash for each format)."""
    folder.mkdir()
    db = open_database(f"sqlite:///{folder}/turnwright.db")
    stock(db)
    endpoint = Endpoint(model="bench", llm="openai_compatible", api_base=base)
    batch = batch_of(
        "ledger",
        domains=(DomainShare(id="ledger", templates=("compare",)),),
        trajectories=12,
        concurrency=6,
        modes={"multiple": 1},
        turns={1: 1},
        teacher="llm",
        user="llm",
        judges=("rules", "state", "facts", "rubric"),
        models={"teacher": endpoint, "user": endpoint, "judge": endpoint},
        sandbox="local",
    )
    number = batches.create_batch(db, batch)
    await Worker(SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda _: None).work(once=True)
    row = batches.get_batch(db, number)
    assert (row.status, row.progress.kept) == ("done", 12), row.reason
    chosen = TrajectoryFilter(batches=(number,))
    rows, _ = page(db, chosen, limit=50)
    order = tuple(row.index for row in sorted(rows, key=lambda row: row.id))
    hashes = [build(Recipe(format=name), stream(db, chosen), folder / name).sha256 for name in FORMATS]
    db.close()
    return order, hashes


async def test_the_order_of_arrival_changes_no_byte(tmp_path: Path) -> None:
    server, found = Dawdling(), []
    async with server.listening() as base:
        for seed in range(3):
            server.delays.seed(seed)
            found.append(await made(tmp_path / str(seed), base))
    assert len({order for order, _ in found}) == 3, "they did arrive in three orders"
    assert found[0][1] == found[1][1] == found[2][1]
