"""A batch as a user launches it, the spec of each of its rollouts, and its counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from engine.types.choices import Choice
from engine.types.domains import MODES, KnownMode, Mode, Persona
from engine.types.frozen import Frozen, digest
from engine.types.languages import ANY_LANGUAGE, LANGUAGES
from engine.types.models import Endpoint, ModelRole
from engine.types.reviews import TrajectoryFilter
from engine.types.scores import Rubric
from engine.types.tasks import RejectReason, Task

PLAN_VERSIONS: tuple[int, ...] = (1, 2)
"""The ways of planning a batch that exist, oldest first (engine/planning/quotas.py)."""
BatchStatus = Literal["queued", "running", "paused", "done", "failed", "cancelled"]


def without_later(value: Any, dumped: Any) -> Any:
    """Return the JSON form of a value (`dumped`) without fields that are not in `_FIRST_FIELDS` and have their default.

    So the hash of a stored value stays the same when a model in it, at any depth, gets a field.
    """
    if isinstance(value, Choice):  # its JSON form holds only what was set
        return dumped
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


class DomainShare(Frozen):
    """One domain of a batch with its weight; `digest` pins the version once the batch is stored."""

    id: str
    weight: Annotated[float, Field(gt=0)] = 1.0
    digest: str | None = None
    templates: tuple[str, ...] = ()


class RolloutLimits(Frozen):
    """Limits of one rollout; `seconds` is wall-clock time, `infrastructure_attempts` its tries when our side fails."""

    rounds: Annotated[int, Field(ge=1, le=100)] = 12
    steps_per_turn: Annotated[int, Field(ge=1, le=100)] = 12
    invalid_calls: Annotated[int, Field(ge=0, le=20)] = 3
    seconds: Annotated[float, Field(gt=0)] = 600.0
    infrastructure_attempts: Annotated[int, Field(ge=1, le=5)] = 2


class Budget(Frozen):
    """Limits of one batch; reaching one pauses it. None means no limit.

    The prices, in US dollars per million tokens, apply to every call whose cost neither its server nor a price table
    gives. Without them, such a call pauses a batch that has a limit in dollars.
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

    `plan_version` selects the way of planning (PLAN_VERSIONS). A stored batch without it has version 1, the only one at
    that time; a batch file without it gets the newest.
    """

    name: Annotated[str, Field(min_length=1, max_length=120)]
    domains: Annotated[tuple[DomainShare, ...], Field(min_length=1)]
    trajectories: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    attempts: Annotated[int, Field(ge=1, le=64)] = 1
    modes: dict[KnownMode, Annotated[float, Field(ge=0)]] = Field(default_factory=lambda: dict.fromkeys(MODES, 1.0))
    turns: dict[Annotated[int, Field(ge=1, le=4)], Annotated[float, Field(ge=0)]] = {1: 3.0, 2: 1.0}
    personas: tuple[str, ...] = ()
    teacher: Choice = Choice(name="reference")
    user: Choice = Choice(name="reference")
    models: dict[ModelRole, Endpoint] = {}
    panel: tuple[Endpoint, ...] = ()
    """Further models that judges ask beside models.judge; the answer of most of them counts."""
    judges: tuple[Choice, ...] = (Choice(name="rules"), Choice(name="state"), Choice(name="facts"))
    rubric: Rubric | None = None
    keep_failures: bool = False
    min_reward: Annotated[float, Field(ge=0, le=1)] = 0.0
    seed: Annotated[int, Field(ge=0)] = 0
    sandbox: str = "auto"
    allow_unisolated_commands: bool = False
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 8
    limits: RolloutLimits = RolloutLimits()
    budget: Budget = Budget()
    pause_unmeasured: Annotated[int, Field(ge=0, le=1000)] = 5
    """So many trajectories in a row that a judge could not measure pause the batch; 0 never does."""
    rejudge: TrajectoryFilter | None = None
    """Set in a batch that rolls out nothing and judges these stored trajectories again; `domains` are then theirs."""
    language: str = "en"
    """The language that the models must write in: a code of LANGUAGES, or ANY_LANGUAGE."""
    plan_version: Annotated[int, Field(ge=1)] | None = None
    early_look: bool = True
    """Whether the batch is paused when most of its first trajectories go wrong alike (engine/running/early_look.py)."""
    pilot_of: Annotated[int, Field(ge=1)] | None = None
    """Of a pilot: how many trajectories the batch has that it was launched for. None for any other batch."""
    expected_cost_usd: Annotated[float, Field(ge=0)] | None = None
    """The cost of a kept trajectory in dollars that was expected at launch; None where nothing was known."""

    @field_validator("language")
    @classmethod
    def _known_language(cls, code: str) -> str:
        if code not in LANGUAGES and code != ANY_LANGUAGE:
            raise ValueError(f"{code!r} is no known language. Use one of {', '.join(LANGUAGES)}, or {ANY_LANGUAGE}.")
        return code

    @model_validator(mode="after")
    def _weights(self) -> Batch:
        if not any(self.modes.values()):
            raise ValueError("modes: give at least one mode a weight above 0")
        if not any(self.turns.values()):
            raise ValueError("turns: give at least one number of turns a weight above 0")
        return self

    @property
    def fingerprint(self) -> str:
        """Hash of what determines the content: all fields but `_NO_CONTENT`.

        Ids and rows of stored batches are derived from it, so it must never change for the same content
        (`without_later`).
        """
        dumped = self.model_dump(mode="json", exclude=_NO_CONTENT)
        content = without_later(self, dumped)
        if self._usual_modes:
            content["modes"] = dict.fromkeys(MODES, 1.0)
        if self.plan == 1:
            content.pop("plan_version", None)
        return digest(content)

    @property
    def weights(self) -> Mapping[Mode, float]:
        """The weights to plan the modes by. Default weights mean the nine modes of `MODES` under plan versions 1 and 2,
        as they do in the fingerprint: a mode that is added enters the default with the next plan version."""
        return dict.fromkeys(MODES, 1.0) if self._usual_modes and self.plan <= 2 else self.modes

    @property
    def _usual_modes(self) -> bool:
        usual: dict[Mode, float] = type(self).model_fields["modes"].get_default(call_default_factory=True)
        return self.modes == usual

    @property
    def plan(self) -> int:
        """The plan version of this batch as stored."""
        return self.plan_version or 1

    def pinned(self) -> Batch:
        """Return the batch with its plan version set: the one it names, else the newest."""
        return self.model_copy(update={"plan_version": self.plan_version or PLAN_VERSIONS[-1]})


_NO_CONTENT = {
    *("name", "sandbox", "concurrency", "budget", "pause_unmeasured"),
    *("early_look", "pilot_of", "expected_cost_usd"),
}
"""Fields of a batch that say how it is worked on, and change no trajectory."""
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
"""The fields that every fingerprint holds. Never add to it: a later field counts only when it is not at its default."""


class RolloutSpec(Frozen):
    """Everything that determines one rollout; picklable. Without a `task`, `rejected` and `detail` say why the planner
    found none (duplicate, no slot rows, a mode that no template serves). `rerun` counts the runs before this one that
    the simulated user spoiled; each has a seed derived from that of the plan."""

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
    rerun: int = 0

    def again(self) -> RolloutSpec:
        """Return the spec of the same rollout's next run, with another seed."""
        return self.model_copy(update={"seed": int(digest([self.seed, "again"], 12), 16), "rerun": self.rerun + 1})


class Progress(Frozen):
    """Counts of one batch's rollouts; `planned == kept + rejected + failed + unmeasured + running + waiting` always
    holds."""

    planned: int
    kept: int = 0
    rejected: int = 0
    failed: int = 0
    unmeasured: int = 0
    running: int = 0

    @property
    def finished(self) -> int:
        """Rollouts that ended in any way."""
        return self.kept + self.rejected + self.failed + self.unmeasured

    @property
    def waiting(self) -> int:
        return self.planned - self.finished - self.running
