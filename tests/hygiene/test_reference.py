"""What the reference teacher and the reference user say, over all shipped packs, raises no alarm."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from engine.domains import catalog, pack_files
from engine.domains.sources import sources_of
from engine.hygiene.check import Context, check
from engine.hygiene.findings import Role
from engine.hygiene.thoughts import split
from engine.planning.tasks import Rejected, modes_of, sample
from engine.protocols import SandboxPool
from engine.rolling.parts import environment_of
from engine.rolling.prove import prove
from engine.serving.choice import open_pool
from engine.settings import CATALOG, PERSONAS
from engine.teachers.reference import FAREWELL
from engine.types import Domain, Proof, Task, Turn
from engine.users.reference import CONFIRMATION, UNKNOWN, Config, ReferenceUser

PACKS = {domain.id: domain for domain in map(catalog.parse, pack_files.shipped(CATALOG))}
COMMANDS = frozenset({"code_repair"})
"""Packs whose tools run commands: each proof needs a sandbox of its own and runs all tests, so few tasks are proven. Of
the others the answers are read as far as they are written out in the template."""
PEOPLE = catalog.load_personas(PERSONAS)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local", allow_commands=True)
    yield opened
    await opened.aclose()


def _tasks(domain: Domain) -> Iterator[tuple[Task, bool]]:
    """Yield a task of each template in each of its modes, and whether it is to be proven."""
    for number, template in enumerate(domain.templates):
        for place, mode in enumerate(modes_of(domain, template)):
            for seed in range(3):
                try:
                    task = sample(domain, mode=mode, turns=len(template.turns), seed=seed, only=[template.id])
                except Rejected:
                    continue
                yield task, domain.id not in COMMANDS or (place == 0 and number % 7 == 0)
                break


def _written_out(domain: Domain) -> set[tuple[Role, str]]:
    answers = [text for template in domain.templates for turn in template.turns for text in turn.answer]
    return {("assistant", text) for text in answers if "{" not in text}


async def _first_messages(task: Task, proof: Proof, number: int) -> list[str]:
    """Return what some personas open the talk with; others for each number."""
    said = []
    for seed in range(3 * number, 3 * number + 3):
        persona = PEOPLE[seed % len(PEOPLE)]
        user = ReferenceUser(Config(), llm=None, task=task, proof=proof, persona=persona, seed=seed)
        message = await user.reply([Turn(role="system", content="")])
        said += [message.turn.content] if message else []
    return said


@pytest.mark.parametrize("name", sorted(PACKS))
async def test_the_reference_is_never_flagged(name: str, pool: SandboxPool) -> None:
    domain, said, tasks = PACKS[name], set[tuple[Role, str]](), 0
    for task, proven in _tasks(domain):
        tasks += 1
        said |= {("user", text) for turn in task.turns for text in (turn.say, turn.hidden) if text}
        said |= {("assistant", turn.ask) for turn in task.turns if turn.ask}
        if not proven:
            continue
        async with pool.lease(environment_of(domain, task.variant, commands=name in COMMANDS)) as sandbox:
            proof = await prove(task, domain, sandbox, sources_of(domain))
        said |= {("assistant", turn.answer) for turn in proof.turns}
        said |= {("user", text) for text in await _first_messages(task, proof, tasks)}
    said |= {("assistant", text) for question in domain.questions for text in question.answer}
    said |= {("user", text) for question in domain.questions for text in question.say}
    said |= {("assistant", FAREWELL), ("user", CONFIRMATION), ("user", UNKNOWN)}
    said |= _written_out(domain)
    assert tasks >= len(domain.templates)
    tools = frozenset(tool.name for tool in domain.tools)
    flagged = {
        (role, text): found
        for role, text in said
        if text != ""
        and (found := check(text, Context(role, tools, domain.policy, finish="stop")) or split(text).found)
    }
    assert flagged == {}
