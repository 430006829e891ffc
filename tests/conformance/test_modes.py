"""What every mode promises: tasks that a seed repeats, tools that its reference needs, and a demand that the reference
meets. A file that is dropped into engine/modes is taken in here by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import lru_cache

import pytest
import pytest_asyncio

from engine import modes, plugins, settings
from engine.dialogue.requests import spans
from engine.domains import catalog
from engine.planning import tasks
from engine.protocols import SandboxPool
from engine.rolling.rollout import rollout
from engine.serving.choice import open_pool
from engine.serving.desk import PLAIN
from engine.types import MODES, USUAL_MODE, Domain, Finding, Task, Trajectory
from tests.engines import wired
from tests.samples.batches import batch_of, spec_of
from tests.samples.packs import LEDGER

SEEDS = range(8)


@lru_cache
def shipped() -> tuple[Domain, ...]:
    """Return the ledger of the tests, which is the smallest, and the packs of the catalog."""
    found = sorted(path.parent for path in settings.CATALOG.glob("*/domain.yaml"))
    return tuple(catalog.load(folder) for folder in (LEDGER, *found))


def serving(name: str) -> Domain:
    """Return the first domain with a template that serves the mode."""
    found = next((d for d in shipped() if any(tasks.serves(d, template, name) for template in d.templates)), None)
    assert found is not None, f"no shipped template serves {name}"
    return found


def drawn(name: str, turns: int = 1) -> Iterator[Task]:
    """Yield a task of the mode for each seed that has one."""
    domain = serving(name)
    for seed in SEEDS:
        try:
            yield tasks.sample(domain, mode=name, turns=turns, seed=seed)
        except tasks.Rejected as refused:
            if refused.reason not in ("no_slot_rows", "ambiguous_slot"):
                raise


def place_of(task: Task, name: str) -> int:
    """Return the number of the request that has the mode; with the usual one each has it."""
    places = [number for number, mode in enumerate(task.modes) if mode == name]
    assert len(places) == (len(task.modes) if name == USUAL_MODE else 1), task.modes
    assert set(task.modes) <= {name, USUAL_MODE}
    return places[0]


@pytest.mark.parametrize("name", modes.names())
def test_it_says_in_a_label_and_a_sentence_what_it_is(name: str) -> None:
    label, told = plugins.label("modes", name), modes.named(name).help
    assert label not in ("", name)
    assert len(label) <= 30
    assert told.endswith(".")
    assert 20 < len(told) <= 120
    others = set(modes.names()) - {name}
    assert label not in {plugins.label("modes", other) for other in others}, "tables have a column for each label"


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("name", modes.names())
def test_a_seed_gives_the_same_task_and_other_seeds_others(name: str, turns: int) -> None:
    first, second = list(drawn(name, turns)), list(drawn(name, turns))
    assert first == second
    assert len({tasks.wording(task) for task in first}) > 1
    assert all(len(task.turns) == turns for task in first)


@pytest.mark.parametrize("turns", [1, 3])
@pytest.mark.parametrize("name", modes.names())
def test_the_reference_has_the_tools_that_it_calls(name: str, turns: int) -> None:
    known = {tool.name for tool in serving(name).tools}
    for task in drawn(name, turns):
        place = place_of(task, name)
        offered = {tool.name for tool in task.tools}
        assert {step.call for turn in task.turns for step in turn.chain} <= offered <= known
        assert not offered & set(task.withheld_tools)
        asked = task.turns[place]
        assert len(asked.groups) == len(asked.chain)
        assert asked.fault is None or asked.fault in range(len(asked.chain))


@pytest.mark.parametrize("name", modes.names())
def test_only_one_request_is_of_a_template_that_is_short(name: str) -> None:
    mode = modes.named(name)
    for task in drawn(name, 3):
        segment = task.turns[place_of(task, name)].segment
        length = sum(turn.segment == segment for turn in task.turns)
        assert length == 1 or not mode.short
        if task.template.startswith("question:"):
            assert mode.short


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local")
    yield opened
    await opened.aclose()


async def played(name: str, turns: int, pool: SandboxPool) -> Trajectory:
    """Return the reference's own dialogue over a task of the mode, from a real sandbox."""
    domain, task = serving(name), next(drawn(name, turns))
    spec = spec_of(domain, PLAIN, task, name, id=f"{name}-{turns}")
    return await rollout(spec, wired(batch_of(domain), domain, pool))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("name", modes.names())
async def test_the_references_own_dialogue_is_kept_and_shows_what_is_demanded(
    name: str, turns: int, pool: SandboxPool
) -> None:
    found = await played(name, turns, pool)
    assert (found.status, found.outcome) == ("kept", "success"), (found.detail, found.scores)
    assert found.task is not None
    number = place_of(found.task, name)
    shown = modes.named(name).finding(found, number, spans(found)[number])
    assert shown == modes.named(name).finding(found, number, spans(found)[number])
    assert shown is None or (shown.met is True and shown.reason.endswith(".")), shown


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", modes.names())
async def test_a_dialogue_that_broke_off_is_judged_all_the_same(name: str, pool: SandboxPool) -> None:
    whole = await played(name, 2, pool)
    assert whole.task is not None
    number = place_of(whole.task, name)
    for end in range(whole.begun[number] + 1, len(whole.turns)):
        cut = whole.model_copy(update={"turns": whole.turns[:end], "begun": whole.begun[: number + 1]})
        for known in (cut, cut.model_copy(update={"proof": None})):
            shown = modes.named(name).finding(known, number, spans(known)[number])
            assert shown is None or isinstance(shown, Finding)
            assert shown is None or all(0 <= place < end for place in shown.evidence)


def test_the_nine_of_plans_1_and_2_are_there_and_come_first() -> None:
    assert modes.names()[: len(MODES)] == MODES
    assert list(modes.names()[len(MODES) :]) == sorted(set(modes.names()) - set(MODES))
