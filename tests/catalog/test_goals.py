"""The goals of every shipped pack: one for each request, and a task holds those of its own requests only."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath

import pytest

from engine.dialogue.withheld import holds, withheld
from engine.domains import catalog, pack_files, templates
from engine.planning.goals import by_request, warning
from engine.planning.tasks import Rejected, modes_of, sample
from engine.settings import CATALOG, ROOT
from engine.types import MODES, Domain, Task, TaskTemplate, TaskTurn, TemplateTurn

PACKS = {domain.id: domain for domain in map(catalog.parse, pack_files.shipped(CATALOG))}
IDENTITY = {"retail": "{email}, postcode {postcode}", "clinic": "You are {name}, born on {born}"}
"""How a goal of a pack says who is speaking."""
SEEDS = range(2)
Turns = tuple[TemplateTurn, ...]


def _tasks(domain: Domain, template: TaskTemplate) -> tuple[Task, ...]:
    return _drawn(domain.id, template.id)


@cache
def _drawn(pack: str, id: str) -> tuple[Task, ...]:
    return tuple(_draw(PACKS[pack], next(one for one in PACKS[pack].templates if one.id == id)))


def _draw(domain: Domain, template: TaskTemplate) -> Iterator[Task]:
    """Give tasks of one template in every mode it serves, with fewer and more requests than it has."""
    for mode, turns, seed in itertools.product(modes_of(domain, template), range(1, 5), SEEDS):
        others = [one.id for one in domain.templates if one.hidden_tests is None]
        only = [template.id] if turns <= len(template.turns) and mode != "missing_function" else [template.id, *others]
        try:
            task = sample(domain, mode=mode, turns=turns, seed=seed, only=only)
        except Rejected:
            continue
        if template.id in task.templates:
            yield task


def _used(turns: Turns) -> frozenset[str]:
    """Return the slots that requests tell, or that their person has to know for them."""
    held = [turn.withhold for turn in turns if turn.withhold]
    told = [[*turn.say, turn.goal or "", *(step.arguments for step in turn.chain)] for turn in turns]
    return templates.names_below([*told, *([*one.say, *one.reveal] for one in held)])


CASES = [pytest.param(d, t, id=f"{d.id}-{t.id}") for d in PACKS.values() for t in d.templates]


def test_every_request_of_a_longer_template_has_a_goal_of_its_own() -> None:
    several = [template for domain in PACKS.values() for template in domain.templates if len(template.turns) > 1]
    assert len(several) >= 40
    assert [template.id for template in several if not by_request(template)] == []


def test_no_shipped_pack_nor_the_start_of_a_new_one_is_warned_about() -> None:
    packs = [*PACKS.values(), catalog.load(ROOT / "assets" / "new_domain")]
    assert [told for pack in packs for template in pack.templates if (told := warning(template))] == []


@pytest.mark.parametrize(("domain", "template"), CASES)
def test_a_goal_holds_nothing_of_a_request_that_was_not_drawn(domain: Domain, template: TaskTemplate) -> None:
    for task in _tasks(domain, template):
        parts = [(_cut(id, len(turns)), turns[0].slots) for id, turns in _segments(domain, task)]
        told = [turn.say for turn in task.turns]  # whatever is asked, of this template or another one
        told += [str(slots[name]) for (drawn, _), slots in parts for name in _used(drawn) & slots.keys()]
        for (drawn, undrawn), slots in parts:
            only = (_used(undrawn) - _used(drawn)) & slots.keys()
            values = [str(slots[name]) for name in only if slots[name] not in (None, "")]
            wide = [value for value in values if holds(task.goal, value) and not holds(" \n ".join(told), value)]
            assert not wide, (task.modes, task.goal)
            for turn in undrawn:
                assert templates.render_text(turn.goal or "", templates.SPEAKER_NOT_KNOWN | slots) not in task.goal


def _cut(template: TaskTemplate, number: int) -> tuple[Turns, Turns]:
    """Return the requests of a template that a dialogue has, and those it does not come to."""
    return template.turns[:number], template.turns[number:]


def _segments(domain: Domain, task: Task) -> list[tuple[TaskTemplate, list[TaskTurn]]]:
    """Return each template of a task with its turns; a policy question has no template."""
    known = {template.id: template for template in domain.templates}
    turns = [turn for turn in task.turns if "question" not in turn.slots]
    groups = [list(group) for _, group in itertools.groupby(turns, key=lambda turn: turn.segment)]
    return [(known[id], group) for id, group in zip(task.templates, groups, strict=True)]


@pytest.mark.parametrize(("domain", "template"), CASES)
def test_a_goal_knows_what_its_requests_tell(domain: Domain, template: TaskTemplate) -> None:
    """What somebody holds back until asked (mode `missing_parameter`) they know from their goal."""
    for task in _tasks(domain, template):
        openly = " \n ".join(turn.say for turn in task.turns)
        for turn in task.turns:
            values = withheld(turn, openly)
            known = [form for value in values for form in _writings(value, turn.slots) if holds(task.goal, form)]
            assert known or not values, (values, task.goal)


def _writings(value: str, slots: Mapping[str, object]) -> list[str]:
    """Return the ways in which a goal may write a value: as it is, a path by its name, a date in words."""
    dates = [str(slots[name.replace("dob", "born")]) for name in slots if "dob" in name and slots[name] == value]
    return [value, PurePosixPath(value).name, *dates]


@pytest.mark.parametrize(("domain", "template"), CASES)
def test_a_goal_says_once_who_is_speaking(domain: Domain, template: TaskTemplate) -> None:
    shape = IDENTITY.get(domain.id)
    if shape is None:
        return
    for task in _tasks(domain, template):
        for slots in (turn.slots for turn in task.turns):
            if all(name in slots for name in re.findall(r"\{(\w+)\}", shape)):
                assert task.goal.count(shape.format(**slots)) <= 1, task.goal


@pytest.mark.parametrize(("domain", "template"), CASES)
def test_a_goal_reads_as_sentences(domain: Domain, template: TaskTemplate) -> None:
    for task in _tasks(domain, template):
        for paragraph in task.goal.split("\n\n"):
            assert "  " not in paragraph
            assert " ." not in paragraph
            assert paragraph.rstrip('"')[-1] in ".?!" or "question" in task.turns[0].slots or "no_tool" in task.modes
            assert "{" not in paragraph


def test_no_goal_ends_a_talk_that_may_go_on() -> None:
    """A dialogue takes further requests of the same or another template."""
    ends = re.compile(
        r"\bleave once\b|\bend the (chat|talk)\b|\bnothing (else|more)\b|for anything else\b", re.IGNORECASE
    )
    goals = [
        (template.id, goal)
        for domain in PACKS.values()
        for template in domain.templates
        for goal in (template.goal, *(turn.goal or "" for turn in template.turns))
    ]
    assert [id for id, goal in goals if ends.search(goal)] == []


def test_every_mode_of_every_pack_is_among_these_tasks() -> None:
    found = {m for d in PACKS.values() for t in d.templates[:12] for task in _tasks(d, t) for m in task.modes}
    assert found == set(MODES)
