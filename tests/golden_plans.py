"""What stands in tests/golden of plans: ten batch files over frozen packs, and the ids that they must always give.

    python -m tests.golden_plans [VERSION] > tests/golden/plans_VERSION.json

records them. plans_1.json was recorded so with the commit before plans had a version; never record it again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from engine.domains import catalog
from engine.planning.batch_file import load_batch
from engine.planning.planner import plan
from engine.types import Batch, Domain, Persona

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted((GOLDEN / "plans").iterdir())
PERSONAS = TypeAdapter(tuple[Persona, ...]).validate_json((GOLDEN / "personas.json").read_bytes())


@cache
def domains() -> dict[str, Domain]:
    """Return the frozen packs by id."""
    return {domain.id: domain for domain in map(catalog.load, sorted((GOLDEN / "packs").iterdir()))}


def pinned(batch: Batch) -> Batch:
    """Return the batch as it is stored: with the digests of its domains."""
    shares = tuple(s.model_copy(update={"digest": domains()[s.id].digest}) for s in batch.domains)
    return batch.model_copy(update={"domains": shares})


def recorded(batch: Batch) -> dict[str, Any]:
    """Return what a plan is known by; lists are given as a digest of their lines, with the first three ids in clear."""
    people = [p for p in PERSONAS if not batch.personas or p.id in batch.personas]
    specs = list(plan(batch, {domain.digest: domain for domain in domains().values()}, people))
    ids = [spec.id for spec in specs]
    return {
        "fingerprint": batch.fingerprint,
        "specs": len(specs),
        "first": ids[:3],
        "ids": _digest(ids),
        "seeds": _digest([spec.seed for spec in specs]),
        "tasks": _digest([spec.task.id if spec.task else spec.rejected for spec in specs]),
        "mix": _digest([(spec.index, spec.attempt, spec.domain, spec.mode, spec.persona.id) for spec in specs]),
        "said": _digest([[turn.say for turn in spec.task.turns] if spec.task else None for spec in specs]),
    }


def _digest(values: Sequence[Any]) -> str:
    return sha256("\n".join(json.dumps(value) for value in values).encode()).hexdigest()[:32]


def main() -> None:
    named = {"plan_version": int(sys.argv[1])} if sys.argv[1:] else {}
    found = {}
    for path in FILES:
        batch = pinned(load_batch(path)).model_copy(update=named)
        found[path.name] = {"body": batch.model_dump_json(), **recorded(batch)}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
