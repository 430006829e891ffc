"""What a package holds beside the code: the domain pack, its proven tasks, and how they are judged.

    pack/...      the files of the domain pack
    batch.json    a Batch, of which the judges and limits count
    tasks.jsonl   one PackagedTask a line

No model is asked in a package: players are the reference ones, and judges that ask a model are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine import plugins
from engine.domains import catalog, pack_files
from engine.errors import InputError
from engine.types import (
    NOT_TAKEN,
    Batch,
    Choice,
    Domain,
    Frozen,
    Proof,
    RolloutSpec,
    Task,
    ToolCall,
    Trajectory,
    Turn,
)

TASKS, BATCH, PACK = "tasks.jsonl", "batch.json", "pack"
_PATIENCE = 86_400.0
"""Seconds of a whole episode: a model that is being trained may be slow, and its framework has bounds of its own."""
REFERENCE = Choice(name="reference")


class Reply(Frozen):
    """One message of the assistant. `finish` is the reason that the model's server gives for its end; "length" tells
    that it was cut off. None where nothing is known."""

    content: str = ""
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str | None = None

    @property
    def turn(self) -> Turn:
        return Turn(role="assistant", content=self.content, reasoning=self.reasoning, tool_calls=self.tool_calls)


class PackagedTask(Frozen):
    """One proven task. `replies` are the reference's messages in their order; they earn the full reward."""

    spec: RolloutSpec
    proof: Proof
    replies: tuple[Reply, ...] = ()

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def task(self) -> Task:
        if self.spec.task is None:
            raise InputError(TASKS, f"{self.spec.id} has no task.", "Make the package again.")
        return self.spec.task


@dataclass(frozen=True)
class Contents:
    """A domain with its proven tasks and the batch that says how they are judged."""

    domain: Domain
    batch: Batch
    tasks: Sequence[PackagedTask]

    @cached_property
    def by_id(self) -> Mapping[str, PackagedTask]:
        return {one.id: one for one in self.tasks}

    def files(self) -> dict[str, bytes]:
        """Return the files as `read` reads them, by path."""
        lines = "".join(f"{one.model_dump_json()}\n" for one in self.tasks)
        return {
            **{f"{PACK}/{name}": data for name, data in self.domain.files.items()},
            BATCH: self.batch.model_dump_json(indent=1).encode(),
            TASKS: lines.encode(),
        }


def read(folder: Path) -> Contents:
    """Return what the files in a folder hold. Raises InputError for files that are missing or are no such package."""
    try:
        lines = (folder / TASKS).read_text(encoding="utf-8").splitlines()
        batch = Batch.model_validate_json((folder / BATCH).read_bytes())
        tasks = [PackagedTask.model_validate_json(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(str(folder), f"is no package of tasks: {error}.", "Make the package again.") from error
    # Without templates, which hold the answers, a pack still plays its tasks, which name it by its former digest.
    domain = catalog.parse(pack_files.read_folder(folder / PACK), unfinished=True)
    named = {one.spec.domain_digest for one in tasks} or {domain.digest}
    if len(named) > 1:
        raise InputError(str(folder / TASKS), "holds tasks of several domain versions.", "Make the package again.")
    return Contents(domain.model_copy(update={"digest": named.pop()}), batch, tasks)


def without_models(batch: Batch) -> Batch:
    """Return the batch as an environment plays it: the reference user, and the judges that ask no model. Where that
    leaves none, the judges that a batch has by default."""
    silent = tuple(one for one in batch.judges if plugins.load("judges", one.name).make.asks is None)
    limits = batch.limits.model_copy(update={"seconds": _PATIENCE, "infrastructure_attempts": 1})
    changes: dict[str, object] = {
        "teacher": REFERENCE,
        "user": REFERENCE,
        "models": {},
        "panel": (),
        "rubric": None,
        "judges": silent or Batch.model_fields["judges"].default,
        "limits": limits,
        "rejudge": None,
    }
    return batch.model_copy(update=changes)


def replies_of(trajectory: Trajectory) -> tuple[Reply, ...]:
    """Return the assistant's messages of a dialogue in their order, as `Episode.reply` takes them."""
    finishes = _finishes(trajectory)
    return tuple(
        Reply(content=turn.content, reasoning=turn.reasoning, tool_calls=turn.tool_calls, finish=finishes.get(index))
        for index, turn in enumerate(trajectory.turns)
        if turn.role == "assistant"
    )


def _finishes(trajectory: Trajectory) -> dict[int, str | None]:
    """Return the finish reason of each assistant turn by its index. The model's calls are told apart from the end on,
    because those of earlier tries at the dialogue come first; replies that were not taken stand before the one that
    was."""
    calls = [call for call in trajectory.calls if call.role == "teacher" and not call.failed]
    refused = {one.turn: len(one.value) for one in trajectory.attachments if one.kind == NOT_TAKEN}
    found: dict[int, str | None] = {}
    for index in range(len(trajectory.turns) - 1, -1, -1):
        if trajectory.turns[index].role == "assistant" and calls:
            found[index] = calls.pop().finish
            del calls[len(calls) - min(len(calls), refused.get(index, 0)) :]
    return found
