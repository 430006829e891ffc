"""The words of the product as frozen values. Imports nothing of ours and does no I/O.

Everything here is a pydantic model that is frozen and refuses unknown fields, so a value that parses is
whole, can be hashed into ids, pickled to another process, and stored as JSON without a mapping layer.
Times are seconds (float), money is US dollars, and a quantity that could not be measured is None, never 0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

Mode = Literal[
    "single",
    "multiple",
    "parallel",
    "dependent",
    "no_tool",
    "missing_parameter",
    "missing_function",
    "distractors",
    "tool_error",
]
MODES: tuple[Mode, ...] = get_args(Mode)
PLAN_VERSIONS: tuple[int, ...] = (1, 2)
"""The ways of planning a batch that this Turnwright knows, oldest first (engine/quotas.py)."""
ModelRole = Literal["teacher", "user", "judge"]
Effect = Literal["read", "write"]
Status = Literal["kept", "rejected", "failed"]
Outcome = Literal["success", "failure", "unmeasured"]
Culprit = Literal["agent", "user", "tool", "infrastructure"]
Stage = Literal["planned", "proven", "rolled_out", "rules", "state", "judged"]
STAGES: tuple[Stage, ...] = ("planned", "proven", "rolled_out", "rules", "state", "judged")
Verdict = Literal["accept", "reject", "fix"]
"""What a reviewer says of a trajectory or of one turn."""
Standing = Literal["accepted", "corrected", "rejected", "awaits_correction", "none"]
"""Where all verdicts together leave a trajectory (engine/standing.py)."""
VERDICTS_MEAN: dict[str, tuple[Standing, ...]] = {
    "accept": ("accepted",),
    "reject": ("rejected",),
    "fix": ("corrected", "awaits_correction"),
}
"""The words of older filters (links, recipes, the command line) and the standings that they stand for."""
BatchStatus = Literal["queued", "running", "paused", "done", "failed", "cancelled"]


class Frozen(BaseModel):
    """Base of every domain type: immutable, strict about field names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def digest(value: Any, length: int = 16) -> str:
    """Return the first `length` hex digits of SHA-256 over the canonical JSON of `value`.

    Canonical: sorted keys, no white space, UTF-8. Models are dumped in JSON mode first.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:length]


def without_later(value: Any, dumped: Any) -> Any:
    """Return the JSON form of a value without the fields that came after `_FIRST_FIELDS` and are at their default.

    So what is hashed of a stored value stays the same when a model in it, at any depth, gets a field.
    """
    if isinstance(value, BaseModel):
        first = next((_FIRST_FIELDS[c.__name__] for c in type(value).__mro__ if c.__name__ in _FIRST_FIELDS), ())
        fields = {name: field for name, field in type(value).model_fields.items() if name in dumped}
        return {
            name: without_later(getattr(value, name), dumped[name])
            for name, field in fields.items()
            if name in first or getattr(value, name) != field.get_default(call_default_factory=True)
        }
    if isinstance(value, Mapping):
        return {key: without_later(v, d) for v, (key, d) in zip(value.values(), dumped.items(), strict=True)}
    if isinstance(value, tuple | list):
        return [without_later(v, d) for v, d in zip(value, dumped, strict=True)]
    return dumped


# ---------------------------------------------------------------- tools and turns


class Tool(Frozen):
    """What the teacher may call. `parameters` is a JSON Schema object; `source` names a plug-in of engine/tools."""

    name: str
    description: str
    parameters: dict[str, Any]
    effect: Effect
    source: str = "python"
    distractor: bool = False

    def schema_for_model(self) -> dict[str, Any]:
        """Return the nested OpenAI form {"type": "function", "function": {...}}."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": self.parameters},
        }


class ToolCall(Frozen):
    """One call in an assistant turn. `raw` keeps the model's text when it was not a JSON object."""

    id: str
    name: str
    arguments: dict[str, Any] = {}
    raw: str | None = None


ToolFault = Literal["invalid_arguments", "unknown_tool", "tool_error", "tool_crash", "timeout", "limit", "injected"]


class ToolResult(Frozen):
    """What a tool answered. `content` is the exact text that the teacher sees; `fault` is None for success.

    `tool_error` is an error the tool raised on purpose (bad order id), `tool_crash` a bug in the tool,
    `limit` a sandbox bound (memory, processes, disk), `injected` a fault placed by the `tool_error` mode.
    """

    content: str
    fault: ToolFault | None = None
    truncated: bool = False
    seconds: float | None = None


class Turn(Frozen):
    """One message. Assistant turns may hold calls; tool turns answer one call by `tool_call_id`.

    `train` is False for turns that must not be a training target (loss mask). `original` holds the turn
    that a human correction replaced.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    fault: ToolFault | None = None
    train: bool = True
    original: Turn | None = None


# ---------------------------------------------------------------- state


class Absent(Enum):
    """The value of a place where nothing is, which null is not."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


class Leaf(Frozen):
    """One readable change inside a file. `pointer` is a JSON pointer, `table/primary-key`, or "" for a whole text.

    `before` and `after` are JSON values; None means that nothing was there, except on the sides that `nulls` names,
    which held a null. It is written only where there is one, so records without nulls read and leave as ever.
    """

    pointer: str
    before: Any = None
    after: Any = None
    nulls: tuple[Literal["before", "after"], ...] = ()

    @property
    def was(self) -> Any:
        """The value before, ABSENT where there was none."""
        return ABSENT if self.before is None and "before" not in self.nulls else self.before

    @property
    def became(self) -> Any:
        """The value after, ABSENT where there is none."""
        return ABSENT if self.after is None and "after" not in self.nulls else self.after

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = handler(self)
        if not self.nulls:
            found.pop("nulls", None)
        return found


class Change(Frozen):
    """One file that differs. `after_digest` is a canonical digest of the new content ("" when removed):
    JSON (also by lines) ignores key order and white space, SQLite compares rows, both take numbers by value; other
    files compare bytes."""

    path: str
    kind: Literal["added", "removed", "modified"]
    format: Literal["json", "sqlite", "text", "binary"]
    before_digest: str = ""
    after_digest: str = ""
    leaves: tuple[Leaf, ...] = ()
    text: str = ""
    truncated: bool = False


class StateDiff(Frozen):
    """The difference between the workspace a rollout got and the one it left. Sorted by path.

    `patch` is the output of `git diff` for a workspace that is a git repository, else None.
    """

    changes: tuple[Change, ...] = ()
    patch: str | None = None

    @property
    def empty(self) -> bool:
        return not self.changes


# ---------------------------------------------------------------- domains, personas, tasks


class Persona(Frozen):
    """Who the simulated user is. `disclosure` is how much is said at once; `patience` the rounds it bears."""

    id: str
    name: str
    occupation: str
    goal_style: str
    tone: str
    expertise: Literal["novice", "intermediate", "expert"]
    patience: Annotated[int, Field(ge=1, le=12)]
    disclosure: Literal["everything_at_once", "step_by_step", "only_when_asked"]
    description: str
    openings: tuple[str, ...] = ()
    closings: tuple[str, ...] = ()


Fact = str | tuple[str, ...]
"""A fact the reply must state: a text, or a tuple of alternatives of which one is enough. May be a Jinja template."""


class ReferenceCall(Frozen):
    """One step of a template's chain. Values of `arguments` are Jinja expressions over slots and saved results."""

    call: str
    arguments: dict[str, Any] = {}
    save: str | None = None


class Withhold(Frozen):
    """How a request reads when one slot is left out: makes a turn fit for mode `missing_parameter`."""

    slot: str
    say: tuple[str, ...]
    ask: tuple[str, ...]
    reveal: tuple[str, ...]


class TemplateTurn(Frozen):
    """One user turn of a template: wording variants, the chain that serves it, and the reference answer.

    `goal` says what the person wants in this request alone. It may lean on the turns before it, which a task always
    has, and never on those after it.
    """

    say: Annotated[tuple[str, ...], Field(min_length=1)]
    goal: Annotated[str, Field(min_length=1)] | None = None
    chain: tuple[ReferenceCall, ...] = ()
    answer: Annotated[tuple[str, ...], Field(min_length=1)]
    facts: tuple[Fact, ...] = ()
    withhold: Withhold | None = None


class SlotQuery(Frozen):
    """One SQL SELECT over the workspace's tables; the seed picks a row and every column becomes a slot.

    Earlier slots may be used as `:name`. `unique` is a SELECT that must return exactly one row for the
    chosen slots, else the task is rejected as `ambiguous_slot`.
    """

    query: str
    unique: str | None = None


class HiddenTests(Frozen):
    """A check that decides the end state instead of comparing it with the reference's.

    `files` maps a path inside the workspace to a file of the pack, laid only for the check;
    `command` is run in the workspace and passes with exit status 0 and, where `expects` is given, with that text
    as the last line of its output. With `allowed` (globs over paths) a change of any other file fails the check,
    and the command finds a pristine workspace that holds nothing of the rollout but the allowed changes.
    Not covered: allowed code that the command loads can still tamper with the process that tests it.
    """

    files: dict[str, str]
    command: tuple[str, ...]
    timeout: float = 60.0
    allowed: tuple[str, ...] = ()
    expects: str | None = None


class TaskTemplate(Frozen):
    """A family of tasks of one domain.

    `goal` says what its requests together want. A task takes it only where a turn has no goal of its own
    (`engine/goals.py`).
    """

    id: str
    title: str
    goal: str
    slots: tuple[SlotQuery, ...] = ()
    turns: Annotated[tuple[TemplateTurn, ...], Field(min_length=1, max_length=4)]
    modes: tuple[Mode, ...] = ()
    hidden_tests: HiddenTests | None = None
    variant: str | None = None
    tags: tuple[str, ...] = ()


class Question(Frozen):
    """A request that the policy answers and that needs no call: mode `no_tool`."""

    id: str
    say: Annotated[tuple[str, ...], Field(min_length=1)]
    answer: Annotated[tuple[str, ...], Field(min_length=1)]
    facts: Annotated[tuple[Fact, ...], Field(min_length=1)]


class Limits(Frozen):
    """Bounds of one sandbox: seconds, bytes, counts."""

    call_seconds: Annotated[float, Field(gt=0, le=600)] = 20.0
    memory_bytes: Annotated[int, Field(ge=32 << 20)] = 512 << 20
    disk_bytes: Annotated[int, Field(ge=1 << 20)] = 128 << 20
    processes: Annotated[int, Field(ge=4, le=1024)] = 64
    output_chars: Annotated[int, Field(ge=200)] = 20_000
    cpus: Annotated[float, Field(gt=0)] = 1.0


def workspace_of(files: Mapping[str, bytes], variant: str | None = None) -> dict[str, bytes]:
    """Return the initial state held by a pack's files as {relative path: bytes}, a variant laid over it."""
    found: dict[str, bytes] = {}
    for prefix in ("workspace/", *([f"variants/{variant}/"] if variant is not None else [])):
        found |= {path[len(prefix) :]: data for path, data in files.items() if path.startswith(prefix)}
    return found


class Domain(Frozen):
    """A parsed domain pack. `digest` names the exact bytes; `files` holds them (path inside the pack → bytes).

    `link` lists slots that two templates of one dialogue must share (the same customer), `exclusive` those that must
    differ (two orders), `identity` tools that check who is speaking, once in a dialogue. `state_ignore` lists glob
    patterns over "path#pointer" that the `state` judge passes over. `workspace_variants` maps a variant name to its
    folder in the pack ("" is the default).
    """

    id: str
    name: str
    description: str
    category: str = "custom"
    policy: str
    tools: tuple[Tool, ...]
    templates: tuple[TaskTemplate, ...]
    questions: tuple[Question, ...] = ()
    link: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    state_ignore: tuple[str, ...] = ()
    git: bool = False
    network: bool = False
    limits: Limits = Limits()
    licence: str = "CC0-1.0"
    digest: str
    files: dict[str, bytes] = Field(repr=False, exclude=True)

    def workspace(self, variant: str | None = None) -> dict[str, bytes]:
        """Return the initial state as {relative path: bytes}; a variant's files are laid over the common ones."""
        return workspace_of(self.files, variant)

    def tool_modules(self) -> dict[str, str]:
        """Return the Python sources under tools/ as {module file name: source}."""
        return {
            p[len("tools/") :]: data.decode()
            for p, data in self.files.items()
            if p.startswith("tools/") and p.endswith(".py")
        }


class TaskTurn(Frozen):
    """One user turn of a task, slots filled in; results of calls are still expressions until the proof.

    `mode` is the transform of this turn. `hidden` is what the user tells only when asked; `ask` is how the
    reference teacher asks for it. `groups` gives, for each call, the assistant message it belongs to, so
    equal numbers are parallel calls. `fault` is the index of the call whose first try fails (mode
    `tool_error`), else None. `segment` counts the templates of the dialogue: results saved by one template
    are seen by its own later turns only, and so are its `slots`. `known` are calls that an earlier turn made with the
    same arguments: only the proof makes them again, to fill in what the turn's texts and arguments use of them.
    """

    mode: Mode
    say: str
    segment: int = 0
    slots: dict[str, Any] = {}
    chain: tuple[ReferenceCall, ...] = ()
    known: tuple[ReferenceCall, ...] = ()
    groups: tuple[int, ...] = ()
    answer: str
    facts: tuple[Fact, ...] = ()
    ask: str | None = None
    hidden: str | None = None
    fault: int | None = None


class Task(Frozen):
    """A concrete request: seeded and pure. It becomes worth paying for once `Proof` says that it holds."""

    id: str
    domain: str
    template: str
    templates: tuple[str, ...]
    variant: str | None = None
    modes: tuple[Mode, ...]
    goal: str
    slots: dict[str, Any]
    turns: tuple[TaskTurn, ...]
    tools: tuple[Tool, ...]
    withheld_tools: tuple[str, ...] = ()
    hidden_tests: HiddenTests | None = None
    state_ignore: tuple[str, ...] = ()
    difficulty: float
    seed: int


class ProvenCall(Frozen):
    """A reference call with concrete arguments and the result it really gave."""

    call: ToolCall
    result: ToolResult


class ProvenTurn(Frozen):
    """The reference for one user turn, concrete. `calls` are grouped into assistant messages."""

    calls: tuple[tuple[ProvenCall, ...], ...] = ()
    answer: str
    facts: tuple[tuple[str, ...], ...] = ()


RejectReason = Literal[
    "template_error",
    "unsolvable",
    "passes_untouched",
    "duplicate",
    "ambiguous_slot",
    "mode_not_applicable",
    "no_slot_rows",
    "unsteady_reference",
]
"""`template_error`: a text, query or argument of the template itself is wrong; `unsolvable`: its chain ran, and a tool,
the answer or the hidden tests refused. Rows stored before the two were told apart say `unsolvable` for both."""


class Proof(Frozen):
    """The outcome of replaying a task's reference chain. `reason` is None when the task is proven."""

    task_id: str
    turns: tuple[ProvenTurn, ...] = ()
    expected: StateDiff | None = None
    reason: RejectReason | None = None
    detail: str = ""


# ---------------------------------------------------------------- models


class Sampling(Frozen):
    """Sampling of one model role. `seed` is passed on where the server takes one."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1)] = 2048
    seed: int | None = None


class Endpoint(Frozen):
    """How to reach one model. `key_variable` is the *name* of the environment variable that holds the key."""

    model: str
    llm: str = "litellm"
    api_base: str | None = None
    key_variable: str | None = None
    timeout: Annotated[float, Field(gt=0)] = 120.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    sampling: Sampling = Sampling()
    options: dict[str, Any] = {}


class ModelCall(Frozen):
    """One finished model call. Tokens and cost are None where the server or the price table does not say."""

    role: ModelRole
    model: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    seconds: float = 0.0
    attempts: int = 1
    finish: str | None = None
    text_calls: int = 0


class Completion(Frozen):
    """What LLM.complete returns: the assistant turn and what it took. `data` is the parsed JSON object
    when a response schema was asked for and the reply held one, else None. `opens` is a simulated user's word
    on its own message: whether it makes the task's next request; None where it does not say."""

    turn: Turn
    call: ModelCall
    data: dict[str, Any] | None = None
    opens: bool | None = None


# ---------------------------------------------------------------- rubric and scores


class Criterion(Frozen):
    """One yes/no question for the rubric judge, with its weight."""

    id: str
    question: str
    weight: Annotated[float, Field(gt=0)] = 1.0


class Rubric(Frozen):
    """What the rubric judge asks. `version` is part of every score that it gives."""

    id: str = "default"
    version: int = 1
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.7
    criteria: tuple[Criterion, ...] = ()


class Score(Frozen):
    """One named measurement in 0..1, or None with a reason. `evidence` holds indexes into Trajectory.turns."""

    name: str
    value: Annotated[float, Field(ge=0, le=1)] | None
    reason: str
    source: str
    method: Literal["state", "rule", "fact", "model", "human"]
    passed: bool | None = None
    model: str | None = None
    version: str = "1"
    evidence: tuple[int, ...] = ()


# ---------------------------------------------------------------- batch and rollout


class DomainShare(Frozen):
    """One domain of a batch with its weight; `digest` pins the version once the batch is stored."""

    id: str
    weight: Annotated[float, Field(gt=0)] = 1.0
    digest: str | None = None
    templates: tuple[str, ...] = ()


class RolloutLimits(Frozen):
    """Bounds of one rollout."""

    rounds: Annotated[int, Field(ge=1, le=100)] = 12
    steps_per_turn: Annotated[int, Field(ge=1, le=100)] = 12
    invalid_calls: Annotated[int, Field(ge=0, le=20)] = 3
    seconds: Annotated[float, Field(gt=0)] = 600.0
    infrastructure_attempts: Annotated[int, Field(ge=1, le=5)] = 2


class Budget(Frozen):
    """Bounds of one batch; reaching one pauses it. None means no bound.

    The prices, in US dollars per million tokens, count for every call whose cost neither its server nor a price
    table tells; without them such a call pauses a batch with a bound in dollars.
    """

    tokens: Annotated[int, Field(gt=0)] | None = None
    cost_usd: Annotated[float, Field(gt=0)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None
    input_cost_per_million: Annotated[float, Field(ge=0)] | None = None
    output_cost_per_million: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _both_prices(self) -> Budget:
        if (self.input_cost_per_million is None) != (self.output_cost_per_million is None):
            raise ValueError("budget: give both prices per million tokens, or none")
        return self


class Batch(Frozen):
    """What a user launches. Everything that determines the result is here; `fingerprint` hashes exactly that.

    `plan_version` says how the tasks are shared out (PLAN_VERSIONS). A stored batch without one has version 1, the only
    one that there was then; a batch file that names none gets the newest.
    """

    name: Annotated[str, Field(min_length=1, max_length=120)]
    domains: Annotated[tuple[DomainShare, ...], Field(min_length=1)]
    trajectories: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    attempts: Annotated[int, Field(ge=1, le=64)] = 1
    modes: dict[Mode, Annotated[float, Field(ge=0)]] = Field(default_factory=lambda: {m: 1.0 for m in MODES})
    turns: dict[Annotated[int, Field(ge=1, le=4)], Annotated[float, Field(ge=0)]] = {1: 3.0, 2: 1.0}
    personas: tuple[str, ...] = ()
    teacher: str = "reference"
    user: str = "reference"
    models: dict[ModelRole, Endpoint] = {}
    judges: tuple[str, ...] = ("rules", "state", "facts")
    rubric: Rubric | None = None
    keep_failures: bool = False
    min_reward: Annotated[float, Field(ge=0, le=1)] = 0.0
    seed: Annotated[int, Field(ge=0)] = 0
    sandbox: str = "auto"
    allow_unisolated_commands: bool = False
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 8
    limits: RolloutLimits = RolloutLimits()
    budget: Budget = Budget()
    plan_version: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _weights(self) -> Batch:
        if not any(self.modes.values()):
            raise ValueError("modes: give at least one mode a weight above 0")
        if not any(self.turns.values()):
            raise ValueError("turns: give at least one number of turns a weight above 0")
        return self

    @property
    def fingerprint(self) -> str:
        """Hash of what determines the content: not the name, sandbox, concurrency or budget.

        Ids and rows of stored batches come from it, so it must stay the same for the same content (`without_later`).
        """
        dumped = self.model_dump(mode="json", exclude={"name", "sandbox", "concurrency", "budget"})
        content = without_later(self, dumped)
        if self._usual_modes:
            content["modes"] = dict.fromkeys(_FIRST_MODES, 1.0)
        if self.plan == 1:
            content.pop("plan_version", None)
        return digest(content)

    @property
    def weights(self) -> Mapping[Mode, float]:
        """The weights of the modes to plan by. Where they are the default, plans 1 and 2 know the nine modes there were
        then, as the fingerprint does: a mode that is added comes into the default with the next plan version."""
        return dict.fromkeys(_FIRST_MODES, 1.0) if self._usual_modes and self.plan <= 2 else self.modes

    @property
    def _usual_modes(self) -> bool:
        usual: dict[Mode, float] = type(self).model_fields["modes"].get_default(call_default_factory=True)
        return self.modes == usual

    @property
    def plan(self) -> int:
        """The plan version of a stored batch."""
        return self.plan_version or 1

    def pinned(self) -> Batch:
        """Return the batch with the plan version that a new one gets: the one it names, else the newest."""
        return self.model_copy(update={"plan_version": self.plan_version or PLAN_VERSIONS[-1]})

    @property
    def uses_models(self) -> bool:
        return self.teacher != "reference" or self.user != "reference" or "rubric" in self.judges


_FIRST_FIELDS: dict[str, frozenset[str]] = {
    "Batch": frozenset(
        {"domains", "trajectories", "attempts", "modes", "turns", "personas", "teacher", "user", "models", "judges"}
        | {"rubric", "keep_failures", "min_reward", "seed", "allow_unisolated_commands", "limits"}
    ),
    "DomainShare": frozenset({"id", "weight", "digest", "templates"}),
    "Endpoint": frozenset({"model", "llm", "api_base", "key_variable", "timeout", "attempts", "sampling", "options"}),
    "Sampling": frozenset({"temperature", "top_p", "max_tokens", "seed"}),
    "Rubric": frozenset({"id", "version", "threshold", "criteria"}),
    "Criterion": frozenset({"id", "question", "weight"}),
    "RolloutLimits": frozenset({"rounds", "steps_per_turn", "invalid_calls", "seconds", "infrastructure_attempts"}),
}
"""The fields that a fingerprint always holds. Never add to it: later ones count where they are not at their default."""
_FIRST_MODES: tuple[Mode, ...] = (
    "single", "multiple", "parallel", "dependent", "no_tool", "missing_parameter", "missing_function", "distractors",
    "tool_error",
)  # fmt: skip
"""What the fingerprint holds for a batch with the default modes, however many there are by now."""


class RolloutSpec(Frozen):
    """Everything that determines one rollout; picklable. `rejected` is set when the planner already knows
    that there is no task (duplicate, no slot rows, mode that no template offers)."""

    id: str
    index: int
    attempt: int
    domain: str
    domain_digest: str
    persona: Persona
    task: Task | None
    seed: int
    rejected: RejectReason | None = None
    detail: str = ""
    mode: Mode | None = None


class Execution(Frozen):
    """Facts of the machine and the clock; never part of a reproducible export."""

    sandbox: str = ""
    isolated: bool | None = None
    started_at: float = 0.0
    seconds: float = 0.0
    infrastructure_retries: int = 0


End = Literal["done", "user_left", "round_cap", "step_cap", "invalid_calls", "timeout", "error", "not_started"]


class Remark(Frozen):
    """What a human said of the whole (`turn` None) or of one turn, without who: a rating of 1 to 5, problem tags and a
    note. Of a corrected turn it speaks of the turn's `original`."""

    turn: int | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    tags: tuple[str, ...] = ()
    note: str = ""


class Trajectory(Frozen):
    """The record of one rollout. `turns` are exactly the messages that the teacher saw.

    `status` says where it counts (kept, rejected, failed); `stage` and `reason` say where and why it was
    lost (None when kept); `reason` is a short code, `detail` a sentence. `begun` holds the index in `turns` of
    the message that makes each request of the task, as far as the dialogue came; empty in records that were made
    before it was kept (engine/spans.py tells it from the texts then). `remarks` are what reviewers said, put in
    when the trajectory is exported. `imported` keeps what an imported row said beside its turns (group_id, rollout,
    modes, more), so that it leaves as it came; in `before_import` the id and index of a record that got others.
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
    imported: dict[str, Any] = {}

    @property
    def group_id(self) -> str:
        """All attempts at one task share it; a split never separates them."""
        if self.task:
            return self.task.id
        before = self.imported.get("before_import") or {}
        return str(self.imported.get("group_id") or before.get("id") or self.id)


class Progress(Frozen):
    """Counts of one batch; `planned == kept + rejected + failed + running + waiting` always holds."""

    planned: int
    kept: int = 0
    rejected: int = 0
    failed: int = 0
    running: int = 0

    @property
    def waiting(self) -> int:
        return self.planned - self.kept - self.rejected - self.failed - self.running


# ---------------------------------------------------------------- review and export


class Review(Frozen):
    """A human verdict on a trajectory (`turn` None) or one of its turns. The latest per
    (trajectory, turn, reviewer) counts. `fix` is the corrected turn; `replayed` the tool turns that the
    sandbox gave for its calls, and `diverges` whether they, the workspace or a later result differ from the recorded
    ones. `fits_until` is the index of the first recorded turn behind the correction that exports leave out (None:
    they end at the correction when it diverges). `follows` are the corrected turns that its replay had in place.
    `unverified` says that the corrected calls were never played, since there was no domain to play them in."""

    trajectory: int
    turn: int | None = None
    reviewer: str = "me"
    verdict: Verdict | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    fix: Turn | None = None
    replayed: tuple[Turn, ...] = ()
    diverges: bool | None = None
    fits_until: int | None = None
    follows: tuple[int, ...] = ()
    unverified: bool = False


class TrajectoryFilter(Frozen):
    """Which trajectories a queue, a chart or an export speaks of. Empty fields do not restrict.

    `stages` are where a trajectory was lost, as the funnel counts it; `reached` asks for those that came through a
    stage (all lost later, and all kept). "none" among values means those without a value. `verdicts` are standings;
    accept, reject and fix are read as those that they stood for. `tags` are problem tags on the whole or on any turn.
    Both ends of a range count as inside.
    """

    batches: tuple[int, ...] = ()
    domains: tuple[str, ...] = ()
    modes: tuple[Mode | Literal["none"], ...] = ()
    personas: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    culprits: tuple[Culprit | Literal["none"], ...] = ()
    reasons: tuple[str, ...] = ()
    verdicts: tuple[Standing, ...] = ()
    tools: tuple[str, ...] = ()
    min_reward: float | None = None
    max_reward: float | None = None
    score: str | None = None
    score_min: float | None = None
    score_max: float | None = None
    min_turns: int | None = None
    max_turns: int | None = None
    templates: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    min_tokens: int | None = None
    max_tokens: int | None = None
    min_tool_calls: int | None = None
    max_tool_calls: int | None = None
    min_cost_usd: float | None = None
    max_cost_usd: float | None = None
    text: str = ""
    reached: Stage | None = None
    exported: bool | None = None
    tags: tuple[str, ...] = ()
    min_rating: float | None = None
    max_rating: float | None = None

    @field_validator("verdicts", mode="before")
    @classmethod
    def _standings(cls, given: Any) -> Any:
        """Read the older words, so that what was saved with them goes on."""
        if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
            return given
        return tuple(dict.fromkeys(found for one in given for found in VERDICTS_MEAN.get(one, (one,))))


class Recipe(Frozen):
    """What an export holds. `splits` maps a split name to its share (sum 1); tasks never straddle splits.

    Without `include_rejected` only kept trajectories and those that a human accepted or corrected leave; one that a
    human rejected, or that awaits a correction, never does. `untrained` says what a rejected turn becomes: masked
    (train=False) or cut (the trajectory ends before it). `licence` is the identifier (SPDX) that the dataset
    card gives, "unknown" for those of the domain packs; whoever exports knows what packs and models allow.
    `target` names the trainer that the rows are for (engine/targets), which sets format and options and says how
    turns stay untrained there; without one the format alone counts, and a recipe is written down without the field.
    """

    name: str = "dataset"
    format: str = "chat_jsonl"
    filter: TrajectoryFilter = TrajectoryFilter()
    include_rejected: bool = False
    only_accepted: bool = False
    splits: dict[str, float] = {"train": 0.9, "validation": 0.1}
    seed: int = 0
    untrained: Literal["mask", "cut"] = "mask"
    options: dict[str, Any] = {}
    licence: str = "unknown"
    target: str | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, dumped: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a target that is not there: recipe.json of an older export keeps its bytes."""
        values: dict[str, Any] = dumped(self)
        if values.get("target") is None:
            values.pop("target", None)
        return values

    @model_validator(mode="after")
    def _shares(self) -> Recipe:
        if not self.splits or any(s < 0 for s in self.splits.values()):
            raise ValueError("splits: give each split a share of 0 or more")
        if abs(sum(self.splits.values()) - 1) > 1e-6:
            raise ValueError(f"splits: shares must sum to 1, they sum to {sum(self.splits.values()):g}")
        return self
