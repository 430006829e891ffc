"""A batch whose server refuses calls: what concerns one dialogue loses one, what concerns all ends the batch."""

from __future__ import annotations

from collections import Counter

import pytest

from engine.serving.choice import SandboxChoice
from engine.serving.worker import Worker
from engine.types import Domain, Endpoint
from storage.database import Database
from storage.generating import batches
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.llms.server import serving
from tests.samples.batches import batch_of


async def worked(db: Database, ledger: Domain, base: str) -> batches.BatchRow:
    """Work on a batch of twelve whose teacher is at this address, one call at a time; return it."""
    teacher = Endpoint(model="m", llm="openai_compatible", api_base=base, attempts=3, options={"backoff": 0.001})
    given = {"teacher": "llm", "models": {"teacher": teacher}, "sandbox": "local", "concurrency": 1, "trajectories": 12}
    modes = {"modes": {"single": 1}, "turns": {1: 1}, "judges": (), "early_look": False}
    number = batches.create_batch(db, batch_of(ledger, **given, **modes))
    await Worker(SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda _: None).work(once=True)
    return batches.get_batch(db, number)


@pytest.mark.parametrize(
    ("status", "said", "reason"),
    [
        (403, "Your input was flagged for violence.", "model_moderated"),
        (400, "The prompt triggered the content management policy.", "model_moderated"),
        (400, "This model's maximum context length is 8192 tokens.", "model_context_length"),
    ],
)
async def test_what_one_dialogue_is_refused_for_loses_only_it(
    db: Database, ledger: Domain, status: int, said: str, reason: str
) -> None:
    async with serving() as server:
        right = {"text": "Which account do you mean?"}
        server.plays = [right, {"status": status, "said": said}, *[right] * 200]
        row = await worked(db, ledger, server.base)
    assert (row.status, row.progress.failed) == ("done", 1), row.reason
    assert Counter(lost for _, lost, _ in batches.losses(db, row.id))[reason] == 1
    assert row.progress.kept + row.progress.rejected == 11


@pytest.mark.parametrize(
    ("status", "said", "next_move"),
    [
        (429, "You exceeded your current quota, please check your plan and billing details.", "top it up"),
        (402, "Insufficient Balance", "top it up"),
        (400, '"auto" tool choice requires --enable-auto-tool-choice to be set', "--tool-call-parser"),
        (
            400,
            "max_tokens is too large: 2048. This model supports at most 512 completion tokens.",
            "lower sampling.max",
        ),
    ],
)
async def test_what_all_calls_are_refused_for_ends_the_batch_at_once(
    db: Database, ledger: Domain, status: int, said: str, next_move: str
) -> None:
    async with serving() as server:
        server.plays = [{"status": status, "said": said}] * 50
        row = await worked(db, ledger, server.base)
        assert len(server.requests) == 1
    assert (row.status, row.progress.failed) == ("failed", 0)
    assert next_move in row.reason
