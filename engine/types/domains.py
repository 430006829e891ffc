"""Domains as their authors write them: policy, tools, workspace, templates, questions; and personas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from engine.types.choices import Choice
from engine.types.frozen import Frozen
from engine.types.scores import Criterion
from engine.types.turns import Tool

Mode = Annotated[str, Field(pattern=r"^\w+$", max_length=60)]
"""The name of a mode, which is a file in engine/modes. What is stored may name one whose file was removed since."""
MODES: tuple[Mode, ...] = (
    "single",
    "multiple",
    "parallel",
    "dependent",
    "no_tool",
    "missing_parameter",
    "missing_function",
    "distractors",
    "tool_error",
)
"""The default modes of a batch under plan versions 1 and 2, in the order in which they are planned. Never add to it:
fingerprints and plans of stored batches are derived from it. `names` of engine/modes returns the modes that exist."""
USUAL_MODE: Mode = "multiple"
"""The mode of every request of a dialogue but the one that has the mode of the task."""


def mode_order(mode: Mode) -> tuple[int, str]:
    """Return the sort key of a mode: those of MODES in their order, then all others by name."""
    return (MODES.index(mode), "") if mode in MODES else (len(MODES), mode)


def _existing_mode(mode: Mode, info: ValidationInfo) -> Mode:
    known = (info.context or {}).get("modes")
    if known is not None and mode not in known:
        raise ValueError(f"there is no mode {mode!r}. Choose one of: {', '.join(known)}")
    return mode


KnownMode = Annotated[str, AfterValidator(_existing_mode)]
"""A mode in what people write. Validated with the context {"modes": names of the existing modes}, any other name is
refused with that list. Without the context, as for stored values, every name is accepted."""


class Persona(Frozen):
    """Who the simulated user is. `disclosure` is how much it says at once; `patience` the rounds beyond its requests
    before it leaves."""

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
"""A fact that the reply must state: a text, or alternatives of which one is enough. Texts are Jinja templates."""


class ReferenceCall(Frozen):
    """One step of a template's chain. Values of `arguments` are Jinja expressions over slots and saved results."""

    call: str
    arguments: dict[str, Any] = {}
    save: str | None = None


class Withhold(Frozen):
    """Wordings for a request that leaves out one slot: how it is said, how the assistant asks, what the user
    reveals."""

    slot: str
    say: tuple[str, ...]
    ask: tuple[str, ...]
    reveal: tuple[str, ...]


class TemplateTurn(Frozen):
    """One user turn of a template: wording variants, the chain that serves it, and the reference answer.

    `goal` says what the person wants in this request alone. It may refer to the turns before it, which a task always
    includes, and never to those after it.
    """

    say: Annotated[tuple[str, ...], Field(min_length=1)]
    goal: Annotated[str, Field(min_length=1)] | None = None
    user_chain: tuple[ReferenceCall, ...] = ()
    """The calls that the person makes with its own tools before it says this."""
    chain: tuple[ReferenceCall, ...] = ()
    answer: Annotated[tuple[str, ...], Field(min_length=1)]
    facts: tuple[Fact, ...] = ()
    withhold: Withhold | None = None


class SlotQuery(Frozen):
    """One SQL SELECT over the workspace's tables; the seed picks a row, and every column becomes a slot.

    `:name` stands for an earlier slot. `unique` is a SELECT that must return exactly one row for the drawn slots, else
    the task is rejected as `ambiguous_slot`.
    """

    query: str
    unique: str | None = None


class HiddenTests(Frozen):
    """Tests that judge the end state in place of the comparison with the reference's.

    `probes` are Python files of the pack whose functions `probe_...` take no argument and return values. They run in a
    process of the sandbox; their values are compared outside of it with those in the JSON file of the same name
    ({probe: value}), so the code that they look at cannot tell them what to say. `command` runs in the workspace and
    passes with exit status 0 and, if `expects` is given, that text as the last line of its output; `files` maps a path
    inside the workspace to a file of the pack that is written there for it. Allowed code that the command loads can
    tamper with the process that tests it. Each run takes at most `timeout` seconds. With `allowed` (globs over paths) a
    change of any other file fails the tests, and they run in a pristine workspace with only the allowed changes of the
    rollout.
    """

    probes: tuple[str, ...] = ()
    files: dict[str, str] = {}
    command: tuple[str, ...] = ()
    timeout: float = 60.0
    allowed: tuple[str, ...] = ()
    expects: str | None = None

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        if not self.probes and not self.command:
            raise ValueError("needs probes or a command")
        return self

    @property
    def can_be_told(self) -> bool:
        """Whether the code that is tested runs in the process that decides, and so could tell it what to say."""
        return not self.probes


def expected_of(probes: str) -> str:
    """Return the path of the values that a file of probes must give: hidden/a.json of hidden/a.py."""
    return f"{probes.removesuffix('.py')}.json"


class PackCriterion(Criterion):
    """A yes/no question that a pack asks the rubric judge to answer."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
    question: Annotated[str, Field(min_length=1)]


class DomainRubric(Frozen):
    """What is asked about every dialogue of a domain. Its name is the domain's id; `version` and `threshold` are as in
    a Rubric."""

    version: Annotated[int, Field(ge=1)] = 1
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.7
    criteria: Annotated[tuple[PackCriterion, ...], Field(min_length=1)]


class TaskCriterion(PackCriterion):
    """A question about the tasks of one template. Its texts are Jinja texts over slots.

    `request` is the number, from 1, of the request that it is about; None stands for all of them. It is asked only
    where the dialogue makes that request, or all of them.
    """

    request: Annotated[int, Field(ge=1, le=4)] | None = None


TASK_QUESTIONS = ("success", "expected_tool_use", "checkpoints")
"""The kinds of questions that a template may ask, which are the fields of a TemplateRubric."""


class TemplateRubric(Frozen):
    """What is asked about the dialogues of a template. Its name is `<domain>.<template>`; `version` and `threshold` are
    as in a Rubric.

    `success` asks whether the person got what it came for, `expected_tool_use` how the tools had to be used, and
    `checkpoints` what had to happen on the way.
    """

    version: Annotated[int, Field(ge=1)] = 1
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.7
    success: tuple[TaskCriterion, ...] = ()
    expected_tool_use: tuple[TaskCriterion, ...] = ()
    checkpoints: tuple[TaskCriterion, ...] = ()

    def by_kind(self) -> dict[str, tuple[TaskCriterion, ...]]:
        """Return the questions by their kind."""
        return {kind: getattr(self, kind) for kind in TASK_QUESTIONS}

    def texts(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield (path in the rubric, text) for every text over slots."""
        for kind, criteria in self.by_kind().items():
            for at, one in enumerate(criteria):
                yield (kind, at, "question"), one.question
                yield (kind, at, "counts_as_yes"), one.counts_as_yes
                yield (kind, at, "example_of_no"), one.example_of_no


class TaskTemplate(Frozen):
    """A family of tasks of one domain.

    `goal` says what all its requests together want. A task uses it only when a turn has no goal of its own
    (`engine/planning/goals.py`). `modes` are the only ones that it may serve; empty means all. A mode that does not
    exist, or no longer, is a fault of the pack (`engine/planning/template_faults.py`); the template serves the others.
    """

    id: str
    title: str
    goal: str
    slots: tuple[SlotQuery, ...] = ()
    turns: Annotated[tuple[TemplateTurn, ...], Field(min_length=1, max_length=4)]
    modes: tuple[str, ...] = ()
    hidden_tests: HiddenTests | None = None
    rubric: TemplateRubric | None = None
    variant: str | None = None
    tags: tuple[str, ...] = ()


class Question(Frozen):
    """A request that the policy answers and that needs no call."""

    id: str
    say: Annotated[tuple[str, ...], Field(min_length=1)]
    answer: Annotated[tuple[str, ...], Field(min_length=1)]
    facts: Annotated[tuple[Fact, ...], Field(min_length=1)]


class Limits(Frozen):
    """Limits of one sandbox; the names give the units."""

    call_seconds: Annotated[float, Field(gt=0, le=600)] = 20.0
    memory_bytes: Annotated[int, Field(ge=32 << 20)] = 512 << 20
    disk_bytes: Annotated[int, Field(ge=1 << 20)] = 128 << 20
    processes: Annotated[int, Field(ge=4, le=1024)] = 64
    output_chars: Annotated[int, Field(ge=200)] = 20_000
    cpus: Annotated[float, Field(gt=0)] = 1.0


def workspace_of(files: Mapping[str, bytes], variant: str | None = None) -> dict[str, bytes]:
    """Return the initial workspace in a pack's files as {path in the workspace: bytes}; a variant's files override."""
    found: dict[str, bytes] = {}
    for prefix in ("workspace/", *([f"variants/{variant}/"] if variant is not None else [])):
        found |= {path[len(prefix) :]: data for path, data in files.items() if path.startswith(prefix)}
    return found


TOOLS, SHARED, USER_TOOLS = "tools/", "shared/", "user_tools/"
"""Folders of a pack: its own tool files, its copies of shared tool files, and the tools of the simulated person."""
SHARED_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}@[1-9][0-9]{0,8}")
"""How packs name a shared tool file: by name and version."""


def _name_and_version(text: str) -> str:
    if not SHARED_NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name and version, such as calculator@1")
    return text


def shared_path(name: str) -> str:
    """Return the path in a pack of the shared tool file `name@version`."""
    return f"{SHARED}{name}.py"


def tool_files_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the Python files of a pack's tools as {path: bytes}: its own, then the shared ones."""
    own = {path: data for path, data in files.items() if path.startswith(TOOLS) and path.endswith(".py")}
    shared = {path: data for path, data in files.items() if is_shared(path)}
    return own | shared


def user_tool_files_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the Python files of the simulated person's tools as {path: bytes}."""
    return {path: data for path, data in files.items() if path.startswith(USER_TOOLS) and path.endswith(".py")}


def is_shared(path: str) -> bool:
    """Return whether a path in a pack is that of a shared tool file: shared/<name>@<version>.py."""
    name = path.removeprefix(SHARED).removesuffix(".py")
    return SHARED_NAME.fullmatch(name) is not None and path == shared_path(name)


class Domain(Frozen):
    """A parsed domain pack. `files` holds its files {path in the pack: bytes}, and `digest` names exactly these.

    `link` lists slots that must be equal in all templates of a dialogue (the same customer), `exclusive` slots that
    must differ (two orders), `identity` the tools that check who is speaking, once in a dialogue. `state_ignore` lists
    globs over "path#pointer" that the `state` judge ignores. `shared_tools` names files of the shared library
    (`calculator@1`), each of which the pack holds.
    """

    id: str
    name: str
    description: str
    category: str = "custom"
    policy: str
    tools: tuple[Tool, ...]
    user_tools: tuple[Tool, ...] = ()
    """What the simulated person can call in the same sandbox. The teacher never sees them."""
    templates: tuple[TaskTemplate, ...]
    questions: tuple[Question, ...] = ()
    link: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    tool_sources: tuple[Choice, ...] = (Choice(name="python"),)
    shared_tools: tuple[Annotated[str, AfterValidator(_name_and_version)], ...] = ()
    identity: tuple[str, ...] = ()
    state_ignore: tuple[str, ...] = ()
    rubric: DomainRubric | None = None
    git: bool = False
    network: bool = False
    limits: Limits = Limits()
    licence: str = "CC0-1.0"
    digest: str
    files: dict[str, bytes] = Field(repr=False, exclude=True)

    def workspace(self, variant: str | None = None) -> dict[str, bytes]:
        """Return the initial workspace as {path in the workspace: bytes}; a variant's files override the common
        ones."""
        return workspace_of(self.files, variant)

    def tool_modules(self) -> dict[str, str]:
        """Return the Python sources of all tools, those of the simulated person too, as {path: source}. Paths are
        relative to tools/, so those of other folders begin with `../` (`../shared/calculator@1.py`)."""
        found = tool_files_of(self.files) | user_tool_files_of(self.files)
        return {
            path[len(TOOLS) :] if path.startswith(TOOLS) else f"../{path}": data.decode()
            for path, data in found.items()
        }
