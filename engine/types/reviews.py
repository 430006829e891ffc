"""Reviews of trajectories, filters over trajectories, and recipes of exports."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from engine.types.containers import Container
from engine.types.domains import Mode
from engine.types.frozen import Frozen
from engine.types.subsets import Subset
from engine.types.trajectories import Culprit, Outcome, Stage, Status
from engine.types.turns import Turn

Verdict = Literal["accept", "reject", "fix"]
"""A reviewer's verdict on a trajectory or on one turn."""
Standing = Literal["accepted", "corrected", "rejected", "awaits_correction", "none"]
"""What all verdicts on a trajectory together amount to (engine/reviewing/verdicts.py)."""
VERDICTS_MEAN: dict[str, tuple[Standing, ...]] = {
    "accept": ("accepted",),
    "reject": ("rejected",),
    "fix": ("corrected", "awaits_correction"),
}
"""The verdicts that older filters name (links, recipes, the command line), and the standings that each selects."""

NameStyle = Literal["snake_case", "camel_case", "pascal_case", "upper_case", "mixed", "random"]
"""How the tools of an export are named anew: in one case, in one that is drawn for each task, or by random letters."""
Countable = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
"""A whole number that a database column can be compared with (64 bits)."""
_ADDED_LATER = ("target", "container", "context", "labels", "tool_names")
"""Fields of a Recipe that are written only where they are chosen."""


class Review(Frozen):
    """A review of a trajectory (`turn` None) or one of its turns. The latest per (trajectory, turn, reviewer) counts.

    `fix` is the corrected turn, `replayed` the tool turns that its calls gave in the sandbox, and `diverges` whether
    these, the workspace or a later result differ from the recorded ones. `fits_until` is the index of the first
    recorded turn after the correction that exports leave out (None: a diverging correction is the last turn). `follows`
    are the indexes of other corrected turns that were in place during the replay. `unverified` means that the corrected
    calls were never replayed, because there was no domain to replay them in.
    """

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
    """Which trajectories a queue, a chart or an export shows. Empty fields do not restrict; ranges include both ends.

    `stages` are those at which a trajectory was lost, as the funnel counts them; `reached` selects all that passed a
    stage (lost later, or kept). The value "none" selects those without a value. `verdicts` are standings; the older
    accept, reject and fix are read as in VERDICTS_MEAN. `tags` are problem tags on the whole or on any turn.
    `subsets` selects what belongs to one of these.
    """

    batches: tuple[Countable, ...] = ()
    domains: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = ()
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
    min_turns: Countable | None = None
    max_turns: Countable | None = None
    templates: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    min_tokens: Countable | None = None
    max_tokens: Countable | None = None
    min_tool_calls: Countable | None = None
    max_tool_calls: Countable | None = None
    min_cost_usd: float | None = None
    max_cost_usd: float | None = None
    text: str = ""
    reached: Stage | None = None
    exported: bool | None = None
    tags: tuple[str, ...] = ()
    min_rating: float | None = None
    max_rating: float | None = None
    subsets: tuple[Subset, ...] = ()

    @model_serializer(mode="wrap")
    def _as_before(self, dumped: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out `subsets` when it is empty, so that recipe.json of older exports keeps its bytes."""
        values: dict[str, Any] = dumped(self)
        if not values.get("subsets"):
            values.pop("subsets", None)
        return values

    @field_validator("verdicts", mode="before")
    @classmethod
    def _standings(cls, given: Any) -> Any:
        """Replace the older verdicts by their standings, so that saved filters keep working."""
        if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
            return given
        return tuple(dict.fromkeys(found for one in given for found in VERDICTS_MEAN.get(one, (one,))))


class ContextLength(Frozen):
    """How many tokens a trajectory may have, and what happens to a longer one.

    `tokenizer` is the path of a tokenizer.json, a folder that holds one, or an installed package that brings one; its
    chat template writes the messages and tools that are counted. A longer trajectory is only named in the report, left
    out, or cut after its last trained answer that fits.
    """

    tokenizer: str
    tokens: Annotated[int, Field(ge=1, lt=1 << 31)]
    longer: Literal["name", "leave_out", "cut"] = "name"


class Recipe(Frozen):
    """What an export holds. `splits` maps a split name to its share (sum 1); all attempts at a task are in one split.

    Without `include_rejected` only kept trajectories and those that a reviewer accepted or corrected are exported; one
    that a reviewer rejected, or that awaits a correction, never is. `untrained` says what happens to a rejected turn:
    masked (train=False), or cut (the trajectory ends before it). `licence` is the SPDX identifier on the dataset card;
    with "unknown" the card names those of the domain packs. `target` names the trainer that the rows are for
    (engine/targets), which sets format and options and decides how turns stay untrained. `container` says in what files
    the rows stand; None leaves it to the target, and without one that is JSON Lines. `context` bounds the length of a
    trajectory in tokens. `labels` adds the labels of its turns and its subsets to the metadata. `tool_names` gives its
    tools other names, drawn by `seed`.
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
    container: Container | None = None
    context: ContextLength | None = None
    labels: bool = False
    tool_names: NameStyle | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, dumped: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what was added later and is not chosen, so that recipe.json of older exports keeps its bytes."""
        values: dict[str, Any] = dumped(self)
        for name in _ADDED_LATER:
            if not values.get(name):
                values.pop(name, None)
        return values

    @model_validator(mode="after")
    def _shares(self) -> Recipe:
        if not self.splits or any(s < 0 for s in self.splits.values()):
            raise ValueError("splits: give each split a share of 0 or more")
        if abs(sum(self.splits.values()) - 1) > 1e-6:
            raise ValueError(f"splits: shares must sum to 1, they sum to {sum(self.splits.values()):g}")
        return self
