"""Concrete tasks, and their proofs by replay."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from engine.types.domains import Fact, HiddenTests, Mode, ReferenceCall
from engine.types.frozen import Frozen, Grown
from engine.types.scores import Rubric
from engine.types.state import StateDiff
from engine.types.turns import Tool, ToolCall, ToolResult


class TaskTurn(Grown):
    """One user turn of a task, with slots filled in. What depends on results of calls stays an expression until the
    proof.

    `mode` is the mode of this turn. `hidden` is what the user says only when asked, `ask` how the reference teacher
    asks for it. `groups` gives the assistant message of each call, so equal numbers are parallel calls. `fault` is the
    index of the call whose first try fails, or None. `segment` numbers the templates of the dialogue: results and
    `slots` of a template are visible in its own later turns only. `known` are calls that an earlier turn made with the
    same arguments; only the proof makes them again, because the turn's texts and arguments may use their results.
    `user_chain` are the calls that the person makes with its own tools before it says this.
    """

    LATER: ClassVar = ("user_chain",)

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
    user_chain: tuple[ReferenceCall, ...] = ()


def _is_empty(value: tuple[object, ...]) -> bool:
    return not value


class Task(Frozen):
    """A concrete dialogue to roll out, drawn from a seed. Rolled out only when its `Proof` has no reason against it.

    `rubrics` are the questions of its domain and templates that the rubric judge may ask, with slots filled in.
    """

    LATER: ClassVar[tuple[str, ...]] = ("rubrics",)

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
    rubrics: Annotated[tuple[Rubric, ...], Field(exclude_if=_is_empty)] = ()


class ProvenCall(Frozen):
    """A reference call with concrete arguments and the result of its replay."""

    call: ToolCall
    result: ToolResult


class ProvenTurn(Grown):
    """The replayed reference for one user turn. `calls` are grouped by assistant message; `facts` are alternatives per
    fact; `user_calls` are those that the person makes before it speaks."""

    LATER: ClassVar = ("user_calls",)

    calls: tuple[tuple[ProvenCall, ...], ...] = ()
    answer: str
    facts: tuple[tuple[str, ...], ...] = ()
    user_calls: tuple[ProvenCall, ...] = ()


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
"""`template_error`: a text, query or argument of the template itself is wrong; `unsolvable`: its chain ran, and a tool
refused, or the answer or the hidden tests failed. Older rows say `unsolvable` for both."""


class Proof(Frozen):
    """The outcome of replaying a task's reference chain. `reason` is None when the task is proven."""

    task_id: str
    turns: tuple[ProvenTurn, ...] = ()
    expected: StateDiff | None = None
    reason: RejectReason | None = None
    detail: str = ""
