"""Makes a Task of templates: draws slots, applies a mode, composes a dialogue. Pure; the proof is in rolling/prove.py.

    sample(domain, mode="dependent", turns=2, seed=7)  -> Task
    raises Rejected(reason, detail) when there is no such task

A dialogue of n user turns takes turns of one template and then of further templates that agree with it on the domain's
`link` slots and differ on its `exclusive` ones. The mode transforms the first turn of the first template
(engine/modes); all other turns have the usual mode. The place of that template in the dialogue is drawn too, but it
comes first when an earlier turn would give the value that it withholds, or make the calls that its mode is about.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from engine import modes, protocols
from engine.dialogue.identity import Check, checks, withholds_known, without_checks, without_introduction
from engine.dialogue.withheld import tells
from engine.domains import templates
from engine.domains.slots import as_slots, tables_of
from engine.errors import TurnwrightError
from engine.planning.goals import goal_of
from engine.planning.task_rubrics import rubrics_of
from engine.types import (
    USUAL_MODE,
    Domain,
    Mode,
    RejectReason,
    Task,
    TaskTemplate,
    TaskTurn,
    TemplateTurn,
    digest,
)


class Rejected(TurnwrightError):
    """No such task exists; `reason` is the code that the funnel counts, `detail` a sentence."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


@dataclass
class _Segment:
    """Turns of one template with its drawn slots; without a template, a question on the policy."""

    template: TaskTemplate | None
    slots: dict[str, Any] = field(default_factory=dict)
    turns: list[TaskTurn] = field(default_factory=list)
    known: set[int] = field(default_factory=set)
    """Indexes of the turns before which an earlier request said who is speaking."""

    def goal(self) -> str:
        """Return what the person wants in these turns."""
        if self.template is None:
            return self.turns[0].say
        return goal_of(self.template, len(self.turns), self.slots, self.known)

    def checks(self, domain: Domain) -> list[dict[int, Check]]:
        """Return, for each turn, {index in the chain: check} of the calls that check who is speaking."""
        plain = self.template.turns if self.template else ()
        return [checks(domain, turn, self.slots) for turn in plain[: len(self.turns)]]


@dataclass
class _Draft:
    """A dialogue that is being composed. The first turn of `lead` has the mode; `rules` is the mode's plug-in, `first`
    the template that was drawn for it, and `withheld` the tools that are not offered."""

    domain: Domain
    rules: protocols.Mode
    first: TaskTemplate
    lead: _Segment
    rng: random.Random
    withheld: tuple[str, ...] = ()
    segments: list[_Segment] = field(init=False)

    def __post_init__(self) -> None:
        self.segments = [self.lead]

    @property
    def before(self) -> list[_Segment]:
        """The segments before the lead."""
        return list(takewhile(lambda segment: segment is not self.lead, self.segments))

    @property
    def earlier(self) -> list[TaskTurn]:
        """The turns before the one with the mode."""
        return [turn for segment in self.before for turn in segment.turns]


# ---------------------------------------------------------------- which template serves which mode


def serves(domain: Domain, template: TaskTemplate, mode: Mode) -> bool:
    """Return whether the mode can transform the template's first turn."""
    return (not template.modes or mode in template.modes) and modes.named(mode).serves(domain, template)


def modes_of(domain: Domain, template: TaskTemplate) -> tuple[Mode, ...]:
    """Return the modes that a template serves, in the order in which modes are shown."""
    return tuple(mode for mode in modes.names() if serves(domain, template, mode))


# ---------------------------------------------------------------- sampling


def sample(domain: Domain, *, mode: Mode, turns: int = 1, seed: int = 0, only: Sequence[str] = ()) -> Task:
    """Return one concrete task. `only` restricts the templates by id. Raises Rejected, or InputError for a wrong query
    or text of a template and for a mode that does not exist."""
    rng = random.Random(f"task:{domain.digest}:{mode}:{turns}:{seed}")
    fitting = [t for t in domain.templates if (not only or t.id in only) and serves(domain, t, mode)]
    if not fitting:
        raise Rejected("mode_not_applicable", f"no template of {domain.id} serves mode {mode}.")
    draft = _begun(domain, rng.choice(fitting), mode, turns, rng)
    _extend(draft, turns, only)
    _introduce_once(domain, draft.segments)
    _mark_fault(draft)
    return _assemble(draft, seed)


def _begun(domain: Domain, first: TaskTemplate, mode: Mode, turns: int, rng: random.Random) -> _Draft:
    """Return a draft with the turns of its first template, the first of them under the mode."""
    rules = modes.named(mode)
    asked = rules.question(domain, rng)
    if asked is not None:
        return _Draft(domain, rules, first, _Segment(None, asked.slots, [asked]), rng)
    lead, turn = _draw(domain, first, [], rng), first.turns[0]
    lead.turns.append(rules.drawn(domain, turn, _turn(turn, lead.slots, rng, mode), rng))
    lead.turns += [_turn(later, lead.slots, rng) for later in first.turns[1 : 1 if rules.short else turns]]
    return _Draft(domain, rules, first, lead, rng, rules.withheld(domain, turn))


def _draw(domain: Domain, template: TaskTemplate, others: Sequence[_Segment], rng: random.Random) -> _Segment:
    """Return a segment of a template with drawn slots that agree with the other segments. Raises Rejected."""
    tables = tables_of(domain, template.variant)
    slots: dict[str, Any] = {}
    for query in template.slots:
        rows = tables.rows(query.query, slots)
        rows = [row for row in rows if _agrees(domain, row, others)] if others else rows
        if not rows:
            raise Rejected("no_slot_rows", f"template {template.id}: no row of the workspace fits its slots.")
        slots |= as_slots(query.query, rng.choice(rows))
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


def _turn(turn: TemplateTurn, slots: dict[str, Any], rng: random.Random, mode: Mode = USUAL_MODE) -> TaskTurn:
    return TaskTurn(
        mode=mode,
        say=templates.render_text(rng.choice(turn.say), templates.SPEAKER_NOT_KNOWN | slots),
        slots=slots,
        user_chain=turn.user_chain,
        chain=turn.chain,
        groups=tuple(range(len(turn.chain))),
        answer=rng.choice(turn.answer),
        facts=turn.facts,
    )


def _extend(draft: _Draft, turns: int, only: Sequence[str]) -> None:
    """Add templates until the dialogue has `turns` user turns, then draw the order of the segments."""
    domain, first, segments, rng = draft.domain, draft.first, draft.segments, draft.rng

    def fits(template: TaskTemplate) -> bool:
        return (
            template.variant == first.variant
            and template.hidden_tests is None
            and (not only or template.id in only)
            and not any(step.call in draft.withheld for turn in template.turns for step in turn.chain)
        )

    others = [t for t in domain.templates if t.id != first.id and fits(t)]
    rng.shuffle(others)
    while (missing := turns - sum(len(s.turns) for s in segments)) > 0 and others:
        template = others.pop()
        try:
            segment = _draw(domain, template, segments, rng)
        except Rejected:
            continue
        segment.turns = [_turn(turn, segment.slots, rng) for turn in template.turns[:missing]]
        segments.append(segment)
    if sum(len(s.turns) for s in segments) < turns:
        raise Rejected("no_slot_rows", f"{domain.id}: no dialogue of {turns} turns fits template {first.id}.")
    rng.shuffle(segments)
    asked, earlier = draft.lead.turns[0], draft.earlier
    given = tells(asked, "\n".join(turn.say for turn in earlier))  # then the request would withhold nothing
    if asked.hidden is not None:
        known = {check for segment in draft.before for found in segment.checks(domain) for check in found.values()}
        given = given or withholds_known(domain, first.turns[0], draft.lead.slots, known)
    if given or not draft.rules.exercised(domain, earlier, asked):
        segments.sort(key=lambda segment: segment is not draft.lead)


def _introduce_once(domain: Domain, segments: Sequence[_Segment]) -> None:
    """Remove from later requests of a person the introduction and the identity check."""
    known: set[Check] = set()
    checked: set[Check] = set()
    for segment in segments:
        for number, found in enumerate(segment.checks(domain)):
            turn = segment.turns[number]
            assert segment.template is not None
            made = {check for place, check in found.items() if place < len(turn.chain)}
            if found and found[min(found)] in known:
                segment.known.add(number)
                turn = without_introduction(turn, segment.template.turns[number])
            segment.turns[number] = without_checks(turn, {place for place, check in found.items() if check in checked})
            known |= set(found.values())
            checked |= made


def _mark_fault(draft: _Draft) -> None:
    """Set the call that fails at its first try, as the mode chooses."""
    asked = draft.lead.turns[0]
    fault = draft.rules.fault(draft.domain, draft.earlier, asked, draft.rng)
    if fault is not None:
        draft.lead.turns[0] = asked.model_copy(update={"fault": fault})


def _assemble(draft: _Draft, seed: int) -> Task:
    domain, segments, withheld = draft.domain, draft.segments, draft.withheld
    turns = tuple(turn.model_copy(update={"segment": number}) for number, s in enumerate(segments) for turn in s.turns)
    lead = next((s.template for s in segments if s.template), None)
    used = tuple(s.template.id for s in segments if s.template)
    content = {
        "domain": domain.digest,
        "templates": used,
        "turns": [{"mode": t.mode, "slots": t.slots, "chain": len(t.chain), "fault": t.fault} for t in turns],
        "withheld": withheld,
    }
    needed = {step.call for turn in turns for step in turn.chain}
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
        tools=draft.rules.offered(domain, needed, withheld, draft.rng),
        withheld_tools=withheld,
        hidden_tests=next((s.template.hidden_tests for s in segments if s.template and s.template.hidden_tests), None),
        state_ignore=domain.state_ignore,
        difficulty=difficulty(turns),
        seed=seed,
        rubrics=rubrics_of(domain, [(segment.template, segment.turns) for segment in segments]),
    )


def difficulty(turns: Sequence[TaskTurn]) -> float:
    """Return the number of calls + half the number of distinct tools + the number of used results + half of each
    further user turn + one for each turn whose mode is hard."""
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
    hard = sum(modes.named(turn.mode).hard for turn in turns)
    return steps + tools / 2 + uses + (len(turns) - 1) / 2 + hard


def wording(task: Task) -> str:
    """Return a hash of the task, its user messages and offered tools: two tasks with equal hashes are duplicates."""
    return digest([task.id, [turn.say for turn in task.turns], sorted(tool.name for tool in task.tools)])
