"""A dialogue tells and checks once who is speaking, and its later requests still prove, everywhere alike."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from engine.dialogue.facts import normal
from engine.domains import catalog, pack_files
from engine.domains.sources import sources_of
from engine.domains.templates import names_below
from engine.errors import InputErrors
from engine.planning.tasks import Rejected, sample
from engine.protocols import SandboxPool
from engine.rolling.parts import environment_of
from engine.rolling.prove import prove
from engine.serving.choice import open_pool
from engine.settings import CATALOG
from engine.types import MODES, Domain, Mode, Proof, Task

PACKS = {name: catalog.load(CATALOG / name) for name in ("retail", "clinic")}
DETAILS = {"retail": ("email", "postcode"), "clinic": ("name", "dob", "born")}


def _tasks(pack: str, mode: Mode, seeds: range) -> Iterator[Task]:
    for seed in seeds:
        try:
            yield sample(PACKS[pack], mode=mode, turns=3, seed=seed)
        except Rejected:
            continue


def _people(task: Task, domain: Domain) -> list[tuple[int, str]]:
    """Return (turn, arguments) of each reference call that checks an identity."""
    return [
        (number, json.dumps({key: turn.slots[str(value).strip("{ }")] for key, value in step.arguments.items()}))
        for number, turn in enumerate(task.turns)
        for step in turn.chain
        if step.call in domain.identity
    ]


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("mode", MODES)
def test_nobody_is_checked_or_introduced_twice(pack: str, mode: Mode) -> None:
    later = 0
    for task in _tasks(pack, mode, range(12)):
        checked = _people(task, PACKS[pack])
        assert len({who for _, who in checked}) == len(checked), task.templates
        for turn in (turn for turn in task.turns if turn.known):
            later += 1
            told = [str(turn.slots[name]) for name in DETAILS[pack] if name in turn.slots]
            assert not [value for value in told if normal(value) in normal(turn.say)], turn.say
            assert turn.say.strip(" ,.;:/-") == turn.say.rstrip("."), turn.say
    assert later, "no dialogue has a request by somebody who is known"


@pytest.mark.parametrize("pack", PACKS)
def test_one_request_introduces_the_person_in_full(pack: str) -> None:
    for task in _tasks(pack, "multiple", range(20)):
        first = next((turn for turn in task.turns if any(s.call in PACKS[pack].identity for s in turn.chain)), None)
        if first is not None:
            told = [name for name in DETAILS[pack] if str(first.slots[name]) in first.say]
            assert len(told) >= 2, first.say


def test_who_was_told_but_not_checked_is_checked_later_without_being_told_again() -> None:
    found = 0
    for task in _tasks("clinic", "missing_function", range(80)):
        first, *others = task.turns
        told = first.mode == "missing_function" and any(str(first.slots.get(d)) in first.say for d in ("dob", "born"))
        if told:
            checking = [turn for turn in others if any(step.call == "verify_patient" for step in turn.chain)]
            for turn in (turn for turn in checking if turn.slots["patient_id"] == first.slots["patient_id"]):
                assert turn.slots["born"] not in turn.say, turn.say
                assert turn.slots["dob"] not in turn.say, turn.say
                found += 1
    assert found


def test_what_belongs_to_an_identity_is_missing_only_before_it_was_told() -> None:
    places = set()
    for pack, slot in (("clinic", "dob"), ("retail", "postcode")):
        for task in _tasks(pack, "missing_parameter", range(60)):
            place = task.modes.index("missing_parameter")
            turn = task.turns[place]
            if turn.hidden is not None and str(turn.slots.get(slot)) in turn.hidden and place:
                earlier = [other for other in task.turns[:place] if other.segment != turn.segment]
                assert not any(step.call in PACKS[pack].identity for t in earlier for step in t.chain), task.goal
            places.add(place)
    assert len(places) > 1, "a request with a missing value stands at any place"


@pytest.mark.parametrize("pack", PACKS)
def test_a_dependent_request_depends_on_a_result_of_its_own(pack: str) -> None:
    for task in _tasks(pack, "dependent", range(40)):
        turn = task.turns[task.modes.index("dependent")]
        saved = {step.save for step in turn.chain} - {None}
        assert any(names_below(step.arguments) & saved for step in turn.chain), task.templates


def test_a_goal_tells_who_somebody_is_once() -> None:
    goals = [task.goal for task in _tasks("clinic", "multiple", range(20)) if any(turn.known for turn in task.turns)]
    assert any(goal.count("born on") == 1 for goal in goals)


@pytest.mark.parametrize("pack", PACKS)
def test_the_same_seed_gives_the_same_dialogue(pack: str) -> None:
    assert list(_tasks(pack, "tool_error", range(8))) == list(_tasks(pack, "tool_error", range(8)))


# ---------------------------------------------------------------- proofs


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local")
    yield opened
    await opened.aclose()


async def _proof(task: Task, domain: Domain, pool: SandboxPool) -> Proof:
    async with pool.lease(environment_of(domain, task.variant, commands=False)) as sandbox:
        return await prove(task, domain, sandbox, sources_of(domain))


async def test_a_known_person_is_known_as_they_are_by_then(pool: SandboxPool) -> None:
    clinic, seen = PACKS["clinic"], 0
    for seed in range(60):
        task = sample(clinic, mode="multiple", turns=3, seed=seed, only=["new_insurance", "book_primary"])
        if task.templates == ("new_insurance", "book_primary"):
            proof = await _proof(task, clinic, pool)
            assert proof.reason is None, proof.detail
            made = [entry.call for turn in proof.turns for group in turn.calls for entry in group]
            assert [call.name for call in made].count("verify_patient") == 1
            plans = {c.arguments["plan_id"] for c in made if c.name in ("update_insurance", "check_coverage")}
            assert len(plans) == 1
            seen += made[-1].name == "check_coverage"  # the copay of the booked visit, on the new plan
        if seen == 2:
            return
    pytest.fail("no such dialogue was drawn")


@pytest.mark.docker
async def test_known_people_prove_alike_in_both_sandboxes(pool: SandboxPool) -> None:
    docker = await open_pool("docker")
    try:
        for pack in PACKS:
            tasks = [task for task in _tasks(pack, "distractors", range(8)) if any(t.known for t in task.turns)][:3]
            assert tasks
            for task in tasks:
                here, there = await _proof(task, PACKS[pack], pool), await _proof(task, PACKS[pack], docker)
                assert here.reason is None, here.detail
                assert here == there
    finally:
        await docker.aclose()


def test_a_tool_that_checks_identities_must_exist() -> None:
    files = pack_files.read_folder(CATALOG / "clinic")
    files["domain.yaml"] = files["domain.yaml"].replace(b"identity: [verify_patient]", b"identity: [verify_pupil]")
    with pytest.raises(InputErrors) as refused:
        catalog.parse(files)
    assert "verify_pupil" in str(refused.value)
