"""TaskTemplate -> Task: draw slots, apply a mode, compose a dialogue. Pure; the proof is in prove.py.

    sample(domain, mode="dependent", turns=2, seed=7)  -> Task
    raises Rejected(reason, detail) when there is no such task

A dialogue of n user turns takes turns of one template and then of further templates that agree with it on the
domain's `link` slots and differ on its `exclusive` ones. The mode transforms the first turn of the first
template; the place of that template in the dialogue is drawn too, and all other turns are `multiple`. It comes first
where an earlier turn would tell what it leaves out, or would already make the calls that its mode is about.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from engine.dialogue.identity import Check, checks, introduced, unchecked, withholds
from engine.dialogue.repeats import exercised, new_calls
from engine.dialogue.withheld import tells
from engine.domains import templates
from engine.domains.slots import tables_of
from engine.errors import TurnwrightError
from engine.planning.goals import goal_of
from engine.types import (
    MODES,
    Domain,
    Mode,
    RejectReason,
    Task,
    TaskTemplate,
    TaskTurn,
    TemplateTurn,
    Tool,
    digest,
)

CANNOT = (
    "I'm sorry, but I can't do that here: I have no tool available for it. Nothing has been changed.",
    "Unfortunately I'm not able to do this one, because none of my tools covers it. I have left everything as it was.",
    "I don't have a tool for that request, so I can't carry it out. No change has been made.",
)
CANNOT_FACTS: tuple[str, ...] = (
    "can't",
    "cannot",
    "can not",
    "not able to",
    "unable to",
    "don't have a tool",
    "do not have a tool",
    "no tool",
    "not available",
    "isn't available",
    "isn't possible",
    "not possible",
    "couldn't",
    "could not",
    "won't be able to",
    "don't have any tool",
    "don't have access to",
    "do not have access to",
    "don't have the ability to",
    "do not have the ability to",
)


class Rejected(TurnwrightError):
    """There is no task of this kind here; `reason` is the code that the funnel counts."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


@dataclass
class _Segment:
    """Turns of one template with its drawn slots; a template of None stands for a policy question."""

    template: TaskTemplate | None
    slots: dict[str, Any] = field(default_factory=dict)
    turns: list[TaskTurn] = field(default_factory=list)
    known: set[int] = field(default_factory=set)  # its requests of a person whom an earlier one introduced

    def goal(self) -> str:
        """Return what the person wants in these turns."""
        if self.template is None:
            return self.turns[0].say
        return goal_of(self.template, len(self.turns), self.slots, self.known)

    def checks(self, domain: Domain) -> list[dict[int, Check]]:
        """Return, for each turn, the calls by place that would check who is speaking."""
        plain = self.template.turns if self.template else ()
        return [checks(domain, turn, self.slots) for turn in plain[: len(self.turns)]]


# ---------------------------------------------------------------- which template serves which mode


def dependencies(turn: TemplateTurn) -> list[set[int]]:
    """Return, for each call of a chain, the earlier calls of the same turn whose results it uses."""
    saved: dict[str, int] = {}
    found: list[set[int]] = []
    for position, step in enumerate(turn.chain):
        found.append({saved[name] for name in templates.names_below(step.arguments) if name in saved})
        if step.save:
            saved[step.save] = position
    return found


def parallel_groups(turn: TemplateTurn, tools: Sequence[Tool]) -> tuple[int, ...]:
    """Return a group number per call; neighbouring reads that do not use each other's results share one."""
    reads = {tool.name for tool in tools if tool.effect == "read"}
    needs = dependencies(turn)
    groups: list[int] = []
    members: set[int] = set()
    for position, step in enumerate(turn.chain):
        joins = (
            bool(members)
            and step.call in reads
            and turn.chain[position - 1].call in reads
            and not (needs[position] & members)
        )
        members = members | {position} if joins else {position}
        groups.append(groups[-1] if joins else (groups[-1] + 1 if groups else 0))
    return tuple(groups)


def serves(domain: Domain, template: TaskTemplate, mode: Mode) -> bool:
    """Return whether the mode can transform the template's first turn."""
    if template.modes and mode not in template.modes:
        return False
    turn = template.turns[0]
    tests: dict[Mode, Callable[[], bool]] = {
        "single": lambda: len(turn.chain) == 1,
        "multiple": lambda: len(turn.chain) >= 1,
        "parallel": lambda: len(set(parallel_groups(turn, domain.tools))) < len(turn.chain),
        "dependent": lambda: any(dependencies(turn)),
        "no_tool": lambda: bool(domain.questions),
        "missing_parameter": lambda: turn.withhold is not None and bool(turn.chain),
        "missing_function": lambda: bool(turn.chain) and template.hidden_tests is None,
        "distractors": lambda: bool(turn.chain),
        "tool_error": lambda: bool(turn.chain),
    }
    return tests[mode]()


def modes_of(domain: Domain, template: TaskTemplate) -> tuple[Mode, ...]:
    """Return the modes that a template serves, in the order of the list of modes."""
    return tuple(mode for mode in MODES if serves(domain, template, mode))


# ---------------------------------------------------------------- sampling


def sample(domain: Domain, *, mode: Mode, turns: int = 1, seed: int = 0, only: Sequence[str] = ()) -> Task:
    """Return one concrete task. `only` restricts the templates by id. Raises Rejected, or InputError for a
    template whose query or text is wrong."""
    source = random.Random(f"task:{domain.digest}:{mode}:{turns}:{seed}")
    fitting = [t for t in domain.templates if (not only or t.id in only) and serves(domain, t, mode)]
    if not fitting:
        raise Rejected("mode_not_applicable", f"no template of {domain.id} serves mode {mode}.")
    first = source.choice(fitting)
    withheld: tuple[str, ...] = ()
    if mode == "no_tool":
        segments = [_question(domain, source)]
    else:
        lead = _draw(domain, first, [], source)
        withheld = _lead_turns(domain, lead, mode, turns, source)
        segments = [lead]
    _extend(domain, segments, turns, first, withheld, only, source)
    _introduce_once(domain, segments)
    _mark_fault(domain, segments, source)
    return _assemble(domain, segments, mode, withheld, source, seed)


def _draw(domain: Domain, template: TaskTemplate, others: Sequence[_Segment], source: random.Random) -> _Segment:
    """Draw the slots of a template so that they agree with the other segments. Raises Rejected."""
    tables = tables_of(domain, template.variant)
    slots: dict[str, Any] = {}
    for query in template.slots:
        rows = tables.rows(query.query, slots)
        rows = [row for row in rows if _agrees(domain, row, others)] if others else rows
        if not rows:
            raise Rejected("no_slot_rows", f"template {template.id}: no row of the workspace fits its slots.")
        slots |= source.choice(rows)
        if query.unique is not None:
            found = len(tables.rows(query.unique, slots))
            if found != 1:
                raise Rejected("ambiguous_slot", f"template {template.id}: the request fits {found} rows, not one.")
    return _Segment(template, slots)


def _agrees(domain: Domain, row: dict[str, Any], others: Sequence[_Segment]) -> bool:
    for other in others:
        if any(name in row and name in other.slots and row[name] != other.slots[name] for name in domain.link):
            return False
        if any(name in row and name in other.slots and row[name] == other.slots[name] for name in domain.exclusive):
            return False
    return True


def _question(domain: Domain, source: random.Random) -> _Segment:
    question = source.choice(domain.questions)
    turn = TaskTurn(
        mode="no_tool",
        say=source.choice(question.say),
        answer=source.choice(question.answer),
        facts=question.facts,
        slots={"question": question.id},
    )
    return _Segment(None, {"question": question.id}, [turn])


def _lead_turns(domain: Domain, segment: _Segment, mode: Mode, turns: int, source: random.Random) -> tuple[str, ...]:
    """Fill in the turns of the first template, its first one transformed; return the withheld tools."""
    assert segment.template is not None
    first = segment.template.turns[0]
    plain = _turn(first, segment.slots, source)
    segment.turns.append(_transform(domain, first, plain, mode, segment.slots, source))
    if mode == "missing_function":
        return (_pivotal(domain, first),)
    for later in segment.template.turns[1:turns]:
        segment.turns.append(_turn(later, segment.slots, source))
    return ()


def _turn(turn: TemplateTurn, slots: dict[str, Any], source: random.Random) -> TaskTurn:
    return TaskTurn(
        mode="multiple",
        say=templates.text(source.choice(turn.say), templates.UNKNOWN | slots),
        slots=slots,
        chain=turn.chain,
        groups=tuple(range(len(turn.chain))),
        answer=source.choice(turn.answer),
        facts=turn.facts,
    )


def _transform(
    domain: Domain, turn: TemplateTurn, plain: TaskTurn, mode: Mode, slots: dict[str, Any], source: random.Random
) -> TaskTurn:
    """Return the turn under its mode; see ARCHITECTURE.md for what each one means."""
    change: dict[str, Any] = {"mode": mode}
    if mode == "parallel":
        change["groups"] = parallel_groups(turn, domain.tools)
    elif mode == "missing_parameter" and turn.withhold:
        change["say"] = templates.text(source.choice(turn.withhold.say), templates.UNKNOWN | slots)
        change["ask"] = templates.text(source.choice(turn.withhold.ask), slots)
        change["hidden"] = templates.text(source.choice(turn.withhold.reveal), slots)
    elif mode == "missing_function":
        change |= {"chain": (), "groups": (), "answer": source.choice(CANNOT), "facts": (CANNOT_FACTS,)}
    return plain.model_copy(update=change)


def _pivotal(domain: Domain, turn: TemplateTurn) -> str:
    """Return the tool without which the turn cannot be served: its last write, else its last call."""
    writes = {tool.name for tool in domain.tools if tool.effect == "write"}
    return next((step.call for step in reversed(turn.chain) if step.call in writes), turn.chain[-1].call)


def _extend(
    domain: Domain,
    segments: list[_Segment],
    turns: int,
    first: TaskTemplate,
    withheld: Sequence[str],
    only: Sequence[str],
    source: random.Random,
) -> None:
    """Add templates until the dialogue has `turns` user turns, then draw the order of the segments."""

    def fits(template: TaskTemplate) -> bool:
        return (
            template.variant == first.variant
            and template.hidden_tests is None
            and (not only or template.id in only)
            and not any(step.call in withheld for turn in template.turns for step in turn.chain)
        )

    others = [t for t in domain.templates if t.id != first.id and fits(t)]
    source.shuffle(others)
    while (missing := turns - sum(len(s.turns) for s in segments)) > 0 and others:
        template = others.pop()
        try:
            segment = _draw(domain, template, segments, source)
        except Rejected:
            continue
        segment.turns = [_turn(turn, segment.slots, source) for turn in template.turns[:missing]]
        segments.append(segment)
    if sum(len(s.turns) for s in segments) < turns:
        raise Rejected("no_slot_rows", f"{domain.id}: no dialogue of {turns} turns fits template {first.id}.")
    lead = segments[0]
    source.shuffle(segments)
    before = list(takewhile(lambda segment: segment is not lead, segments))
    earlier = [turn for segment in before for turn in segment.turns]
    said = tells(lead.turns[0], "\n".join(turn.say for turn in earlier))  # nothing is missing once it was said
    if lead.turns[0].hidden is not None:
        told = {check for segment in before for found in segment.checks(domain) for check in found.values()}
        said = said or withholds(domain, first.turns[0], lead.slots, told)
    if said or not exercised(domain, earlier, lead.turns[0]):
        segments.sort(key=lambda segment: segment is not lead)


def _introduce_once(domain: Domain, segments: Sequence[_Segment]) -> None:
    """Let later requests of a person neither tell nor check again who is speaking."""
    told: set[Check] = set()
    checked: set[Check] = set()
    for segment in segments:
        for number, found in enumerate(segment.checks(domain)):
            turn = segment.turns[number]
            assert segment.template is not None
            made = {check for place, check in found.items() if place < len(turn.chain)}
            if found and found[min(found)] in told:
                segment.known.add(number)
                turn = introduced(turn, segment.template.turns[number])
            segment.turns[number] = unchecked(turn, {place for place, check in found.items() if check in checked})
            told |= set(found.values())
            checked |= made


def _mark_fault(domain: Domain, segments: Sequence[_Segment], source: random.Random) -> None:
    """Draw the call that fails at its first try (mode `tool_error`) among those that are new to the dialogue."""
    earlier: list[TaskTurn] = []
    for segment in segments:
        for number, turn in enumerate(segment.turns):
            if turn.mode == "tool_error":
                fault = source.choice(new_calls(domain, earlier, turn))
                turn = segment.turns[number] = turn.model_copy(update={"fault": fault})
            earlier.append(turn)


def _assemble(
    domain: Domain,
    segments: Sequence[_Segment],
    mode: Mode,
    withheld: tuple[str, ...],
    source: random.Random,
    seed: int,
) -> Task:
    turns = tuple(turn.model_copy(update={"segment": number}) for number, s in enumerate(segments) for turn in s.turns)
    lead = next((s.template for s in segments if s.template), None)
    used = tuple(s.template.id for s in segments if s.template)
    content = {
        "domain": domain.digest,
        "templates": used,
        "turns": [{"mode": t.mode, "slots": t.slots, "chain": len(t.chain), "fault": t.fault} for t in turns],
        "withheld": withheld,
    }
    return Task(
        id=digest(content),
        domain=domain.id,
        template=lead.id if lead else f"question:{turns[0].slots['question']}",
        templates=used,
        variant=lead.variant if lead else None,
        modes=tuple(turn.mode for turn in turns),
        goal="\n\n".join(segment.goal() for segment in segments),
        slots=dict(turns[0].slots),
        turns=turns,
        tools=_offered(domain, turns, mode, withheld, source),
        withheld_tools=withheld,
        hidden_tests=next((s.template.hidden_tests for s in segments if s.template and s.template.hidden_tests), None),
        state_ignore=domain.state_ignore,
        difficulty=difficulty(turns),
        seed=seed,
    )


def _offered(
    domain: Domain, turns: Sequence[TaskTurn], mode: Mode, withheld: Sequence[str], source: random.Random
) -> tuple[Tool, ...]:
    """Return the tools that the teacher sees: only the needed ones (single), all with distractors
    (distractors), else the needed ones and a drawn number of others, in the order of the domain."""
    needed = {step.call for turn in turns for step in turn.chain}
    if mode == "single":
        return tuple(tool for tool in domain.tools if tool.name in needed)
    if mode == "distractors":
        return tuple(source.sample(domain.tools, len(domain.tools)))
    others = [t.name for t in domain.tools if not t.distractor and t.name not in needed and t.name not in withheld]
    least = min(3, len(others))
    chosen = needed | set(source.sample(others, source.randint(least, len(others))))
    return tuple(tool for tool in domain.tools if tool.name in chosen)


def difficulty(turns: Sequence[TaskTurn]) -> float:
    """Return calls + half the distinct tools + dependencies + half of each further user turn + one for a
    turn in which something is missing or fails."""
    steps = sum(len(turn.chain) for turn in turns)
    tools = len({step.call for turn in turns for step in turn.chain})
    uses = 0
    saved: dict[int, set[str]] = {}
    for turn in turns:
        known = saved.setdefault(turn.segment, set())
        known |= {step.save for step in turn.known if step.save}
        for step in turn.chain:
            uses += len(templates.names_below(step.arguments) & known)
            if step.save:
                known.add(step.save)
    hard = sum(turn.mode in ("missing_parameter", "missing_function", "tool_error") for turn in turns)
    return steps + tools / 2 + uses + (len(turns) - 1) / 2 + hard


def wording(task: Task) -> str:
    """Return a hash of the task and what the user says: two tasks with the same one are duplicates."""
    return digest([task.id, [turn.say for turn in task.turns], sorted(tool.name for tool in task.tools)])
