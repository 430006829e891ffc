"""Dependent calls.

No argument may be used that only an earlier result could give, before that result was seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine.dialogue.repeats import new_calls
from engine.dialogue.withheld import holds
from engine.domains import templates
from engine.modes._chains import dependencies
from engine.modes._messages import calls
from engine.modes._plain import PlainMode
from engine.types import Domain, Finding, Options, ProvenCall, Span, TaskTemplate, TaskTurn, Trajectory

__all__ = ["DependentMode"]


class Config(Options):
    """There is nothing to set."""


class DependentMode(PlainMode):
    help = "An argument of a call comes from the result of an earlier one."

    def serves(self, domain: Domain, template: TaskTemplate) -> bool:
        return any(dependencies(template.turns[0]))

    def exercised(self, domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn) -> bool:
        new = new_calls(domain, earlier, turn)
        saved = {turn.chain[position].save for position in new} - {None}
        return any(templates.names_below(turn.chain[position].arguments) & saved for position in new)

    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding:
        wanted = _from_results(trajectory, number)
        offered = json.dumps([tool.schema_for_model() for tool in trajectory.tools], ensure_ascii=False)
        for index, call, _ in calls(trajectory, span):
            seen = "\n".join([offered, *(turn.content for turn in trajectory.turns[:index])])
            for name, value in ((name, leaf) for name, given in call.arguments.items() for leaf in _leaves(given)):
                if (call.name, name, value) in wanted and not holds(seen, value):
                    reason = f"{call.name} was called with {name} {value!r} before any message had given it."
                    return Finding(False, reason, (index,))
        return Finding(True, "No value was used before a message gave it.")


def _from_results(trajectory: Trajectory, number: int) -> set[tuple[str, str, str]]:
    """Return (tool, argument, value) for each value that the reference copied from an earlier result."""
    if trajectory.task is None or trajectory.proof is None:
        return set()
    turn: TaskTurn = trajectory.task.turns[number]
    proven: list[ProvenCall] = [e for group in trajectory.proof.turns[number].calls for e in group]
    found: set[tuple[str, str, str]] = set()
    results, saved = "", set[str]()
    for step, entry in zip(turn.chain, proven, strict=False):
        for name, source in step.arguments.items():
            if templates.names_below(source) & saved:
                values = _leaves(entry.call.arguments.get(name))
                found |= {(step.call, name, value) for value in values if holds(results, value)}
        results += f"\n{entry.result.content}"
        saved |= {step.save} if step.save else set()
    return found


def _leaves(value: Any) -> list[str]:
    """Return the texts and numbers in a value, as texts."""
    if isinstance(value, Mapping):
        return [leaf for entry in value.values() for leaf in _leaves(entry)]
    if isinstance(value, list | tuple):
        return [leaf for entry in value for leaf in _leaves(entry)]
    return (
        []
        if value in (None, "") or isinstance(value, bool)
        else [value if isinstance(value, str) else json.dumps(value)]
    )
