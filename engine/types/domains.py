"""Domains as their authors write them: policy, tools, workspace, templates, personas, questions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from engine.types.choices import Choice
from engine.types.frozen import Frozen
from engine.types.turns import Tool

Mode = Annotated[str, Field(pattern=r"^\w+$", max_length=60)]
"""The name of a mode: of a file in engine/modes. What is stored may name one that is no longer there."""
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
"""The modes that a batch has by default under plan versions 1 and 2, in the order in which they are planned. Never add
to it: fingerprints and plans of stored batches come from it. Which modes there are is told by engine/modes."""
USUAL_MODE: Mode = "multiple"
"""The mode of every request of a dialogue but the one that has the mode of the task."""


def mode_order(mode: Mode) -> tuple[int, str]:
    """Return what modes are sorted by: first those of MODES in their order, then all others by name."""
    return (MODES.index(mode), "") if mode in MODES else (len(MODES), mode)


def _there(mode: Mode, info: ValidationInfo) -> Mode:
    known = (info.context or {}).get("modes")
    if known is not None and mode not in known:
        raise ValueError(f"there is no mode {mode!r}. Choose one of: {', '.join(known)}")
    return mode


KnownMode = Annotated[str, AfterValidator(_there)]
"""A mode in what people write. Whoever reads it validates with the context {"modes": the names of those there are}, and
any other is refused with that list. Without the context, as for what is stored, any name is read."""


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
    """How a request reads when one slot is left out, for modes in which the assistant must ask for it."""

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
    user_chain: tuple[ReferenceCall, ...] = ()
    """What the person does with tools of its own before it says this."""
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
    variant: str | None = None
    tags: tuple[str, ...] = ()


class Question(Frozen):
    """A request that the policy answers and that needs no call."""

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


TOOLS, SHARED, USER_TOOLS = "tools/", "shared/", "user_tools/"
"""The folders of a pack with its own tool files, with those of the shared library that it uses, and with the tools of
the simulated person."""
SHARED_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}@[1-9][0-9]{0,8}")
"""A shared tool file as packs name it: its name and version."""


def _name_and_version(text: str) -> str:
    if not SHARED_NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name and version, such as calculator@1")
    return text


def shared_path(name: str) -> str:
    """Return where a pack holds the shared tool file with this name and version."""
    return f"{SHARED}{name}.py"


def tool_files_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the Python files of a pack's tools by path: its own, then the shared ones."""
    own = {path: data for path, data in files.items() if path.startswith(TOOLS) and path.endswith(".py")}
    shared = {path: data for path, data in files.items() if is_shared(path)}
    return own | shared


def user_tool_files_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the Python files with tools of the simulated person by path."""
    return {path: data for path, data in files.items() if path.startswith(USER_TOOLS) and path.endswith(".py")}


def is_shared(path: str) -> bool:
    """Return whether a pack's file is a shared tool file: shared/<name>@<version>.py."""
    name = path.removeprefix(SHARED).removesuffix(".py")
    return SHARED_NAME.fullmatch(name) is not None and path == shared_path(name)


class Domain(Frozen):
    """A parsed domain pack. `digest` names the exact bytes; `files` holds them (path inside the pack → bytes).

    `link` lists slots that two templates of one dialogue must share (the same customer), `exclusive` those that must
    differ (two orders), `identity` tools that check who is speaking, once in a dialogue. `state_ignore` lists glob
    patterns over "path#pointer" that the `state` judge passes over. `shared_tools` names files of the shared library
    (`calculator@1`), each of which the pack holds. `workspace_variants` maps a variant name to its
    folder in the pack ("" is the default).
    """

    id: str
    name: str
    description: str
    category: str = "custom"
    policy: str
    tools: tuple[Tool, ...]
    user_tools: tuple[Tool, ...] = ()
    """What the simulated person can use in the same sandbox. The teacher is neither offered these nor told of them."""
    templates: tuple[TaskTemplate, ...]
    questions: tuple[Question, ...] = ()
    link: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    tool_sources: tuple[Choice, ...] = (Choice(name="python"),)
    shared_tools: tuple[Annotated[str, AfterValidator(_name_and_version)], ...] = ()
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
        """Return the Python sources of the tools as {file: source}; the file as seen from tools/, so that a shared file
        (`../shared/calculator@1.py`) is none of the pack's own. Those of the simulated person are among them."""
        found = tool_files_of(self.files) | user_tool_files_of(self.files)
        return {
            path[len(TOOLS) :] if path.startswith(TOOLS) else f"../{path}": data.decode()
            for path, data in found.items()
        }
