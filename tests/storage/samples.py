"""Small trajectories, batches and packs for the tests of the storage layer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.domains import pack_files
from engine.types import (
    Batch,
    DomainShare,
    ModelCall,
    Persona,
    Score,
    ToolCall,
    Trajectory,
    Turn,
)
from storage.database import Database
from storage.designing import domains, personas
from storage.generating import batches

PACK = Path(__file__).parent.parent / "packs" / "ledger"
PERSONA = Persona(
    id="ada",
    name="Ada",
    occupation="teacher",
    goal_style="brief",
    tone="friendly",
    expertise="novice",
    patience=4,
    disclosure="step_by_step",
    description="Asks short questions.",
)


def ended_holder() -> str:
    """Return the name of an engine whose process has ended."""
    code = "from engine.liveness import holder_name; print(holder_name())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def pack(**changes: bytes) -> dict[str, bytes]:
    """Return the files of a small valid pack; `policy` replaces its policy."""
    files = pack_files.read_folder(PACK)
    if "policy" in changes:
        files["policy.md"] = changes["policy"]
    return files


def stock(db: Database) -> str:
    """Store one domain and one persona; return the domain's id."""
    domains.save_domain(db, pack(), based_on=None)
    personas.save_persona(db, PERSONA, None)
    return domains.list_domains(db)[0].id


def queue(db: Database, trajectories: int = 10, **changes: Any) -> int:
    """Queue a batch over the stored domain; store domain and persona first where they are missing."""
    listed = domains.list_domains(db)
    domain = listed[0].id if listed else stock(db)
    wanted = {"name": "batch", "domains": (DomainShare(id=domain),), "trajectories": trajectories} | changes
    return batches.create_batch(db, Batch(**wanted))


def made(index: int, **changes: Any) -> Trajectory:
    """Return a kept trajectory with two messages, one call and two scores."""
    said = changes.pop("said", f"Please look into order {index}.")
    tool = changes.pop("tool", "get_order")
    values: dict[str, Any] = {
        "id": f"rollout-{index}",
        "index": index,
        "batch_fingerprint": "f",
        "domain": "ledger",
        "domain_digest": "d",
        "template": "find",
        "mode": "single",
        "attempt": 0,
        "seed": index,
        "persona": "ada",
        "teacher": "reference",
        "user": "reference",
        "turns": (
            Turn(role="system", content="Only policyword here."),
            Turn(role="user", content=said),
            Turn(role="assistant", tool_calls=(ToolCall(id="c1", name=tool),)),
            Turn(role="tool", content="resultword", tool_call_id="c1", name=tool),
            Turn(role="assistant", content=f"Order {index} is on its way."),
        ),
        "scores": (
            Score(name="state", value=1.0, reason="equal", source="state", method="state", passed=True),
            Score(name="rubric", value=None, reason="unreadable", source="rubric", method="model"),
        ),
        "reward": 1.0,
        "outcome": "success",
        "status": "kept",
    }
    return Trajectory(**values | changes)


def lost(index: int, stage: str, reason: str, status: str = "rejected", **changes: Any) -> Trajectory:
    """Return a trajectory that was lost at a stage."""
    return made(index, status=status, stage=stage, reason=reason, outcome="failure", reward=0.25, **changes)


def call(tokens: int | None = 10, cost: float | None = 0.5) -> ModelCall:
    """Return a finished model call."""
    return ModelCall(role="teacher", model="m", prompt_tokens=tokens, completion_tokens=tokens, cost_usd=cost)
