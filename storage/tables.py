"""All tables. Rows are not domain types: the other modules of storage/ convert them.

Times are UTC epoch seconds, flags are booleans, and structured values are JSON texts of pydantic models, so
that SQLite and PostgreSQL hold the same thing. The full-text index `trajectory_search` is made by a
migration only, since its form differs by dialect (FTS5 table, or tsvector with GIN).
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, false
from sqlalchemy import UniqueConstraint as Unique
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = SQLModel.metadata
WHOLE = -1
"""Stands for "the whole trajectory" in columns that hold a turn: NULLs would escape a unique constraint."""


def _parent(column: str, kind: Any = Integer, **options: Any) -> Any:
    return Field(sa_column=Column(kind, ForeignKey(column, ondelete="CASCADE"), nullable=False, **options))


def _number(**options: Any) -> Any:
    """An id that is never given out twice, even after rows are deleted."""
    return Field(default=None, sa_column=Column(Integer, primary_key=True, autoincrement=True, **options))


_NEVER_REUSED: dict[str, Any] = {"sqlite_autoincrement": True}


class PackRecord(SQLModel, table=True):
    """The bytes of one version of a domain, by digest."""

    __tablename__: ClassVar[Any] = "pack"
    digest: str = Field(primary_key=True, sa_type=String)
    data: bytes = Field(sa_type=LargeBinary)


class DomainRecord(SQLModel, table=True):
    """The current version of a domain. `edited` is set once a user saved over a shipped one."""

    __tablename__: ClassVar[Any] = "domain"
    id: str = Field(primary_key=True, sa_type=String)
    name: str = Field(sa_type=String)
    category: str = Field(sa_type=String)
    description: str = Field(sa_type=Text)
    version: int
    digest: str = Field(sa_type=String)
    tools: int
    templates: int
    updated_at: float
    shipped: bool = False
    edited: bool = False
    deleted: bool = False


class DomainVersionRecord(SQLModel, table=True):
    """One saved version of a domain."""

    __tablename__: ClassVar[Any] = "domain_version"
    domain_id: str = Field(primary_key=True, sa_type=String)
    version: int = Field(primary_key=True)
    digest: str = Field(sa_type=String)
    note: str = Field(sa_type=Text)
    created_at: float


class OutsidePackRecord(SQLModel, table=True):
    """A pack that was imported, or made here of one. `came_as` is the digest of the pack as it came in; the row of that
    digest holds when a user let it run without isolation."""

    __tablename__: ClassVar[Any] = "outside_pack"
    digest: str = Field(primary_key=True, sa_type=String)
    came_as: str = Field(sa_type=String)
    allowed_at: float | None = None


class SharedToolRecord(SQLModel, table=True):
    """One version of a file of the shared tool library; never changed. `source` is its text in UTF-8."""

    __tablename__: ClassVar[Any] = "shared_tool"
    name: str = Field(primary_key=True, sa_type=String)
    version: int = Field(primary_key=True)
    source: bytes = Field(sa_type=LargeBinary)
    created_at: float
    shipped: bool = False


class PersonaRecord(SQLModel, table=True):
    """A persona as JSON."""

    __tablename__: ClassVar[Any] = "persona"
    id: str = Field(primary_key=True, sa_type=String)
    body: str = Field(sa_type=Text)
    version: int
    updated_at: float
    shipped: bool = False
    edited: bool = False
    deleted: bool = False


class BatchRecord(SQLModel, table=True):
    """A batch with its frozen snapshot, its state and its exact counters. `sandbox` names the one that it runs in,
    None before the first claim. One with `rejudges` rolls out nothing: what it found are rows of `judgement`, and its
    counters count those. `import_report` is JSON (engine/importing/report.py)."""

    __tablename__: ClassVar[Any] = "batch"
    __table_args__: ClassVar[Any] = (Index(None, "status", "id"), _NEVER_REUSED)
    id: int | None = _number()
    name: str = Field(sa_type=String)
    body: str = Field(sa_type=Text)
    personas: str = Field(sa_type=Text)
    status: str = Field(sa_type=String)
    reason: str = Field(default="", sa_type=Text)
    command: str | None = Field(default=None, sa_type=String)
    holder: str | None = Field(default=None, sa_type=String)
    imported: bool = False
    rejudges: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    planned: int
    kept: int = 0
    rejected: int = 0
    failed: int = 0
    unmeasured: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    running: int = 0
    tokens: int = Field(default=0, sa_type=BigInteger)
    cost_usd: float = 0.0
    priced_calls: int = 0
    unpriced_calls: int = 0
    seconds: float = 0.0
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    heartbeat_at: float | None = None
    sandbox: str | None = Field(default=None, sa_type=String)
    import_report: str | None = Field(default=None, sa_type=Text)


class TrajectoryRecord(SQLModel, table=True):
    """What lists, filters and charts need of a trajectory; its body is in a table of its own. `verdict` is the standing
    that its reviews give it (engine/reviewing/verdicts.py), NULL for "none"; `subsets` has a bit for each of SUBSETS
    (engine/types/subsets.py)."""

    __tablename__: ClassVar[Any] = "trajectory"
    __table_args__: ClassVar[Any] = (
        Unique("batch_id", "rollout_id"),
        Index(None, "batch_id", "number"),
        Index(None, "batch_id", "reward"),
        Index(None, "domain", "reward"),
        Index(None, "mode", "reward"),
        Index(None, "status", "reward"),
        Index(None, "outcome", "reward"),
        Index(None, "persona", "reward"),
        Index(None, "model", "reward"),
        Index(None, "verdict", "id"),
        Index(None, "reward"),
        Index(None, "cost_usd"),
        Index(None, "tokens"),
        Index(None, "turns"),
        Index(None, "tool_calls"),
        Index(None, "stage", "reason"),
        _NEVER_REUSED,
    )
    id: int | None = _number()
    batch_id: int = _parent("batch.id")
    rollout_id: str = Field(sa_type=String)
    number: int
    status: str = Field(sa_type=String)
    domain: str = Field(sa_type=String)
    mode: str | None = Field(default=None, sa_type=String)
    outcome: str = Field(sa_type=String)
    culprit: str | None = Field(default=None, sa_type=String)
    stage: str | None = Field(default=None, sa_type=String)
    reason: str | None = Field(default=None, sa_type=String)
    reward: float | None = None
    turns: int
    tool_calls: int
    tokens: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None
    verdict: str | None = Field(default=None, sa_type=String)
    rating: float | None = None
    exported: bool = False
    template: str | None = Field(default=None, sa_type=String)
    persona: str = Field(sa_type=String)
    teacher: str = Field(sa_type=String)
    model: str = Field(sa_type=String)
    created_at: float
    title: str = Field(sa_type=String)
    subsets: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class BodyRecord(SQLModel, table=True):
    """The JSON of a whole trajectory."""

    __tablename__: ClassVar[Any] = "trajectory_body"
    trajectory_id: int = _parent("trajectory.id", primary_key=True, autoincrement=False)
    body: str = Field(sa_type=Text)


class ScoreRecord(SQLModel, table=True):
    """One score of a trajectory. The index covers the histogram of a score."""

    __tablename__: ClassVar[Any] = "score"
    __table_args__: ClassVar[Any] = (Index(None, "name", "value"), {"sqlite_with_rowid": False})
    trajectory_id: int = _parent("trajectory.id", primary_key=True, autoincrement=False)
    name: str = Field(primary_key=True, sa_type=String)
    value: float | None = None
    passed: bool | None = None
    method: str = Field(sa_type=String)
    source: str = Field(sa_type=String)


class JudgementRecord(SQLModel, table=True):
    """What one batch found when it judged a trajectory again; `status`, `reward` and `body` (a Judgement as JSON) are
    NULL until it has. `before` is the trajectory's status when the batch was made. While its scores are the
    trajectory's own, `used_at` says since when, and `replaced` holds the Judgement that they took the place of."""

    __tablename__: ClassVar[Any] = "judgement"
    __table_args__: ClassVar[Any] = (Index(None, "trajectory_id"),)
    batch_id: int = _parent("batch.id", primary_key=True, autoincrement=False)
    trajectory_id: int = _parent("trajectory.id", primary_key=True, autoincrement=False)
    before: str = Field(sa_type=String)
    status: str | None = Field(default=None, sa_type=String)
    reward: float | None = None
    body: str | None = Field(default=None, sa_type=Text)
    replaced: str | None = Field(default=None, sa_type=Text)
    used_at: float | None = None


class ToolUseRecord(SQLModel, table=True):
    """How often a trajectory called a tool."""

    __tablename__: ClassVar[Any] = "tool_use"
    __table_args__: ClassVar[Any] = (Index(None, "tool", "trajectory_id"), {"sqlite_with_rowid": False})
    trajectory_id: int = _parent("trajectory.id", primary_key=True, autoincrement=False)
    tool: str = Field(primary_key=True, sa_type=String)
    calls: int


class UserFaultRecord(SQLModel, table=True):
    """How many messages of a trajectory's simulated user were not taken for a reason. The reason `run_again` counts the
    runs of the rollout that it spoiled before this one."""

    __tablename__: ClassVar[Any] = "user_fault"
    __table_args__: ClassVar[Any] = ({"sqlite_with_rowid": False},)
    trajectory_id: int = _parent("trajectory.id", primary_key=True, autoincrement=False)
    reason: str = Field(primary_key=True, sa_type=String)
    messages: int


class FacetRecord(SQLModel, table=True):
    """The distinct values that a batch's trajectories have in a field of TrajectoryFilter."""

    __tablename__: ClassVar[Any] = "facet"
    __table_args__: ClassVar[Any] = ({"sqlite_with_rowid": False},)
    batch_id: int = _parent("batch.id", primary_key=True, autoincrement=False)
    field: str = Field(primary_key=True, sa_type=String)
    value: str = Field(primary_key=True, sa_type=String)


class ReviewRecord(SQLModel, table=True):
    """The latest review per (trajectory, turn, reviewer); `turn` is WHOLE for the trajectory itself."""

    __tablename__: ClassVar[Any] = "review"
    __table_args__: ClassVar[Any] = (Unique("trajectory_id", "turn", "reviewer"), _NEVER_REUSED)
    id: int | None = _number()
    trajectory_id: int = _parent("trajectory.id")
    turn: int
    reviewer: str = Field(sa_type=String)
    verdict: str | None = Field(default=None, sa_type=String)
    rating: int | None = None
    body: str = Field(sa_type=Text)
    updated_at: float


class ReviewTagRecord(SQLModel, table=True):
    """A problem tag on a review."""

    __tablename__: ClassVar[Any] = "review_tag"
    __table_args__: ClassVar[Any] = (Index(None, "tag"),)
    review_id: int = _parent("review.id", primary_key=True, autoincrement=False)
    tag: str = Field(primary_key=True, sa_type=String)


class ReviewEventRecord(SQLModel, table=True):
    """The audit trail of reviews; rows are only ever added. `undoes` names the event that an undo took back."""

    __tablename__: ClassVar[Any] = "review_event"
    __table_args__: ClassVar[Any] = (Index(None, "trajectory_id", "reviewer"), _NEVER_REUSED)
    id: int | None = _number()
    trajectory_id: int = _parent("trajectory.id")
    turn: int
    reviewer: str = Field(sa_type=String)
    before: str | None = Field(default=None, sa_type=Text)
    after: str | None = Field(default=None, sa_type=Text)
    undoes: int | None = None
    created_at: float


class ExportRecord(SQLModel, table=True):
    """An export: its recipe and its result."""

    __tablename__: ClassVar[Any] = "export"
    __table_args__: ClassVar[Any] = (_NEVER_REUSED,)
    id: int | None = _number()
    recipe: str = Field(sa_type=Text)
    status: str = Field(sa_type=String)
    created_at: float
    finished_at: float | None = None
    path: str | None = Field(default=None, sa_type=Text)
    size: int | None = Field(default=None, sa_type=BigInteger)
    sha256: str | None = Field(default=None, sa_type=String)
    rows: int | None = None
    report: str = Field(default="{}", sa_type=Text)
    error: str | None = Field(default=None, sa_type=Text)


class ExportedRecord(SQLModel, table=True):
    """Which trajectories left with which export."""

    __tablename__: ClassVar[Any] = "exported"
    __table_args__: ClassVar[Any] = (Index(None, "trajectory_id"), {"sqlite_with_rowid": False})
    export_id: int = _parent("export.id", primary_key=True, autoincrement=False)
    trajectory_id: int = _parent("trajectory.id", primary_key=True, autoincrement=False)


class EndpointRecord(SQLModel, table=True):
    """A named model endpoint. Holds the name of the key's environment variable, never the key. `profile` is the JSON of
    what a test call found out, of this body or of an earlier one."""

    __tablename__: ClassVar[Any] = "endpoint"
    name: str = Field(primary_key=True, sa_type=String)
    body: str = Field(sa_type=Text)
    version: int
    updated_at: float
    profile: str | None = Field(default=None, sa_type=Text)


class RequestRecord(SQLModel, table=True):
    """Something a page asks of the engine."""

    __tablename__: ClassVar[Any] = "request"
    __table_args__: ClassVar[Any] = (Index(None, "status", "id"), _NEVER_REUSED)
    id: int | None = _number()
    kind: str = Field(sa_type=String)
    payload: str = Field(sa_type=Text)
    status: str = Field(sa_type=String)
    result: str | None = Field(default=None, sa_type=Text)
    error: str | None = Field(default=None, sa_type=Text)
    holder: str | None = Field(default=None, sa_type=String)
    created_at: float
    claimed_at: float | None = None


class EngineRecord(SQLModel, table=True):
    """An engine process and its last heartbeat."""

    __tablename__: ClassVar[Any] = "engine"
    holder: str = Field(primary_key=True, sa_type=String)
    pid: int
    started_at: float
    heartbeat_at: float
    sandbox: str = Field(sa_type=String)
    isolated: bool | None = None
    detail: str = Field(sa_type=Text)


class PreferenceRecord(SQLModel, table=True):
    """A small setting as JSON."""

    __tablename__: ClassVar[Any] = "preference"
    key: str = Field(primary_key=True, sa_type=String)
    value: str = Field(sa_type=Text)


pack: Table = metadata.tables["pack"]
domain: Table = metadata.tables["domain"]
domain_version: Table = metadata.tables["domain_version"]
shared_tool: Table = metadata.tables["shared_tool"]
persona: Table = metadata.tables["persona"]
batch: Table = metadata.tables["batch"]
trajectory: Table = metadata.tables["trajectory"]
body: Table = metadata.tables["trajectory_body"]
score: Table = metadata.tables["score"]
judgement: Table = metadata.tables["judgement"]
tool_use: Table = metadata.tables["tool_use"]
user_fault: Table = metadata.tables["user_fault"]
facet: Table = metadata.tables["facet"]
review: Table = metadata.tables["review"]
review_tag: Table = metadata.tables["review_tag"]
review_event: Table = metadata.tables["review_event"]
export: Table = metadata.tables["export"]
exported: Table = metadata.tables["exported"]
endpoint: Table = metadata.tables["endpoint"]
request: Table = metadata.tables["request"]
engine: Table = metadata.tables["engine"]
preference: Table = metadata.tables["preference"]
