"""Texts of models before they become turns: thoughts leave, what is wrong is asked for once more, then rejected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from engine import plugins
from engine.planning.planner import plan
from engine.protocols import SandboxPool
from engine.rolling.clean_replies import TRIES, USER_TRIES
from engine.rolling.rollout import rollout
from engine.serving.choice import open_pool
from engine.types import (
    NOT_TAKEN,
    RAW_REPLY,
    Completion,
    Domain,
    ModelCall,
    ModelRole,
    Persona,
    RolloutSpec,
    Trajectory,
)
from tests.engines import wired
from tests.samples.batches import batch_of

Said = str | tuple[str, str]
"""A text, or a text and its finish reason; `{}` in it is the right answer."""
ROLE: dict[str, ModelRole] = {"assistant": "teacher", "user": "user"}
WRONG = [
    ("<think>The total is in the result, so I should say it now. {}", "leaked_thinking"),
    ("Okay, the user wants the balance. I need to call the tool first, then I should answer.", "leaked_thinking"),
    ("{}\nUser: Thanks! And what about the other one?\nAssistant: That one is empty.", "played_both_sides"),
    ('Let me check.\n<tool_response>{{"balance": 12}}</tool_response>\n{}', "invented_result"),
    (("{} And if you want I can also", "length"), "cut_off"),
    ("I'm sorry, but as an AI language model I can't assist with that request.", "refused"),
    ("Der Kontostand beträgt zwölf Euro, und ich wünsche Ihnen noch einen schönen Tag.", "wrong_language"),
    ("{}<|im_end|>", "special_tokens"),
    ("{}\n```", "leftovers"),
]
THOUGHTS = [
    "<think>The total is in the result.</think>\n\n{}",
    "The total is in the result.</think>{}",
    "<|channel|>analysis<|message|>The total is in the result.<|end|><|start|>assistant<|channel|>final<|message|>{}",
    "[THINK]The total is in the result.[/THINK]{}",
]


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local")
    yield opened
    await opened.aclose()


class Model:
    """A player that counts as a model's: the reference, but for the texts that are to be wrong."""

    def __init__(self, kind: str, role: ModelRole, says: dict[int, Said], made: dict[str, Any]) -> None:
        plugin = plugins.load(kind, "reference")
        self._right = plugin.make(plugin.config(), llm=None, **made)
        self._says, self._texts = says, 0
        self.role, self.asks, self.reference, self.left = role, role, False, False
        self.calls: list[ModelCall] = []

    async def reply(self, *given: Any) -> Completion | None:
        right = await self._right.reply(*given)
        self.left = getattr(self._right, "left", False)
        if right is None:
            return None
        said: Said = right.turn.content
        if not right.turn.tool_calls:
            said = self._says.get(self._texts, said)
            self._texts += 1
        text, finish = said if isinstance(said, tuple) else (said, "stop")
        call = ModelCall(role=self.role, model="m", finish=finish)
        self.calls.append(call)
        turn = right.turn.model_copy(update={"content": text.replace("{}", right.turn.content)})
        return Completion(turn=turn, call=call)


async def played(
    domain: Domain, persona: Persona, pool: SandboxPool, role: str, says: dict[int, Said], **changes: Any
) -> Trajectory:
    batch = batch_of(domain, modes={changes.pop("mode", "single"): 1}, turns={1: 1}, trajectories=1, **changes)
    (spec,) = plan(batch, {domain.digest: domain}, [persona])
    parts = wired(batch, domain, pool)

    def player(kind: str) -> Any:
        def make(spec: RolloutSpec, proof: Any) -> Model:
            made = {"task": spec.task, "proof": proof, "persona": spec.persona, "seed": spec.seed}
            return Model(kind, ROLE[role], says, made)

        return make

    changed = {"teacher": player("teachers")} if role == "assistant" else {"user": player("users")}
    return await rollout(spec, replace(parts, **changed))


@pytest.mark.parametrize(("said", "reason"), WRONG)
async def test_what_is_wrong_is_asked_for_once_more_and_stands_beside_the_turn(
    ledger: Domain, persona: Persona, pool: SandboxPool, said: Said, reason: str
) -> None:
    found = await played(ledger, persona, pool, "assistant", {0: said})
    assert (found.status, found.reason) == ("kept", None), found.detail
    (beside,) = [one for one in found.attachments if one.kind == NOT_TAKEN]
    assert beside.turn == len(found.turns) - 1 - (found.turns[-1].role == "user")
    assert [one["reason"] for one in beside.value] == [reason]
    assert [call.not_taken for call in found.calls if call.not_taken] == [reason]


@pytest.mark.parametrize("keep_failures", [False, True])
@pytest.mark.parametrize(("said", "reason"), WRONG)
async def test_twice_wrong_is_rejected_by_name(
    ledger: Domain, persona: Persona, pool: SandboxPool, said: Said, reason: str, keep_failures: bool
) -> None:
    says = dict.fromkeys(range(TRIES), said)
    found = await played(ledger, persona, pool, "assistant", says, keep_failures=keep_failures)
    assert (found.status, found.reason, found.culprit) == ("rejected", reason, "agent"), found.detail
    assert (found.stage, found.end, found.outcome, found.scores) == ("rolled_out", "unclean", "failure", ())
    assert "also when it was asked once more" in found.detail
    assert found.turns[-1].train is False
    assert [call.not_taken for call in found.calls if call.not_taken] == [reason] * TRIES


@pytest.mark.parametrize("said", THOUGHTS)
async def test_a_thought_becomes_reasoning_and_the_raw_reply_stands_beside(
    ledger: Domain, persona: Persona, pool: SandboxPool, said: str
) -> None:
    plain = await played(ledger, persona, pool, "assistant", {})
    found = await played(ledger, persona, pool, "assistant", {0: said})
    assert found.status == "kept"
    assert [turn.content for turn in found.turns] == [turn.content for turn in plain.turns]
    ((at, turn),) = [(at, turn) for at, turn in enumerate(found.turns) if turn.reasoning]
    assert turn.reasoning == "The total is in the result."
    (raw,) = [one for one in found.attachments if one.kind == RAW_REPLY]
    assert (raw.turn, raw.value) == (at, said.replace("{}", turn.content))


async def test_a_thought_of_the_user_is_nobodys_business(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    found = await played(ledger, persona, pool, "user", {0: THOUGHTS[0]})
    assert found.status == "kept"
    assert "in the result" not in "".join(turn.content + (turn.reasoning or "") for turn in found.turns)
    assert [one.turn for one in found.attachments if one.kind == RAW_REPLY] == [1]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("{}\nAssistant: Sure, it is done.\nUser: Thank you!", "played_both_sides"),
        ("Ich möchte bitte wissen, wie hoch mein Kontostand heute ist.", "wrong_language"),
        (("{} and also I", "length"), "cut_off"),
    ],
)
async def test_a_user_that_says_what_cannot_be_data_is_to_blame(
    ledger: Domain, persona: Persona, pool: SandboxPool, said: Said, reason: str
) -> None:
    found = await played(ledger, persona, pool, "user", dict.fromkeys(range(USER_TRIES), said))
    assert (found.status, found.reason, found.culprit) == ("rejected", reason, "user"), found.detail
    assert found.outcome == "unmeasured"
    assert [turn.role for turn in found.turns] == ["system", "user"]


async def test_the_language_is_the_batchs(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    german = "Der Kontostand ist da, und ich wünsche Ihnen noch einen schönen Tag mit viel Sonne. {}"
    says: dict[int, Said] = dict.fromkeys(range(TRIES), german)
    found = [
        await played(ledger, persona, pool, "assistant", says, language=language) for language in ("en", "de", "any")
    ]
    assert [one.reason == "wrong_language" for one in found] == [True, False, False]


async def test_who_has_no_function_for_it_may_decline(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    says: dict[int, Said] = dict.fromkeys(range(TRIES), "I'm sorry, but I can't help with that.")
    single = await played(ledger, persona, pool, "assistant", says)
    missing = await played(ledger, persona, pool, "assistant", says, mode="missing_function")
    assert (single.reason, missing.reason) == ("refused", None), missing.detail


async def test_an_empty_reply_is_no_finding_without_a_thought(
    ledger: Domain, persona: Persona, pool: SandboxPool
) -> None:
    found = await played(ledger, persona, pool, "assistant", dict.fromkeys(range(TRIES), ""))
    assert found.end == "done"
    assert found.reason not in ("leaked_thinking", "cut_off")
