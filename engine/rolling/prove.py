"""Task -> Proof: the reference chain is executed in a sandbox before any rollout of the task begins.

A task is rejected as `template_error` when a text of its template cannot be rendered or a call breaks its schema; as
`unsolvable` when the chain runs and a call fails, when the answer does not state its own facts, or when its hidden
tests fail after the chain; as `passes_untouched` when doing and saying nothing would pass.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.dialogue.facts import missing
from engine.domains import templates
from engine.errors import InputError
from engine.judging.state import paths_outside
from engine.protocols import Sandbox, ToolSource
from engine.reading.json_value import whole
from engine.reading.places import in_template
from engine.reading.schema import argument_error, result_error
from engine.rolling.end_state import source_states, with_source_changes
from engine.rolling.hidden_tests import failing_test
from engine.types import (
    Domain,
    Proof,
    ProvenCall,
    ProvenTurn,
    ReferenceCall,
    Task,
    TaskTurn,
    Tool,
    ToolCall,
)


class _Unsolvable(Exception):
    """The reference chain fails; the message says why."""


async def prove(task: Task, domain: Domain, sandbox: Sandbox, sources: Mapping[str, ToolSource]) -> Proof:
    """Execute the task's reference chain in a fresh sandbox and return the proof. Raises SandboxError only."""
    try:
        if task.hidden_tests and await failing_test(task.hidden_tests, domain, sandbox, None) is None:
            return Proof(task_id=task.id, reason="passes_untouched", detail="The hidden tests pass before any change.")
        if task.hidden_tests:
            await sandbox.reset()
        return await _replay(task, domain, sandbox, sources)
    except _Unsolvable as error:
        return Proof(task_id=task.id, reason="unsolvable", detail=str(error))
    except InputError as error:
        located = in_template(domain, error, task.templates)
        return Proof(task_id=task.id, reason="template_error", detail=str(located))


async def _replay(task: Task, domain: Domain, sandbox: Sandbox, sources: Mapping[str, ToolSource]) -> Proof:
    """Return the proof of the executed chain. Raises _Unsolvable when a tool, the answer or the hidden tests refuse,
    InputError for a fault of the template itself."""
    before = await source_states(sources, sandbox)
    turns = await _proven_turns(task, domain, sandbox, sources)
    after = await source_states(sources, sandbox)
    diff = with_source_changes(await sandbox.diff(last=task.hidden_tests is None), before, after)
    if task.hidden_tests:
        strays = paths_outside(diff, task.hidden_tests.allowed)
        if strays:
            raise _Unsolvable(f"The reference chain changes {strays[0]}, which hidden_tests.allowed does not name.")
        if (failing := await failing_test(task.hidden_tests, domain, sandbox, diff)) is not None:
            raise _Unsolvable(f"The hidden tests fail after the reference chain. {failing}")
    idle = diff.empty or (any(turn.user_calls for turn in turns) and not _writes(task))
    if not task.hidden_tests and idle and not any(turn.facts for turn in turns):
        return Proof(task_id=task.id, reason="passes_untouched", detail="It changes nothing and asks for no fact.")
    return Proof(task_id=task.id, turns=tuple(turns), expected=diff)


async def _proven_turns(
    task: Task, domain: Domain, sandbox: Sandbox, sources: Mapping[str, ToolSource]
) -> list[ProvenTurn]:
    saved: dict[int, dict[str, Any]] = {}
    turns: list[ProvenTurn] = []
    made = 0
    for number, turn in enumerate(task.turns):
        results = saved.setdefault(turn.segment, {})
        chain = _TurnChain(number, {**turn.slots, **results}, results, sandbox, sources)
        user_calls = [await chain.run(step, f"user_{n}", domain.user_tools) for n, step in enumerate(turn.user_chain)]
        for step in turn.known:  # the dialogue does not repeat these calls, but this turn uses their results
            await chain.run(step, "known", task.tools)
        groups: dict[int, list[ProvenCall]] = {}
        for position, step in enumerate(turn.chain):
            proven = await chain.run(step, f"call_{made}", task.tools)
            made += 1
            groups.setdefault(turn.groups[position], []).append(proven)
        proven_turn = _proven_turn(turn, groups, chain.scope, number)
        turns.append(proven_turn.model_copy(update={"user_calls": tuple(user_calls)}))
    return turns


def _writes(task: Task) -> bool:
    """Return whether the assistant's chain has a call that may change something. The user's own calls do not count:
    what they change is no achievement of the assistant."""
    writers = {tool.name for tool in task.tools if tool.effect == "write"}
    return any(step.call in writers for turn in task.turns for step in turn.chain)


@dataclass
class _TurnChain:
    """Executes the reference calls of one turn."""

    number: int
    """The index of the turn."""
    scope: dict[str, Any]
    """What its texts and arguments may use: slots and saved results."""
    saved: dict[str, Any]
    """Results for later turns of the same segment."""
    sandbox: Sandbox
    sources: Mapping[str, ToolSource]

    async def run(self, step: ReferenceCall, call_id: str, tools: Sequence[Tool]) -> ProvenCall:
        """Execute one step and save its result if it names one. Raises _Unsolvable, InputError and SandboxError."""
        call = ToolCall(id=call_id, name=step.call, arguments=templates.render_value(step.arguments, self.scope))
        proven = await self._proven_call(call, step, tools)
        if step.save:
            self.scope[step.save] = self.saved[step.save] = result_value(proven.result.content)
        return proven

    async def _proven_call(self, call: ToolCall, step: ReferenceCall, tools: Sequence[Tool]) -> ProvenCall:
        turn = self.number + 1
        tool = next((tool for tool in tools if tool.name == call.name), None)
        if tool is None:
            raise _Unsolvable(f"Turn {turn}: tool {call.name} is not offered.")
        problem = argument_error(tool, call)
        if problem:
            what = f"{call.name}({json.dumps(call.arguments)[:300]}): {problem}"
            raise InputError(f"turn {turn}", what, "Correct the call in the template.", source=step)
        source = self.sources[tool.source]
        result = await source.call(tool, call, self.sandbox)
        if result.fault:
            raise _Unsolvable(f"Turn {turn}: {call.name}({json.dumps(call.arguments)}) gave {result.content[:300]}")
        if problem := result_error(source.result_schema(tool.name), result_value(result.content)):
            raise _Unsolvable(f"Turn {turn}: the result of {call.name} breaks its schema: {problem}")
        return ProvenCall(call=call, result=result.model_copy(update={"seconds": None}))


def _proven_turn(
    turn: TaskTurn, groups: Mapping[int, list[ProvenCall]], scope: Mapping[str, Any], number: int
) -> ProvenTurn:
    answer = templates.render_text(turn.answer, scope)
    facts = tuple(
        tuple(templates.render_text(option, scope) for option in ((fact,) if isinstance(fact, str) else fact))
        for fact in turn.facts
    )
    if not all(facts):
        problem = f"fact {facts.index(()) + 1} names nothing that could be stated."
        raise InputError(f"turn {number + 1}", problem, "Write it in the template, or drop it.")
    lost = missing(facts, answer)
    if lost:
        raise _Unsolvable(f"Turn {number + 1}: the reference answer does not state {lost[0][0]!r}.")
    return ProvenTurn(calls=tuple(tuple(groups[key]) for key in sorted(groups)), answer=answer, facts=facts)


def result_value(content: str) -> Any:
    """Return a tool result's JSON value, or its text when it is no JSON. Whole numbers keep all their digits."""
    try:
        return json.loads(content, parse_int=whole)
    except (ValueError, RecursionError):
        return content
