"""Concrete tasks and their proofs."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from engine.types.domains import Fact, HiddenTests, Mode, ReferenceCall
from engine.types.frozen import Frozen, Grown
from engine.types.state import StateDiff
from engine.types.turns import Tool, ToolCall, ToolResult


class TaskTurn(Grown):
    """One user turn of a task, slots filled in; results of calls are still expressions until the proof.

    `mode` is the transform of this turn. `hidden` is what the user tells only when asked; `ask` is how the
    reference teacher asks for it. `groups` gives, for each call, the assistant message it belongs to, so
    equal numbers are parallel calls. `fault` is the index of the call whose first try fails, else None.
    `segment` counts the templates of the dialogue: results saved by one template are seen by its own later turns
    only, and so are its `slots`. `known` are calls that an earlier turn made with the same arguments: only the
    proof makes them again, to fill in what the turn's texts and arguments use of them. `user_chain` is what the person
    does with its own tools before it says this.
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


class ProvenTurn(Grown):
    """The reference for one user turn, concrete. `calls` are grouped into assistant messages; `user_calls` are what the
    person does before it speaks."""

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
"""`template_error`: a text, query or argument of the template itself is wrong; `unsolvable`: its chain ran, and a tool,
the answer or the hidden tests refused. Rows stored before the two were told apart say `unsolvable` for both."""


class Proof(Frozen):
    """The outcome of replaying a task's reference chain. `reason` is None when the task is proven."""

    task_id: str
    turns: tuple[ProvenTurn, ...] = ()
    expected: StateDiff | None = None
    reason: RejectReason | None = None
    detail: str = ""
