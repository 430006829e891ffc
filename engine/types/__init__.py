"""The words of the product as frozen values. Imports nothing of ours and does no I/O.

Everything here is a pydantic model that is frozen and refuses unknown fields, so a value that parses is
whole, can be hashed into ids, pickled to another process, and stored as JSON without a mapping layer.
Times are seconds (float), money is US dollars, and a quantity that could not be measured is None, never 0.
"""

from __future__ import annotations

from engine.types.batches import (
    PLAN_VERSIONS,
    Batch,
    BatchStatus,
    Budget,
    DomainShare,
    Progress,
    RolloutLimits,
    RolloutSpec,
    without_later,
)
from engine.types.choices import Choice
from engine.types.domains import (
    MODES,
    USUAL_MODE,
    Domain,
    Fact,
    HiddenTests,
    KnownMode,
    Limits,
    Mode,
    Persona,
    Question,
    ReferenceCall,
    SlotQuery,
    TaskTemplate,
    TemplateTurn,
    Withhold,
    mode_order,
    workspace_of,
)
from engine.types.frozen import Frozen, Options, digest
from engine.types.models import Completion, Endpoint, ModelCall, ModelRole, Sampling
from engine.types.records import (
    Record,
    RecordPart,
    RecordProvenTurn,
    RecordRemark,
    RecordScore,
    RecordTool,
    RecordTurn,
)
from engine.types.reviews import VERDICTS_MEAN, Recipe, Review, Standing, TrajectoryFilter, Verdict
from engine.types.scores import Criterion, Rubric, Score
from engine.types.state import ABSENT, Absent, Change, Leaf, StateDiff
from engine.types.tasks import Proof, ProvenCall, ProvenTurn, RejectReason, Task, TaskTurn
from engine.types.trajectories import STAGES, Culprit, End, Execution, Outcome, Remark, Span, Stage, Status, Trajectory
from engine.types.turns import Effect, Tool, ToolCall, ToolFault, ToolResult, Turn

__all__ = [
    "ABSENT",
    "MODES",
    "PLAN_VERSIONS",
    "STAGES",
    "USUAL_MODE",
    "VERDICTS_MEAN",
    "Absent",
    "Batch",
    "BatchStatus",
    "Budget",
    "Change",
    "Choice",
    "Completion",
    "Criterion",
    "Culprit",
    "Domain",
    "DomainShare",
    "Effect",
    "End",
    "Endpoint",
    "Execution",
    "Fact",
    "Frozen",
    "HiddenTests",
    "KnownMode",
    "Leaf",
    "Limits",
    "Mode",
    "ModelCall",
    "ModelRole",
    "Options",
    "Outcome",
    "Persona",
    "Progress",
    "Proof",
    "ProvenCall",
    "ProvenTurn",
    "Question",
    "Recipe",
    "Record",
    "RecordPart",
    "RecordProvenTurn",
    "RecordRemark",
    "RecordScore",
    "RecordTool",
    "RecordTurn",
    "ReferenceCall",
    "RejectReason",
    "Remark",
    "Review",
    "RolloutLimits",
    "RolloutSpec",
    "Rubric",
    "Sampling",
    "Score",
    "SlotQuery",
    "Span",
    "Stage",
    "Standing",
    "StateDiff",
    "Status",
    "Task",
    "TaskTemplate",
    "TaskTurn",
    "TemplateTurn",
    "Tool",
    "ToolCall",
    "ToolFault",
    "ToolResult",
    "Trajectory",
    "TrajectoryFilter",
    "Turn",
    "Verdict",
    "Withhold",
    "digest",
    "mode_order",
    "without_later",
    "workspace_of",
]
