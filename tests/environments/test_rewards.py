"""The rewards of a package are those of the batch, on dialogues of a model that misbehaves on order."""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from engine.environments.contents import replies_of
from storage.exporting.environments import source_of_batch
from tests.environments.packages import packaged, played, playing, unpack
from tests.llms import spellings
from tests.llms.misbehaving import Order
from tests.llms.spellings import Spelling, altered
from tests.running.test_misbehaving_models import SIX, Played, Runs


def another_amount(right: dict[str, Any]) -> dict[str, Any]:
    """Return the choice with another amount in its transfer."""
    found = deepcopy(right)
    for call in found["message"]["tool_calls"]:
        given = json.loads(call["function"]["arguments"])
        call["function"]["arguments"] = json.dumps({**given, **({"amount": 1} if "amount" in given else {})})
    return found


def first_six(*spelled: Spelling, place: Any = "text") -> dict[int, Order]:
    """Return the orders for a batch whose first six dialogues always go wrong in one of these ways."""
    return {number: Order(spelled[number % len(spelled)], place) for number in range(SIX)}


async def test_the_dialogues_of_a_batch_earn_what_they_earned_there(runs: Runs, tmp_path: Path) -> None:
    unclean = [kind[0] for kind in spellings.WRONG.values()]
    batch = await runs(first_six(*spellings.INVENTED[:3], *unclean[:3]), user="reference")
    assert await _compared(runs, batch, tmp_path / "package") == {"kept": SIX, "rejected": SIX}


@pytest.mark.long
async def test_further_dialogues_of_all_kinds_do_too(runs: Runs, tmp_path: Path) -> None:
    """With the test above more than twenty that were kept and twenty that were rejected."""
    move = [{"id": "ledger", "digest": runs.domain.digest, "templates": ["move"]}]
    unclean = [kind[0] for kind in spellings.WRONG.values()]
    batches = [
        await runs(first_six(*unclean[:SIX]), user="reference"),
        await runs(first_six(altered(r"holds \d+(\.\d+)?", "holds a bit")), user="reference"),
        await runs(first_six(another_amount, place="calls"), user="reference", domains=move, turns={2: 1}),
    ]
    statuses: Counter[str] = Counter()
    for number, batch in enumerate(batches):
        statuses += await _compared(runs, batch, tmp_path / str(number))
    assert statuses == {"kept": 3 * SIX, "rejected": 3 * SIX}
    assert {"missing_fact", "cut_off"} <= {row.reason for batch in batches for row in batch.rows}
    states = [score.value for row in batches[-1].rows for score in row.scores if score.name == "state"]
    assert Counter(states) == {1.0: SIX, 0.0: SIX}


async def _compared(runs: Runs, batch: Played, folder: Path) -> Counter[str]:
    """Play each dialogue of a batch in the package of its tasks, compare, and return how many there were of each
    status."""
    package = await packaged("openenv", source_of_batch(runs.db, batch.batch.id))
    assert sum(number for what, number in package.trials.items() if "batch" in what) == len(batch.rows)
    with playing(unpack(package, folder), "openenv") as runtime:
        assert Path(runtime.request("where")["engine"]).is_relative_to(folder), "the code in the package runs"
        for row in batch.rows:
            found = played(runtime, row.id, replies_of(row))
            assert found["reward"] == (row.reward or 0.0)
            assert (found["kept"], found["end"], found["reason"]) == (row.status == "kept", row.end, row.reason)
            scores = {score.name: score.value for score in row.scores if score.value is not None}
            assert found["scores"] == scores
    return Counter(row.status for row in batch.rows)
