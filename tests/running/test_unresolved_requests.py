"""Requests that come to nothing: judged one by one, ended after a third question, and cut from the end by option.

Whole batches of twelve over HTTP with the double of tests/llms/misbehaving.py: two requests each, of which one is
refused by the assistant or met with questions only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from engine.domains import catalog
from engine.exporting.record import record_of
from engine.types import CLAIMS, CUT, FEEDBACK, UNRESOLVED, Domain, ModelRole, Proof, RolloutSpec, Trajectory
from storage.database import Database, open_database
from storage.designing import domains, personas
from tests.exporting.export_steps import exported
from tests.llms.misbehaving import Dialogue, Double
from tests.llms.server import completion
from tests.running.test_misbehaving_models import KEPT, SIZE, Played, Runs, notes, wide
from tests.samples.personas import TESS

__all__ = ["wide"]  # a fixture
SORRY = "I am sorry, that cannot be done here."
QUESTIONS = ("Which year is this about?", "Which currency do you mean?", "Which branch is it?", "Which colour is it?")
UNSURE = "I don't know that, sorry."
SEED = 3
READS, MOVES = ["balance", "compare"], ["compare", "give"]


@pytest.fixture(scope="module")
def two(wide: Domain) -> Domain:
    """The wide ledger with a request of one turn that moves money."""
    head, first, _ = wide.files["templates/move.yaml"].decode().split("  - say:")
    give = f"{head}  - say:{first}".replace("id: move", "id: give").replace(", then hear what is left", "")
    return catalog.parse({**wide.files, "templates/give.yaml": give.encode()})


@pytest.fixture
def pair(tmp_path: Path, two: Domain, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    opened: Database = open_database(f"sqlite:///{tmp_path / 'turnwright.db'}")
    domains.save_domain(opened, two.files, based_on=None)
    personas.save_persona(opened, TESS, based_on=None)
    yield Runs(opened, two, monkeypatch)
    opened.close()


class _Failing(Dialogue):
    """The assistant fails at the requests with these numbers: it says that they cannot be done, after their calls where
    `works`, or it `asks` for ever. The person judges them impossible where it `judges`."""

    failing: frozenset[int]
    works = asks = separately = False

    def __init__(self, spec: RolloutSpec, proof: Proof) -> None:
        super().__init__(spec, proof, None)
        assert spec.task is not None
        self.says = [turn.say for turn in spec.task.turns]

    async def right(self, role: ModelRole, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        last = messages[-1]["content"] or ""
        if role == "teacher":
            found = await super().right(role, _without_questions(messages))
            made = sum(m["role"] == "user" and m["content"] in self.says for m in messages)
            if made - 1 not in self.failing or (self.works and found["message"].get("tool_calls")):
                return found
            asked = sum(m["content"] in QUESTIONS for m in messages)
            return _said(QUESTIONS[asked % len(QUESTIONS)] if self.asks else SORRY)
        if last in QUESTIONS:
            return _said(json.dumps({"message": UNSURE, "status": "continue", "about": "same_request"}))
        if last == SORRY and self.separately:
            return _said(json.dumps({"message": "", "status": "impossible", "about": "same_request"}))
        found = await super().right(role, _without_questions(messages))
        if last == SORRY:
            data = json.loads(found["message"]["content"])
            return _said(json.dumps(data | {"status": "impossible"}))
        return found


def _without_questions(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [m for m in messages if m["content"] not in QUESTIONS and UNSURE not in (m["content"] or "")]


def _said(text: str) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}


class Failing(Double):
    def __init__(
        self, how: Mapping[str, Any], specs: Sequence[RolloutSpec], proofs: Sequence[Proof], *given: Any
    ) -> None:
        super().__init__(specs, proofs, *given)
        made = type("Made", (_Failing,), {"failing": frozenset({1}), **how})
        self.dialogues = [made(spec, proof) for spec, proof in zip(specs, proofs, strict=True)]
        self.rated: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if body.get("response_format", {}).get("json_schema", {}).get("name") != "user_feedback":
            return await super().answer(request)
        self.rated.append(json.dumps(body["messages"]))
        return web.json_response(completion({"data": {"satisfaction": 0.9, "feedback": "It was quick."}}))


async def played(runs: Runs, templates: Sequence[str] = READS, option: Any = "llm", **how: Any) -> Played:
    share = {"id": "ledger", "digest": runs.domain.digest, "templates": list(templates)}
    # of this seed no two dialogues begin alike
    return await runs({}, made=partial(Failing, how), domains=[share], turns={2: 1}, user=option, seed=SEED)


CUTS = {"llm": {"cut_unresolved": True}}


# ---------------------------------------------------------------- judged by request


@pytest.mark.parametrize("separately", [False, True])
async def test_an_impossible_request_is_noted_and_the_next_one_follows(pair: Runs, separately: bool) -> None:
    found = await played(pair, failing={0}, separately=separately)
    assert found.endings() == {("rejected", "no_call", "agent"): SIZE}, "the reference did what the assistant refused"
    for row in found.rows:
        assert row.end == "done"
        assert row.task is not None
        assert len(row.begun) == len(row.task.turns) == 2
        (noted,) = [one for one in row.attachments if one.kind == UNRESOLVED]
        assert (noted.turn, noted.value) == (row.begun[0], {"request": 1, "judgement": -1, "reason": "impossible"})
    assert found.double.asked("user") == [3 + separately] * SIZE
    assert not any(call.not_taken for row in found.rows for call in row.calls)


async def test_an_impossible_last_request_is_noted_and_the_end(pair: Runs) -> None:
    found = await played(pair)
    assert {row.end for row in found.rows} == {"impossible"}
    assert [notes(row, UNRESOLVED) for row in found.rows] == [
        [{"request": 2, "judgement": -1, "reason": "impossible"}]
    ] * SIZE


async def test_a_third_question_without_a_call_is_the_end(pair: Runs) -> None:
    found = await played(pair, failing={0}, asks=True)
    assert found.endings() == {("rejected", "clarifications_used_up", "agent"): SIZE}
    assert (found.double.asked("teacher"), found.double.asked("user")) == ([3] * SIZE, [3] * SIZE)
    for row in found.rows:
        assert [turn.content for turn in row.turns if turn.role == "assistant"] == list(QUESTIONS[:3])
        assert notes(row, UNRESOLVED) == [{"request": 1, "judgement": 0, "reason": "clarifications_used_up"}]


# ---------------------------------------------------------------- cut from the end


def is_whole(row: Trajectory) -> bool:
    """Return whether a trajectory is one of its first request alone, with all that points at turns pointing inside."""
    assert row.task is not None
    assert row.proof is not None
    last = len(row.turns) - 1
    places = [*row.begun, *(one.turn for one in row.attachments), *(i for s in row.scores for i in s.evidence)]
    return (
        (len(row.task.turns), len(row.task.modes), len(row.proof.turns), len(row.begun)) == (1, 1, 1, 1)
        and max(places) <= last
        and row.turns[-1].role == "assistant"
        and row.turns[-1].content == row.proof.turns[0].answer
        and len(row.task.templates) == 1
        and "\n\n" not in row.task.goal
    )


@pytest.mark.parametrize(("asks", "end"), [(False, "impossible"), (True, "clarifications_used_up")])
async def test_what_is_left_after_the_cut_is_judged_and_kept(pair: Runs, asks: bool, end: str) -> None:
    found = await played(pair, option=CUTS, asks=asks)
    assert found.endings() == {KEPT: SIZE}
    messages, judgement = (6, 0) if asks else (2, -1)
    for row in found.rows:
        assert is_whole(row)
        assert (row.end, row.outcome, row.reward) == ("done", "success", 1.0)
        (noted,) = [one for one in row.attachments if one.kind == CUT]
        assert noted.turn == len(row.turns) - 1
        request = {"request": 2, "judgement": judgement, "reason": end, "messages": messages}
        assert noted.value == {"end": end, "requests": [request]}
        assert not notes(row, UNRESOLVED)
        assert sum(call.role == "user" for call in row.calls) == (4 if asks else 3), "what was spent is still counted"


async def test_a_request_that_changed_something_is_not_cut(pair: Runs) -> None:
    found = await played(pair, MOVES, CUTS, works=True)
    moved = [row for row in found.rows if row.diff is not None and not row.diff.empty]
    last = [row for row in moved if not notes(row, CUT)]
    assert last, "no dialogue ends with a transfer"
    for row in last:
        assert row.end == "impossible"
        ((noted),) = notes(row, UNRESOLVED)
        assert noted["not_cut"].startswith("It had changed the state: accounts.json#/accounts/A-")
        assert len(row.begun) == 2
    for row in (row for row in found.rows if notes(row, CUT)):
        assert is_whole(row)
        assert row.status == "kept", "the transfer stands before the request that was cut"


async def test_a_refused_transfer_is_cut_with_what_the_reference_would_have_changed(pair: Runs) -> None:
    """The end state is compared with that of the reference for the requests that are left."""
    found = await played(pair, MOVES, CUTS)
    assert found.endings() == {KEPT: SIZE}
    assert {row.proof is not None and row.proof.expected is not None for row in found.rows} == {True}
    assert {row.proof.expected.empty for row in found.rows if row.proof and row.proof.expected} == {True, False}
    assert all(is_whole(row) for row in found.rows)


async def test_the_only_request_is_not_cut(pair: Runs) -> None:
    found = await played(pair, option=CUTS, failing={0, 1})
    assert {row.status for row in found.rows} == {"rejected"}
    why = "No other request would be left."
    assert [[one.get("not_cut") for one in notes(row, UNRESOLVED)] for row in found.rows] == [[why, why]] * SIZE


async def test_without_the_option_nothing_is_cut(pair: Runs) -> None:
    found = await played(pair, asks=True)
    assert found.endings() == {("rejected", "clarifications_used_up", "agent"): SIZE}
    assert not any(notes(row, CUT) for row in found.rows)


@pytest.mark.parametrize("name", ["trajectory", "chat_jsonl", "llamafactory"])
async def test_a_cut_trajectory_is_exported_like_any_other(pair: Runs, name: str) -> None:
    found = await played(pair, option=CUTS)
    cut = found.rows[0]
    rows, _ = exported(name, [cut])
    text = json.dumps(rows)
    assert len(rows) == 1
    assert cut.turns[-1].content in text
    assert SORRY not in text
    assert len(record_of(cut).turns) == len(cut.turns)


async def test_a_cut_has_the_same_bytes_for_the_same_seed(pair: Runs) -> None:
    exports = [exported("trajectory", (await played(pair, option=CUTS, asks=True)).rows) for _ in range(2)]
    assert exports[0] == exports[1]


async def test_claims_and_feedback_are_of_what_is_left(pair: Runs) -> None:
    found = await played(pair, option={"llm": {"cut_unresolved": True, "feedback": True}})
    assert found.endings() == {KEPT: SIZE}
    assert isinstance(found.double, Failing)
    assert len(found.double.rated) == SIZE
    assert not any(SORRY in talk for talk in found.double.rated), "the person is asked about what is left"
    for row in found.rows:
        assert [one.turn for one in row.attachments if one.kind == FEEDBACK] == [len(row.turns) - 1]
        assert all(one.turn < len(row.turns) for one in row.attachments if one.kind == CLAIMS)
