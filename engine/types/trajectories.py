"""The record of one rollout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeVar

from pydantic import Field

from engine.types.domains import Mode
from engine.types.frozen import Frozen
from engine.types.models import ModelCall, ModelRole
from engine.types.scores import Score
from engine.types.state import StateDiff
from engine.types.tasks import Proof, Task
from engine.types.turns import Tool, ToolFault, Turn

Status = Literal["kept", "rejected", "failed", "unmeasured"]
Outcome = Literal["success", "failure", "unmeasured"]
Culprit = Literal["agent", "user", "tool", "infrastructure"]
Stage = Literal["planned", "proven", "rolled_out", "rules", "state", "judged"]
STAGES: tuple[Stage, ...] = ("planned", "proven", "rolled_out", "rules", "state", "judged")


class Execution(Frozen):
    """What depends on the machine and the clock; never part of a reproducible export. `started_at` is in epoch seconds,
    `isolated` None when unknown."""

    sandbox: str = ""
    isolated: bool | None = None
    started_at: float = 0.0
    seconds: float = 0.0
    infrastructure_retries: int = 0


End = Literal[
    "done",
    "transferred",
    "impossible",
    "out_of_scope",
    "clarifications_used_up",
    "out_of_patience",
    "user_left",
    "round_cap",
    "step_cap",
    "invalid_calls",
    "unclean",
    "timeout",
    "error",
    "not_started",
]
"""How a dialogue ended. "unclean": a text of a model could not become data (engine/rolling/clean_replies.py).

The person was satisfied ("done"), was handed over to somebody else ("transferred"), was told that the last request
cannot be done ("impossible"), was asked for what it was told nothing about ("out_of_scope"), was asked one question
too many before anything was done ("clarifications_used_up"), had no patience left ("out_of_patience"), or went for
another reason ("user_left")."""
ANSWERED_ENDS: frozenset[End] = frozenset({"done", "transferred", "impossible"})
"""Ends that leave nothing open on the person's side."""
Unresolved = Literal["impossible", "clarifications_used_up"]
"""Why a request came to nothing, as the simulated person sees it: it cannot be done, or the assistant asked question
after question and did nothing."""


class Span(NamedTuple):
    """The messages that serve one request, as a half-open range of indexes into Trajectory.turns: `start` is the
    message that makes the request."""

    start: int
    end: int


class Remark(Frozen):
    """What a reviewer noted about the whole (`turn` None) or one turn, without the reviewer's name: a rating from 1 to
    5, problem tags and a note. On a corrected turn it is about the turn's `original`."""

    turn: int | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    tags: tuple[str, ...] = ()
    note: str = ""


SECONDS = "seconds"
"""Kind of the attachment with the seconds that a call took (version 1: a number), at the turn of its result."""
USER_CALLS = "user_calls"
"""Kind of the attachment with the calls that the simulated person made before a message (version 1: a list of
UserCall), at the turn of that message; at the last turn when it left without another message."""
RAW_REPLY = "raw_reply"
"""Kind of the attachment with a model's reply as its server gave it (version 1: the text of `Completion.raw`), at a
turn that does not show all of it."""
NOT_TAKEN = "not_taken"
"""Kind of the attachment with the replies that were refused before a turn (version 1: a list of {text, reason, quote},
reason as in engine/hygiene, quote the place)."""
EARLIER_RUNS = "earlier_runs"
"""Kind of the attachment with the runs of a rollout that the simulated user spoiled before this one (version 1: a list
of {seed, reason, detail}), at turn 0."""
FEEDBACK = "feedback"
"""Kind of the attachment with what the simulated person thinks of the dialogue (version 1: {satisfaction, feedback}, a
number from 0 to 1 and a sentence), at the last turn."""
UNRESOLVED = "unresolved_request"
"""Kind of the attachment with the simulated person's judgement that a request came to nothing (version 1: {request,
judgement, reason}: its number from 1; -1 for impossible, 0 for not finished; an Unresolved), at the turn that makes the
request. `not_cut` says why the request stayed where it was to be cut."""
CUT = "cut_requests"
"""Kind of the attachment with the requests that were cut from the end of a dialogue (version 1: {end, requests}: how it
had ended, and {request, judgement, reason, messages} of each, the last the number of its messages), at the turn that
is now the last."""
CLAIMS = "claims"
"""Kind of the attachment with what an answer states and nobody gave, or an earlier result contradicts (version 1: a
list of {quote, why, start, end, certain}, the place in characters of the text), at the turn of the answer."""
PROVIDER_STATE = "provider_state"
"""Kind of the attachment with what a model's provider wants back with its reply (version 1: `Completion.state`), at the
turn of the reply."""
TOKENS = "tokens"
"""Kind of the attachment with token ids and log-probabilities (version 1: `Completion.tokens`), at the turn of the
assistant that they are."""
NEVER_LEAVE = frozenset({PROVIDER_STATE})
"""Kinds of attachments that stay in the database: no export writes them, no import takes them, no page shows them."""
CLOCKS = frozenset({SECONDS})
"""Kinds of attachments that depend on the clock or the machine; never part of a reproducible export."""


class Attachment(Frozen):
    """Data about one turn that is not in its text: votes, drafts, checks, advice, the raw reply, seconds.

    `turn` is an index into Trajectory.turns, `kind` a word, `value` JSON in the format of that kind's `version`.
    Readers must skip unknown kinds and versions, and copies must keep them.
    """

    turn: Annotated[int, Field(ge=0)]
    kind: Annotated[str, Field(min_length=1)]
    version: Annotated[int, Field(ge=1)] = 1
    value: Any = None


class _OfKind(Protocol):
    """What Attachment and RecordAttachment (engine/types/records.py) have in common."""

    @property
    def kind(self) -> str: ...


_One = TypeVar("_One", bound=_OfKind)


def without_kinds(attachments: Sequence[_One], kinds: frozenset[str]) -> Sequence[_One]:
    """Return the attachments without those of the kinds; the same object when there are none."""
    if not any(one.kind in kinds for one in attachments):
        return attachments
    return tuple([one for one in attachments if one.kind not in kinds])


class UserCall(Frozen):
    """One call that the simulated person made, with what the tool answered."""

    name: str
    arguments: dict[str, Any] = {}
    content: str
    fault: ToolFault | None = None


class Trajectory(Frozen):
    """The record of one rollout. `turns` are exactly the messages that the teacher saw.

    `status` is how it counts: kept, rejected, failed, or unmeasured (a judge could not say). When it is not kept,
    `stage` and `reason` (a short code) say where and why, and `detail` explains it in a sentence. `begun` holds the
    index in `turns` of the message that makes each request of the task, as far as the dialogue went; empty in older
    records, for which engine/dialogue/requests.py finds them from the texts. `remarks` are added when a trajectory is
    exported. `attachments` are in any order. `imported` keeps what an imported row held besides its turns (group_id,
    rollout, modes, more), so that an export writes it back; its `before_import` holds the original id and index of a
    record that got new ones.
    """

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
    models: dict[ModelRole, str] = {}
    task: Task | None = None
    proof: Proof | None = None
    tools: tuple[Tool, ...] = ()
    turns: tuple[Turn, ...] = ()
    begun: tuple[int, ...] = ()
    diff: StateDiff | None = None
    tests_passed: bool | None = None
    scores: tuple[Score, ...] = ()
    reward: float | None = None
    outcome: Outcome = "unmeasured"
    culprit: Culprit | None = None
    end: End = "not_started"
    status: Status
    stage: Stage | None = None
    reason: str | None = None
    detail: str = ""
    calls: tuple[ModelCall, ...] = ()
    execution: Execution = Execution()
    remarks: tuple[Remark, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    imported: dict[str, Any] = {}

    def user_calls(self, before: int | None = None) -> list[UserCall]:
        """Return the calls that the simulated person made, in order; with `before` only those just before the message
        at that index."""
        return [
            UserCall.model_validate(call)
            for one in self.attachments
            if (one.kind, one.version) == (USER_CALLS, 1) and before in (None, one.turn)
            for call in one.value
        ]

    def as_shown(self) -> Trajectory:
        """Return the trajectory as it may leave the database: without attachments of kinds in NEVER_LEAVE."""
        shown = without_kinds(self.attachments, NEVER_LEAVE)
        return self if shown is self.attachments else self.model_copy(update={"attachments": shown})

    @property
    def group_id(self) -> str:
        """The id that all attempts at one task share; a split of an export never separates them."""
        if self.task:
            return self.task.id
        before = self.imported.get("before_import") or {}
        return str(self.imported.get("group_id") or before.get("id") or self.id)
