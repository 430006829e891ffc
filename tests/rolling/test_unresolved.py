"""The task that is left when requests at the end are cut: its goal holds what the others want, and nothing else."""

from __future__ import annotations

from collections import Counter

import pytest
import yaml

from engine.domains import catalog, pack_files
from engine.planning.tasks import Rejected, sample
from engine.rolling.unresolved import rest_of
from engine.settings import CATALOG
from engine.types import Task
from tests.samples.packs import LEDGER

PACKS = {domain.id: domain for domain in map(catalog.parse, pack_files.shipped(CATALOG))}
MODES = ("multiple", "no_tool", "missing_parameter")


def tasks(pack: str) -> list[Task]:
    found = []
    for seed in range(8):
        for mode in MODES:
            for turns in (2, 3):
                try:
                    found.append(sample(PACKS[pack], mode=mode, turns=turns, seed=seed))
                except Rejected:
                    continue
    return found


@pytest.mark.parametrize("pack", list(PACKS))
def test_the_goal_of_the_rest_is_the_beginning_of_the_whole_goal(pack: str) -> None:
    domain, seen = PACKS[pack], Counter[bool]()
    for task in tasks(pack):
        for requests in range(1, len(task.turns)):
            rest = rest_of(task, domain, requests)
            seen[rest is not None] += 1
            if rest is None:
                continue
            assert task.goal.startswith(rest.goal.rstrip("."))
            assert len(rest.goal) < len(task.goal)
            assert (rest.id, rest.turns, rest.modes) == (task.id, task.turns[:requests], task.modes[:requests])
            assert rest.templates == task.templates[: len(rest.templates)]
            assert rest.difficulty < task.difficulty
            parts = {turn.segment for turn in rest.turns}
            assert len(rest.goal.split("\n\n")) == len(parts)
            assert rest.template in (*rest.templates, f"question:{rest.slots.get('question')}")
    assert seen[True] > 20, seen
    assert seen[False] <= 0.1 * seen.total(), seen


def test_a_goal_of_the_whole_template_cannot_be_told_apart() -> None:
    domain = catalog.parse(pack_files.read_folder(LEDGER))
    task = sample(domain, mode="multiple", turns=2, seed=0, only=("move",))
    assert rest_of(task, domain, 1) is None


def test_the_rest_asks_nothing_about_a_request_that_was_cut() -> None:
    files = pack_files.read_folder(LEDGER)
    template = yaml.safe_load(files["templates/move.yaml"])
    template["turns"] = [turn | {"goal": f"Request {number}."} for number, turn in enumerate(template["turns"], 1)]
    template["rubric"] = {
        "success": [{"id": f"met_{number}", "question": "Met?", "request": number} for number in (1, 2)]
    }
    domain = catalog.parse(files | {"templates/move.yaml": yaml.safe_dump(template).encode()})
    task = sample(domain, mode="multiple", turns=2, seed=0, only=("move",))
    rest = rest_of(task, domain, 1)
    assert rest is not None
    asked = [[one.id for rubric in made.rubrics for one in rubric.criteria] for made in (task, rest)]
    assert asked == [["move.success.met_1", "move.success.met_2"], ["move.success.met_1"]]
