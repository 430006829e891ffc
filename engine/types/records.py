"""A trajectory as exporters read it, called a record (made in engine/exporting/record.py).

A record and its parts have the fields of a Trajectory and its parts, but are no pydantic models: they have no methods,
and their values are not validated. `fields` of engine/exporting/record.py returns all fields of a part, `changed` a
copy with other values. Parts that no exporter reads have the type `RecordPart` here.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Protocol

from engine.types.domains import Mode
from engine.types.models import ModelRole
from engine.types.tasks import RejectReason
from engine.types.trajectories import Culprit, End, Outcome, Stage, Status
from engine.types.turns import Effect, ToolFault


class RecordPart(Protocol):
    """Any part of a record. `__struct_fields__` holds the names of its fields. Parts compare by identity."""

    __struct_fields__: ClassVar[tuple[str, ...]]

    def __hash__(self) -> int: ...


class RecordCall(RecordPart, Protocol):
    """A ToolCall of a record."""

    id: str
    name: str
    arguments: dict[str, Any]
    raw: str | None


class RecordTurn(RecordPart, Protocol):
    """A Turn of a record."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    reasoning: str | None
    tool_calls: tuple[RecordCall, ...]
    tool_call_id: str | None
    name: str | None
    fault: ToolFault | None
    train: bool
    original: RecordTurn | None


class RecordTool(RecordPart, Protocol):
    """A Tool of a record. Equal tools are one object."""

    name: str
    description: str
    parameters: dict[str, Any]
    effect: Effect
    source: str
    distractor: bool


class RecordScore(RecordPart, Protocol):
    """A Score of a record."""

    name: str
    value: float | None
    reason: str
    source: str
    method: Literal["state", "rule", "fact", "model", "human"]
    passed: bool | None
    model: str | None
    version: str
    evidence: tuple[int, ...]


class RecordRemark(RecordPart, Protocol):
    """A Remark of a record."""

    turn: int | None
    rating: int | None
    tags: tuple[str, ...]
    note: str


class RecordAttachment(RecordPart, Protocol):
    """An Attachment of a record."""

    turn: int
    kind: str
    version: int
    value: Any


class RecordTask(RecordPart, Protocol):
    """The Task of a record, with the fields that exporters read."""

    id: str
    template: str
    modes: tuple[Mode, ...]
    goal: str
    difficulty: float


class RecordProvenCall(RecordPart, Protocol):
    """A ProvenCall of a record."""

    call: RecordCall
    result: RecordPart


class RecordProvenTurn(RecordPart, Protocol):
    """A ProvenTurn of a record."""

    calls: tuple[tuple[RecordProvenCall, ...], ...]
    answer: str
    facts: tuple[tuple[str, ...], ...]


class RecordProof(RecordPart, Protocol):
    """The Proof of a record, with the fields that exporters read."""

    task_id: str
    turns: tuple[RecordProvenTurn, ...]
    reason: RejectReason | None


class Record(RecordPart, Protocol):
    """A Trajectory as exporters read it."""

    id: str
    index: int
    batch_fingerprint: str
    domain: str
    domain_digest: str
    template: str | None
    mode: Mode | None
    attempt: int
    seed: int
    persona: str
    teacher: str
    user: str
    models: dict[ModelRole, str]
    task: RecordTask | None
    proof: RecordProof | None
    tools: tuple[RecordTool, ...]
    turns: tuple[RecordTurn, ...]
    begun: tuple[int, ...]
    diff: RecordPart | None
    tests_passed: bool | None
    scores: tuple[RecordScore, ...]
    reward: float | None
    outcome: Outcome
    culprit: Culprit | None
    end: End
    status: Status
    stage: Stage | None
    reason: str | None
    detail: str
    calls: tuple[RecordPart, ...]
    execution: RecordPart
    remarks: tuple[RecordRemark, ...]
    attachments: tuple[RecordAttachment, ...]
    imported: dict[str, Any]

    @property
    def group_id(self) -> str: ...
