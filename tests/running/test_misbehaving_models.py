"""Whole batches against models that misbehave on order: what is kept, what is rejected and why, who is to blame, and
how many calls the models' server saw.

Each batch has twelve dialogues, and its models are asked over HTTP. The double of tests/llms/misbehaving.py plays the
proven chain in all of them but for the replies that a test orders to be wrong, whose spellings are drawn by seed.
"""

from __future__ import annotations

import json
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from engine import plugins
from engine.domains import catalog
from engine.planning.planner import plan
from engine.rolling.clean_replies import USER_TRIES
from engine.rolling.prove import prove
from engine.rolling.rollout import RERUNS
from engine.serving.choice import SandboxChoice, open_pool
from engine.serving.worker import Worker
from engine.types import (
    NOT_TAKEN,
    PROVIDER_STATE,
    RAW_REPLY,
    Batch,
    Domain,
    Endpoint,
    ModelRole,
    Proof,
    RolloutSpec,
    Trajectory,
    TrajectoryFilter,
)
from storage.database import Database, open_database
from storage.designing import domains, personas
from storage.generating import batches
from storage.reviewing import trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.engines import wired
from tests.exporting.export_steps import exported
from tests.llms import spellings
from tests.llms.misbehaving import ALWAYS, Double, Order, SilentJudge
from tests.llms.providers import SECRET, DeepSeek, GeminiAddress, Rule, RuledDouble
from tests.llms.server import serving
from tests.llms.spellings import Place, Spelling, altered
from tests.samples.batches import batch_of
from tests.samples.packs import ledger_files
from tests.samples.personas import TESS

SIZE = 12
OWNERS = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hugo", "Ida", "Jack", "Kate", "Liam", "Mia", "Noah")
HOST = "models.test"
"""A fixed name, so that the address is the same in each run: the tasks of a batch are drawn from its content."""

Orders = dict[int, Order]


@dataclass(frozen=True)
class Played:
    """A batch that was run: its trajectories in order, and the double that its models were."""

    rows: list[Trajectory]
    double: Double
    batch: batches.BatchRow

    def endings(self) -> Counter[tuple[str, str | None, str | None]]:
        return Counter((row.status, row.reason, row.culprit) for row in self.rows)


@pytest.fixture(scope="module")
def wide() -> Domain:
    """The ledger with enough accounts for twelve dialogues of which no two begin alike."""
    accounts = {}
    for number, owner in enumerate(OWNERS):
        accounts[f"A-{2 * number + 1}"] = _account(owner, "savings", 100 + 13.25 * number)
        accounts[f"A-{2 * number + 2}"] = _account(owner, "daily", 20 + 3.5 * number)
    workspace = json.dumps({"accounts": accounts, "today": "2026-03-02"}).encode()
    return catalog.parse(ledger_files() | {"workspace/accounts.json": workspace})


def _account(owner: str, label: str, balance: float) -> dict[str, Any]:
    return {"owner": owner, "label": label, "balance": balance, "note": ""}


@pytest.fixture
def db(tmp_path: Path, wide: Domain) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'turnwright.db'}")
    domains.save_domain(opened, wide.files, based_on=None)
    personas.save_persona(opened, TESS, based_on=None)
    yield opened
    opened.close()


@dataclass(frozen=True)
class Runs:
    """Runs batches of twelve against a double."""

    db: Database
    domain: Domain
    patch: pytest.MonkeyPatch

    async def __call__(
        self,
        orders: Orders,
        judged: Sequence[Spelling] = (),
        judged_times: int = ALWAYS,
        made: Callable[..., Double] = Double,
        ends: str = "done",
        **changes: Any,
    ) -> Played:
        """Run a batch until it `ends`."""
        endpoint = self.endpoint()
        values: dict[str, Any] = {
            "domains": [{"id": "ledger", "digest": self.domain.digest, "templates": ["compare"]}],
            "trajectories": SIZE,
            "modes": {"multiple": 1},
            "turns": {1: 1},
            "teacher": "llm",
            "user": "llm",
            "models": {"teacher": endpoint, "user": endpoint, "judge": endpoint},
            "sandbox": "local",
            "concurrency": 4,
        }
        batch = batch_of(self.domain, **values | changes).pinned()
        specs = list(plan(batch, {self.domain.digest: self.domain}, [TESS]))
        double = made(specs, await _proofs(batch, specs, self.domain), orders, judged, judged_times)
        number = batches.create_batch(self.db, batch)
        async with self._served(double):
            await Worker(SqlStore(self.db), SqlLibrary(self.db), SandboxChoice("local"), say=lambda _: None).work(
                once=True
            )
        row = batches.get_batch(self.db, number)
        assert row.status == ends, row.reason
        p = row.progress
        assert p.planned == p.kept + p.rejected + p.failed + p.unmeasured + p.running + p.waiting
        found = trajectories.stream(self.db, TrajectoryFilter(batches=(number,)))
        rows = sorted((Trajectory.model_validate_json(body) for _, body, _ in found), key=lambda one: one.index)
        assert [one.id for one in rows] == [spec.id for spec in specs if ends == "done" or spec.index in done_of(rows)]
        return Played(rows, double, row)

    @staticmethod
    def endpoint() -> Endpoint:
        return Endpoint(model="m", llm="openai_compatible", api_base=f"http://{HOST}/v1", attempts=1, timeout=20)

    @asynccontextmanager
    async def _served(self, double: Double) -> AsyncIterator[None]:
        async with serving(server=double) as server:
            port = int(server.base.split(":")[2].split("/")[0])
            self.patch.setattr("aiohttp.connector.DefaultResolver", lambda **_: _ToPort(port))
            yield


class _ToPort(AbstractResolver):
    """Resolves every name to one port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        assert host == HOST
        flags = socket.AI_NUMERICHOST
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": self._port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": flags,
            }
        ]

    async def close(self) -> None: ...


async def _proofs(batch: Batch, specs: Sequence[RolloutSpec], domain: Domain) -> list[Proof]:
    """Return the proof of each spec, made in a sandbox of its own."""
    pool = await open_pool("local")
    parts = wired(batch.model_copy(update={"teacher": batch_of(domain).teacher}), domain, pool)
    found = []
    try:
        for spec in specs:
            assert spec.task is not None
            async with pool.lease(parts.environment(spec.task, domain.digest)) as sandbox:
                found.append(await prove(spec.task, domain, sandbox, parts.sources[domain.digest]))
    finally:
        await pool.aclose()
    assert [proof.reason for proof in found] == [None] * len(specs)
    return found


@pytest.fixture
def runs(db: Database, wide: Domain, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(db, wide, monkeypatch)


def done_of(rows: Sequence[Trajectory]) -> set[int]:
    return {row.index for row in rows}


def drawn(spelled: Sequence[Spelling], seed: int, number: int) -> list[Spelling]:
    """Return so many spellings drawn by seed; each comes up before one comes up again."""
    rng, found = random.Random(seed), list[Spelling]()
    while len(found) < number:
        found += rng.sample(spelled, len(spelled))
    return found[:number]


SIX = SIZE // 2
KEPT = ("kept", None, None)


def once_and_always(
    spelled: Sequence[Spelling], seed: int, place: Place = "text", role: ModelRole = "teacher"
) -> Orders:
    """Return the orders for a batch: the first six dialogues go wrong once, the others each time they are asked."""
    times = (1,) * SIX + (ALWAYS,) * SIX
    chosen = [*drawn(spelled, seed, SIX), *drawn(spelled, seed + 1, SIX)]
    return {i: Order(one, place, role, times[i]) for i, one in enumerate(chosen)}


def always(spelled: Sequence[Spelling], seed: int, place: Place, role: ModelRole = "teacher") -> Orders:
    return {i: Order(one, place, role) for i, one in enumerate(drawn(spelled, seed, SIZE))}


def notes(row: Trajectory, kind: str) -> list[Any]:
    return [one.value for one in row.attachments if one.kind == kind]


def not_taken(row: Trajectory) -> list[str]:
    return [call.not_taken for call in row.calls if call.not_taken]


def is_as_proven(row: Trajectory) -> bool:
    """Return whether calls, results and answer are those of the proof."""
    assert row.proof is not None
    (proven,) = row.proof.turns
    calls = [call.arguments for turn in row.turns for call in turn.tool_calls]
    results = [turn.content for turn in row.turns if turn.role == "tool"]
    steps = [step for group in proven.calls for step in group]
    return (calls, results, row.turns[-1].content) == (
        [step.call.arguments for step in steps],
        [step.result.content for step in steps],
        proven.answer,
    )


async def test_models_that_do_it_right(runs: Runs) -> None:
    played = await runs({})
    assert played.endings() == {KEPT: SIZE}
    assert all(is_as_proven(row) for row in played.rows)
    assert (played.double.asked("teacher"), played.double.asked("user")) == ([3] * SIZE, [2] * SIZE)
    assert len(played.double.requests) == 5 * SIZE
    assert not any(notes(row, RAW_REPLY) + notes(row, NOT_TAKEN) for row in played.rows)


@pytest.mark.parametrize("reason", list(spellings.WRONG))
async def test_a_teacher_whose_answer_cannot_be_data(runs: Runs, reason: str) -> None:
    played = await runs(once_and_always(spellings.WRONG[reason], seed=11))
    assert played.endings() == {KEPT: SIX, ("rejected", reason, "agent"): SIX}
    assert played.double.asked("teacher") == [4] * SIZE
    assert played.double.asked("user") == [2] * SIX + [1] * SIX
    for row in played.rows[:SIX]:
        assert is_as_proven(row)
        assert not_taken(row) == [reason]
        assert [one["reason"] for (one,) in notes(row, NOT_TAKEN)] == [reason]
    for row in played.rows[SIX:]:
        assert not_taken(row) == [reason] * 2
        assert (row.end, row.outcome, row.turns[-1].train) == ("unclean", "failure", False)


@pytest.mark.parametrize("reason", list(spellings.WRONG_BESIDE_CALLS))
async def test_a_teacher_whose_words_beside_a_call_cannot_be_data(runs: Runs, reason: str) -> None:
    played = await runs(once_and_always(spellings.WRONG_BESIDE_CALLS[reason], 12, "calls"))
    assert played.endings() == {KEPT: SIX, ("rejected", reason, "agent"): SIX}
    assert played.double.asked("teacher") == [4] * SIX + [2] * SIX
    assert all(is_as_proven(row) for row in played.rows[:SIX])
    assert not any(turn.role == "tool" for row in played.rows[SIX:] for turn in row.turns), "a call was executed"


async def test_a_teachers_thoughts_become_reasoning(runs: Runs) -> None:
    played = await runs(always(spellings.CLOSED, 14, "text"))
    assert played.endings() == {KEPT: SIZE}
    assert played.double.asked("teacher") == [3] * SIZE
    for row in played.rows:
        assert is_as_proven(row)
        assert [turn.reasoning for turn in row.turns if turn.reasoning] == [spellings.THOUGHT]
        (raw,) = notes(row, RAW_REPLY)
        assert spellings.THOUGHT in raw


@pytest.mark.parametrize("part", range(3))
async def test_calls_in_the_text_in_every_notation(runs: Runs, part: int) -> None:
    spelled = drawn(spellings.NOTATIONS, 16, 3 * SIZE)[part * SIZE : (part + 1) * SIZE]
    played = await runs({i: Order(one, "calls") for i, one in enumerate(spelled)})
    assert len(spellings.NOTATIONS) <= 3 * SIZE, "a further part is needed"
    assert played.endings() == {KEPT: SIZE}
    assert played.double.asked("teacher") == [3] * SIZE
    for row in played.rows:
        assert is_as_proven(row)
        assert [call.text_calls for call in row.calls if call.role == "teacher"] == [1, 1, 0]
        assert len(notes(row, RAW_REPLY)) == 2


async def test_calls_in_the_text_behind_words_and_thoughts(runs: Runs) -> None:
    spelled = [*drawn(spellings.WITH_WORDS, 17, SIX), *drawn(spellings.BEHIND_A_THOUGHT, 17, SIX)]
    played = await runs({i: Order(one, "calls") for i, one in enumerate(spelled)})
    assert played.endings() == {KEPT: SIZE}
    assert played.double.asked("teacher") == [3] * SIZE
    assert all(is_as_proven(row) and sum(call.text_calls for call in row.calls) == 2 for row in played.rows)
    assert {row.turns[2].content for row in played.rows[:SIX]} == {"Let me look.", "One moment:"}
    assert [row.turns[2].reasoning for row in played.rows] == [None] * SIX + ["I look it up."] * SIX
    assert {row.turns[2].content for row in played.rows[SIX:]} == {""}


async def test_a_thought_beside_calls_of_the_protocol(runs: Runs) -> None:
    played = await runs(always(spellings.BESIDE_A_THOUGHT, 18, "calls"))
    assert played.endings() == {KEPT: SIZE}
    assert played.double.asked("teacher") == [3] * SIZE
    for row in played.rows:
        assert is_as_proven(row)
        assert [turn.reasoning for turn in row.turns if turn.tool_calls] == ["I look it up."] * 2
        assert sum(call.text_calls for call in row.calls) == 0


async def test_calls_in_the_text_that_were_cut(runs: Runs) -> None:
    played = await runs(once_and_always(spellings.CUT_CALLS, 19, "calls"))
    assert played.endings() == {KEPT: SIX, ("rejected", "cut_off", "agent"): SIX}
    assert played.double.asked("teacher") == [4] * SIX + [2] * SIX
    assert all(is_as_proven(row) for row in played.rows[:SIX])
    assert not any(turn.role == "tool" for row in played.rows[SIX:] for turn in row.turns)


async def test_broken_arguments_are_repaired(runs: Runs) -> None:
    spelled = [*drawn(spellings.BROKEN, 20, SIX), *drawn(spellings.BROKEN_IN_TEXT, 20, SIX)]
    played = await runs({i: Order(one, "calls") for i, one in enumerate(spelled)})
    assert played.endings() == {KEPT: SIZE}
    assert played.double.asked("teacher") == [3] * SIZE
    for index, row in enumerate(played.rows):
        assert is_as_proven(row)
        assert [call.repaired_calls for call in row.calls if call.role == "teacher"] == [1, 1, 0]
        assert sum(call.text_calls for call in row.calls) == (0 if index < SIX else 2)
        assert len(notes(row, RAW_REPLY)) == 2


async def test_calls_in_older_and_odd_forms_of_the_protocol(runs: Runs) -> None:
    kinds = (spellings.LEGACY, spellings.AS_OBJECT, spellings.NAMES)
    spelled = [one for kind in kinds for one in drawn(kind, 21, 4)]
    played = await runs({i: Order(one, "calls") for i, one in enumerate(spelled)})
    assert played.endings() == {KEPT: SIZE}
    assert played.double.asked("teacher") == [3] * SIZE
    assert all(is_as_proven(row) for row in played.rows)
    assert {(call.text_calls, call.repaired_calls) for row in played.rows for call in row.calls} == {(0, 0)}
    assert [len(notes(row, RAW_REPLY)) for row in played.rows] == [0] * 8 + [2] * 4


async def test_a_call_that_is_only_spoken_of_is_never_executed(runs: Runs) -> None:
    played = await runs(always(spellings.QUOTED, 22, "text"))
    assert played.endings()[KEPT] == SIZE
    assert played.double.asked("teacher") == [3] * SIZE
    for row in played.rows:
        assert "transfer" in {tool.name for tool in row.tools}
        assert {call.name for turn in row.turns for call in turn.tool_calls} == {"get_balance"}
        assert sum(turn.role == "tool" for turn in row.turns) == 2
        assert sum(call.text_calls for call in row.calls) == 0


async def test_an_amount_that_nobody_gave(runs: Runs) -> None:
    """Nobody is asked again for what is only untrue: the dialogue goes on, and its scores reject it."""
    played = await runs(once_and_always(spellings.INVENTED, seed=23))
    assert played.endings() == {("rejected", "unsupported_claim", "agent"): SIZE}
    assert (played.double.asked("teacher"), played.double.asked("user")) == ([3] * SIZE, [2] * SIZE)
    assert {row.end for row in played.rows} == {"done"}


JUDGES = ["rules", "state", "facts", "rubric"]


def rubric_values(played: Played) -> list[float | None]:
    return [s.value for row in played.rows for s in row.scores if s.name == "rubric"]


def unmeasured(reason: str) -> tuple[str, str | None, str | None]:
    return ("unmeasured", reason, "infrastructure")


@pytest.mark.parametrize("kind", ["UNREADABLE", "UNCLEAR"])
async def test_verdicts_that_cannot_be_read_are_asked_for_once_more_with_the_error(runs: Runs, kind: str) -> None:
    played = await runs({}, drawn(getattr(spellings, kind), 27, SIZE), 1, judges=JUDGES)
    assert played.endings() == {KEPT: SIZE}
    assert played.double.verdicts == [2] * SIZE
    assert rubric_values(played) == [1.0] * SIZE
    again = [body["messages"] for body in played.double.requests if len(body["messages"]) == 3]
    asked = [messages[2]["content"] for messages in again if "could not be used" in messages[2]["content"]]
    assert len(asked) == SIZE
    assert all("goal_met, truthful" in text and "The judge" in text for text in asked)


async def test_a_dead_judge_pauses_the_batch_and_loses_no_dialogue(runs: Runs) -> None:
    played = await runs({}, made=SilentJudge, ends="paused", judges=JUDGES, concurrency=1)
    assert played.endings() == {unmeasured("judge_no_answer"): 5}
    assert played.batch.reason.startswith(
        "5 trajectories in a row could not be measured, the last one by judge no answer"
    )
    assert "the judge is out" in played.batch.reason
    assert all(is_as_proven(row) for row in played.rows)
    assert (played.batch.severity, played.batch.progress.waiting) == ("error", SIZE - 5)


async def test_what_another_judge_failed_is_rejected_without_the_dead_one(runs: Runs) -> None:
    orders = {i: Order(one) for i, one in enumerate(drawn(spellings.INVENTED, 30, SIX))}
    played = await runs(orders, made=SilentJudge, judges=JUDGES, pause_unmeasured=0)
    rejected = ("rejected", "unsupported_claim", "agent")
    assert played.endings() == {rejected: SIX, unmeasured("judge_no_answer"): SIX}


async def test_partial_credit_passes_with_the_reward_that_it_is(runs: Runs) -> None:
    """Each answer states one of two facts."""
    half_said = altered(r"holds \d+(\.\d+)?", "holds a bit")
    orders = {i: Order(half_said) for i in range(SIZE)}
    strict = await runs(orders)
    assert strict.endings() == {("rejected", "missing_fact", "agent"): SIZE}
    judges = ["rules", "state", {"facts": {"passes_from": 0.5}}]
    partial_credit = await runs(orders, judges=judges)
    assert partial_credit.endings() == {KEPT: SIZE}
    facts = [score for row in partial_credit.rows for score in row.scores if score.name == "facts"]
    assert {(score.value, score.passed, score.reason.endswith("The share is 0.5; 0.5 passes.")) for score in facts} == {
        (0.5, True, True)
    }
    assert {row.reward for row in partial_credit.rows} == {round((1 + 1 + 0.5) / 3, 6)}


async def test_a_batch_that_requires_tool_calls_rejects_a_dialogue_without_any(runs: Runs) -> None:
    share = {"id": "ledger", "digest": runs.domain.digest, "templates": ["compare"]}
    judges = [{"rules": {"require_tool_calls": True}}, "state", "facts"]
    called = await runs({}, domains=[share], judges=judges)
    assert called.endings() == {KEPT: SIZE}
    found = [score for row in called.rows for score in row.scores if score.name == "called_tools"]
    assert {(score.value, score.reason) for score in found} == {(1.0, "2 calls succeeded.")}


@pytest.mark.parametrize(
    ("rule", "states"), [(DeepSeek(), 3), (GeminiAddress(), 2)], ids=["DeepSeek", "Gemini's OpenAI address"]
)
async def test_a_provider_that_wants_its_state_back(runs: Runs, rule: Rule, states: int) -> None:
    """Without it, its server refuses the second request of each dialogue."""
    played = await runs({}, made=partial(RuledDouble, rule))
    assert isinstance(played.double, RuledDouble)
    assert played.double.faults == []
    assert played.endings() == {KEPT: SIZE}
    assert played.double.asked("teacher") == [3] * SIZE
    for row in played.rows:
        assert is_as_proven(row)
        assert len(notes(row, PROVIDER_STATE)) == states
    assert (SECRET in played.rows[0].model_dump_json()) is isinstance(rule, GeminiAddress)
    assert not any(SECRET in row.as_shown().model_dump_json() for row in played.rows)
    for name in plugins.names("exporters"):
        rows, report = exported(name, played.rows)
        assert rows
        assert SECRET not in json.dumps([rows, report])


async def test_one_batch_with_every_reason(runs: Runs) -> None:
    """Two dialogues are right, eight teachers and two users are not."""
    orders = {i: Order(drawn(kind, 24, 1)[0]) for i, kind in enumerate(spellings.WRONG.values())}
    orders[8] = Order(drawn(spellings.USER_WRONG["cut_off"], 24, 1)[0], role="user")
    orders[9] = Order(drawn(spellings.INVENTED, 24, 1)[0])
    played = await runs(orders)
    expected: dict[tuple[str, str | None, str | None], int] = {
        ("rejected", reason, "agent"): 1 for reason in spellings.WRONG
    }
    expected |= {("rejected", "cut_off", "user"): 1, ("rejected", "unsupported_claim", "agent"): 1, KEPT: 2}
    assert played.endings() == expected
    assert played.double.asked("teacher") == [4] * 8 + [0, 3, 3, 3]
    assert played.double.asked("user") == [1] * 8 + [USER_TRIES * (1 + RERUNS), 2, 2, 2]


async def test_the_second_answer_of_a_dialogue(runs: Runs) -> None:
    """What went right before a text that cannot be data stays in the dialogue, and is trained."""
    spelled = drawn(spellings.WRONG["played_both_sides"], 25, SIZE)
    orders = {i: Order(one, times=1 if i < SIX else ALWAYS, skip=1) for i, one in enumerate(spelled)}
    share = {"id": "ledger", "digest": runs.domain.digest, "templates": ["move"]}
    played = await runs(orders, domains=[share], turns={2: 1})
    assert played.endings() == {KEPT: SIX, ("rejected", "played_both_sides", "agent"): SIX}
    assert played.double.asked("teacher") == [6] * SIZE
    assert played.double.asked("user") == [3] * SIX + [2] * SIX
    for row in played.rows[SIX:]:
        answers = [turn for turn in row.turns if turn.role == "assistant" and not turn.tool_calls]
        assert [turn.train for turn in answers] == [True, False]


@pytest.mark.parametrize("what", list(spellings.AROUND_AN_ANSWER))
async def test_an_answer_with_a_call_or_the_person_beside_it(runs: Runs, what: str) -> None:
    reason, spelled = spellings.AROUND_AN_ANSWER[what]
    played = await runs(once_and_always([spelled], seed=28))
    assert played.endings() == {KEPT: SIX, ("rejected", reason, "agent"): SIX}
    assert played.double.asked("teacher") == [4] * SIZE
    assert all(sum(turn.role == "tool" for turn in row.turns) == 2 for row in played.rows), "a call was executed"
