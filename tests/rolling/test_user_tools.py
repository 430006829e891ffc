"""Tools of the simulated user: same workspace, calls kept as attachments, and missing calls are the user's fault."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from engine.domains import catalog
from engine.domains.sources import sources_of
from engine.errors import InputErrors
from engine.exporters.trajectory import Config, TrajectoryRecord
from engine.exporting.record import read, record_of
from engine.planning.planner import plan
from engine.protocols import SandboxPool
from engine.reviewing.replay import Correction, Runtime, replay
from engine.rolling.parts import environment_of
from engine.rolling.rollout import rollout
from engine.serving.choice import open_pool
from engine.types import USER_CALLS, Completion, Domain, ModelCall, Persona, ToolCall, Trajectory, Turn
from engine.users.reference import ReferenceUser
from pages.review.parts.turn_viewer import _texts_beside
from storage.intake.rows import dump
from tests.engines import wired
from tests.samples.batches import batch_of
from tests.samples.packs import PACKS


@pytest.fixture(scope="module")
def handset() -> Domain:
    return catalog.load(PACKS / "handset")


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local", allow_commands=True)
    yield opened
    await opened.aclose()


class Playing(ReferenceUser):
    """The reference user, but for the calls of `groups` in place of its own, one group each time it is asked. A text
    in place of a group is a message, and None is the reference's own."""

    groups: Sequence[Sequence[dict[str, Any]] | str | None] = ()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._own_calls = {}
        self.asked: list[tuple[Turn, ...]] = []

    async def reply(self, turns: Sequence[Turn]) -> Completion | None:
        self.asked.append(tuple(turns))
        group = self.groups[len(self.asked) - 1] if len(self.asked) <= len(self.groups) else None
        if isinstance(group, str):
            return Completion(turn=Turn(role="user", content=group), call=ModelCall(role="user", model="reference"))
        if group is not None:
            calls = tuple(ToolCall(id=f"own_{len(self.asked)}_{at}", **call) for at, call in enumerate(group))
            return Completion(turn=Turn(role="user", tool_calls=calls), call=ModelCall(role="user", model="reference"))
        return await super().reply(turns)


async def rolled(domain: Domain, persona: Persona, pool: SandboxPool, **more: Any) -> tuple[Trajectory, list[Playing]]:
    """Roll one task out. With `groups` the user plays these in place of its part; `limits` are the batch's."""
    groups = more.pop("groups", None)
    batch = batch_of(domain, modes={"single": 1}, turns={1: 1}, trajectories=1, **more)
    (spec,) = plan(batch, {domain.digest: domain}, [persona])
    parts, made = wired(batch, domain, pool), list[Playing]()

    def user(spec: Any, proof: Any) -> Playing:
        named = {"llm": None, "task": spec.task, "proof": proof, "persona": spec.persona, "seed": spec.seed}
        made.append(Playing(None, **named))  # type: ignore[arg-type]
        made[-1].groups = groups
        return made[-1]

    found = await rollout(spec, parts if groups is None else replace(parts, user=user))
    return found, made


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def test_the_teacher_is_never_offered_them(handset: Domain) -> None:
    assert [tool.name for tool in handset.tools] == ["get_line", "set_roaming"]
    assert [tool.name for tool in handset.user_tools] == ["read_display", "switch_airplane"]


async def test_the_reference_does_its_part_before_it_speaks(
    handset: Domain, persona: Persona, pool: SandboxPool
) -> None:
    found, _ = await rolled(handset, persona, pool)
    assert (found.status, found.outcome, found.end) == ("kept", "success", "done"), (found.reason, found.detail)
    assert [turn.role for turn in found.turns] == ["system", "user", "assistant", "tool", "assistant"]
    assert "switch_airplane" not in json.dumps([turn.model_dump() for turn in found.turns])
    (did,) = [one for one in found.attachments if one.kind == USER_CALLS]
    assert (did.turn, did.version) == (1, 1)
    assert [(one.name, one.arguments, one.content) for one in found.user_calls(1)] == [
        ("read_display", {}, '{"number": "555-1", "airplane": true}'),
        ("switch_airplane", {"enabled": False}, "done"),
    ]
    assert found.diff is not None
    assert {leaf.pointer for change in found.diff.changes for leaf in change.leaves} == {
        "/lines/555-1/roaming",
        "/phone/airplane",
    }
    assert found.proof is not None
    assert found.proof.expected == found.diff
    assert _texts_beside(found)[1].startswith("used its own tools; read_display {} → ")


async def test_what_it_did_is_stored_and_leaves_with_whole_records(
    handset: Domain, persona: Persona, pool: SandboxPool
) -> None:
    found, _ = await rolled(handset, persona, pool)
    assert Trajectory.model_validate_json(dump(found)) == found
    for record in (record_of(found), read(dump(found).encode())):
        (row,) = TrajectoryRecord(Config()).convert(record).rows
        turns, proof, task = (json.loads(row[name]) for name in ("turns", "proof", "task"))
        assert [one["kind"] for one in turns[1]["attachments"]] == [USER_CALLS]
        assert [one["name"] for one in turns[1]["attachments"][0]["value"]] == ["read_display", "switch_airplane"]
        assert [one["call"]["name"] for one in proof["turns"][0]["user_calls"]] == ["read_display", "switch_airplane"]
        assert "seconds" not in row["proof"]
        assert [one["call"] for one in task["turns"][0]["user_chain"]] == ["read_display", "switch_airplane"]


async def test_a_user_that_leaves_its_part_undone_is_at_fault(
    handset: Domain, persona: Persona, pool: SandboxPool
) -> None:
    for groups in ((), [[call("read_display")]], [[call("read_display"), call("switch_airplane", enabled="no")]]):
        found, _ = await rolled(handset, persona, pool, groups=groups)
        assert (found.outcome, found.culprit, found.stage) == ("failure", "user", "state"), found.detail
        assert "/phone/airplane" in found.detail
        assert found.proof is not None
        assert found.proof.reason is None, "the reference stands"


async def test_calls_are_checked_answered_and_asked_on(handset: Domain, persona: Persona, pool: SandboxPool) -> None:
    groups = [
        [call("set_roaming", number="555-1", enabled=True)],
        [call("switch_airplane", enabled="no"), call("read_display")],
        [call("switch_airplane", enabled=False)],
    ]
    found, (user, *_) = await rolled(handset, persona, pool, groups=groups)
    assert (found.outcome, found.culprit) == ("success", None), found.detail
    assert [one.fault for one in found.user_calls()] == ["unknown_tool", "invalid_arguments", None, None]
    assert "Available tools: read_display, switch_airplane" in found.user_calls()[0].content
    assert [len(turns) for turns in user.asked[:4]] == [1, 3, 6, 8]
    assert [turn.role for turn in user.asked[3][1:]] == ["user", "tool", "user", "tool", "tool", "user", "tool"]
    assert all(turn.role != "tool" or turn.name == "set_roaming" for turn in user.asked[-1]), "not shown again later"
    assert all(turn.train for turn in found.turns if turn.role == "assistant"), "the teacher pays for none of it"


async def test_one_that_never_speaks_is_bounded_and_leaves(
    handset: Domain, persona: Persona, pool: SandboxPool
) -> None:
    groups = [[call("read_display")]] * 50
    found, (user, *_) = await rolled(handset, persona, pool, groups=groups, limits={"steps_per_turn": 3})
    assert found.end == "user_left"
    assert len(user.asked) == 4
    assert [(one.turn, len(one.value)) for one in found.attachments if one.kind == USER_CALLS] == [(0, 3)]
    assert (found.outcome, found.culprit) == ("failure", "user")


async def test_calls_after_the_last_round_stand_at_a_turn_that_there_is(
    handset: Domain, persona: Persona, pool: SandboxPool
) -> None:
    groups = [None, [call("read_display")], "One more thing: is it on?"]
    found, (user, *_) = await rolled(handset, persona, pool, groups=groups, limits={"rounds": 1})
    assert found.end == "round_cap"
    assert len(user.asked) == 3
    ((turn, value),) = [(one.turn, one.value) for one in found.attachments if one.kind == USER_CALLS]
    assert (turn, [one["name"] for one in value]) == (len(found.turns) - 1, ["read_display"])


async def test_a_correction_is_replayed_with_what_the_user_did(
    handset: Domain, persona: Persona, pool: SandboxPool
) -> None:
    found, _ = await rolled(handset, persona, pool)
    environment = environment_of(handset, None, commands=False)
    fix = Turn(role="assistant", tool_calls=(ToolCall(id="c", **call("set_roaming", number="555-1", enabled=False)),))
    runtime = Runtime(lambda: pool.lease(environment), sources_of(handset), handset.user_tools)
    told = await replay(found, Correction(turn=2, fix=fix), [], runtime)
    assert told.ok
    assert [(place.pointer, place.recorded, place.corrected) for place in told.state] == [
        ("/lines/555-1/roaming", True, False)
    ]


async def test_a_task_that_the_person_does_alone_is_not_proven(
    handset: Domain, persona: Persona, pool: SandboxPool
) -> None:
    text = handset.files["templates/roaming.yaml"].replace(b"call: set_roaming", b"call: get_line")
    text = (
        text.replace(b", enabled: true", b"")
        .replace(b'["{{ line.number }}"]', b"[]")
        .replace(b"line.number", b"number")
    )
    lazy = catalog.parse({**handset.files, "templates/roaming.yaml": text})
    found, _ = await rolled(lazy, persona, pool)
    assert (found.stage, found.reason) == ("proven", "passes_untouched"), found.detail


@pytest.mark.parametrize(
    ("path", "before", "after", "told"),
    [
        (
            "templates/roaming.yaml",
            "call: read_display",
            "call: get_line",
            "line 9: turns.1.user_chain.1.call: there is no tool of the person 'get_line'.",
        ),
        (
            "templates/roaming.yaml",
            "call: set_roaming",
            "call: read_display",
            "line 14: turns.1.chain.1.call: there is no tool 'read_display'.",
        ),
        (
            "templates/roaming.yaml",
            "display.airplane",
            "shown.airplane",
            "'shown' is neither a slot nor a saved result.",
        ),
        (
            "user_tools/phone.py",
            "def read_display",
            "def get_line",
            "user_tools/: get_line: is a tool of the assistant too.",
        ),
        (
            "user_tools/phone.py",
            "Effect: read",
            "",
            "user_tools/phone.py line 6: read_display: does not say its effect.",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(
    handset: Domain, path: str, before: str, after: str, told: str
) -> None:
    text = handset.files[path].decode().replace(before, after, 1)
    with pytest.raises(InputErrors) as refused:
        catalog.parse({**handset.files, path: text.encode()})
    assert told in "\n".join(map(str, refused.value.errors))
