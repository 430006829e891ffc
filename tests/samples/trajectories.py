"""Example trajectories: the smallest one, and those of an order, a balance, a refund and a shop."""

from __future__ import annotations

from typing import Any

from engine.types import Execution, ModelCall, Score, Tool, ToolCall, Trajectory, Turn
from tests.samples import turns
from tests.samples.tasks import (
    PRICE_CALL,
    PRICE_DIFF,
    balance_task,
    price_proof,
    price_task,
    refund_diff,
    refund_proof,
    refund_task,
)
from tests.samples.tools import BANK, FIND_ORDER, REFUND_ORDER, SHOP
from tests.samples.turns import assistant_turn, calling_turn, refund_turns, result_turn, user_turn


def trajectory_of(index: int, **changes: Any) -> Trajectory:
    """Return a kept trajectory with no more than it must have: no turns, no task, no scores; `changes` replace fields.

    Every function below begins with this one and takes `changes` likewise.
    """
    values: dict[str, Any] = {
        "id": f"rollout-{index}",
        "index": index,
        "batch_fingerprint": "f" * 16,
        "domain": "ledger",
        "domain_digest": "d" * 16,
        "template": None,
        "mode": "single",
        "attempt": 0,
        "seed": index,
        "persona": "ada",
        "teacher": "reference",
        "user": "reference",
        "status": "kept",
    }
    return Trajectory(**values | changes)


# ---------------------------------------------------------------- small ones, with words that a search finds


def order_trajectory(index: int, said: str | None = None, tool: str = "get_order", **changes: Any) -> Trajectory:
    """Return a kept trajectory with a request, one call of a tool, an answer and two scores, without a task.

    `said` is the request. The system turn holds the word `policyword`, the result the word `resultword`.
    """
    values: dict[str, Any] = {
        "template": "find",
        "turns": (
            Turn(role="system", content="Only policyword here."),
            user_turn(f"Please look into order {index}." if said is None else said),
            Turn(role="assistant", tool_calls=(ToolCall(id="c1", name=tool),)),
            result_turn("c1", tool, "resultword"),
            assistant_turn(f"Order {index} is on its way."),
        ),
        "scores": (
            Score(name="state", value=1.0, reason="equal", source="state", method="state", passed=True),
            Score(name="rubric", value=None, reason="unreadable", source="rubric", method="model"),
        ),
        "reward": 1.0,
        "outcome": "success",
    }
    return trajectory_of(index, **values | changes)


def lost_trajectory(index: int, stage: str, reason: str, status: str = "rejected", **changes: Any) -> Trajectory:
    """Return the trajectory of an order that was lost at a stage."""
    lost = {"status": status, "stage": stage, "reason": reason, "outcome": "failure", "reward": 0.25}
    return order_trajectory(index, **lost, **changes)


def balance_trajectory(talked: tuple[Turn, ...] = turns.BALANCE, **changes: Any) -> Trajectory:
    """Return a kept trajectory of a model teacher at `balance_task`, not judged yet."""
    values: dict[str, Any] = {
        "template": "balance",
        "teacher": "llm",
        "user": "llm",
        "task": balance_task(),
        "turns": talked,
        "end": "done",
    }
    return trajectory_of(0, **values | changes)


# ---------------------------------------------------------------- refunds, with something in whatever pages show


def refund_trajectory(index: int = 0, *, rounds: int = 2, hostile: bool = False, **changes: Any) -> Trajectory:
    """Return a kept trajectory of the reference teacher: one fact of two is missing, and the rubric is unreadable.

    Its turns are those of `refund_turns`. Reward and outcome follow the index: each third is a failure of the agent.
    """
    values: dict[str, Any] = {
        "domain": "retail",
        "template": "refund",
        "mode": "dependent",
        "task": refund_task(index),
        "proof": refund_proof(index),
        "tools": (FIND_ORDER, REFUND_ORDER),
        "turns": refund_turns(rounds, hostile),
        "diff": refund_diff(),
        "scores": (
            Score(name="state", value=1.0, reason="Equal both ways.", source="state", method="state", passed=True),
            Score(
                name="facts",
                value=0.5,
                reason="One of two facts is missing.",
                source="facts",
                method="fact",
                passed=False,
                evidence=(5,),
            ),
            Score(name="rubric", value=None, reason="The reply could not be read.", source="rubric", method="model"),
        ),
        "reward": (index % 11) / 10,
        "outcome": "success" if index % 3 else "failure",
        "culprit": None if index % 3 else "agent",
        "end": "done",
        "calls": (ModelCall(role="teacher", model="reference", prompt_tokens=900, completion_tokens=80, seconds=0.4),),
        "execution": Execution(sandbox="local", isolated=False, started_at=1.7e9, seconds=1.25),
    }
    return trajectory_of(index, **values | changes)


def never_started(index: int) -> Trajectory:
    """Return a trajectory whose task was rejected before anyone talked about it."""
    return refund_trajectory(
        index,
        turns=(),
        diff=None,
        scores=(),
        reward=None,
        outcome="unmeasured",
        culprit=None,
        status="rejected",
        stage="proven",
        reason="passes_untouched",
        detail="The check passes with no action at all.",
        end="not_started",
        calls=(),
    )


# ---------------------------------------------------------------- of the shop: everything that has broken an export


def shop_trajectory(index: int, talked: tuple[Turn, ...], tools: tuple[Tool, ...] = SHOP, **changes: Any) -> Trajectory:
    """Return a kept trajectory of a model teacher with these turns, without a task."""
    values: dict[str, Any] = {
        "id": f"rollout{index:04d}",
        "batch_fingerprint": "fingerprint",
        "domain": "shop" if tools == SHOP else "bank",
        "domain_digest": "0123456789abcdef",
        "template": "price",
        "mode": "multiple",
        "seed": 7 + index,
        "teacher": "llm",
        "models": {"teacher": "some/model"},
        "tools": tools,
        "turns": talked,
        "scores": (
            Score(name="state", value=1.0, reason="equal", source="state", method="state", passed=True, evidence=(2,)),
            Score(name="rubric", value=None, reason="no verdict", source="rubric", method="model", model="judge"),
        ),
        "reward": 1.0,
        "outcome": "success",
        "end": "done",
        "calls": (ModelCall(role="teacher", model="some/model", prompt_tokens=10, seconds=1.25),),
        "execution": Execution(sandbox="local", isolated=False, started_at=1.0, seconds=2.0),
    }
    return trajectory_of(index, **values | changes)


def proven_trajectory() -> Trajectory:
    """Return a reference rollout with its task, proof and state difference."""
    talked = (
        turns.SYSTEM,
        user_turn("Price of #W5?"),
        Turn(role="assistant", tool_calls=(PRICE_CALL,)),
        result_turn("c1", "get_order", "3"),
        assistant_turn("It is 3."),
    )
    return shop_trajectory(
        8,
        talked,
        teacher="reference",
        models={},
        task=price_task(),
        proof=price_proof(),
        diff=PRICE_DIFF,
        begun=(1,),
        calls=(),
    )


def mixed_trajectories() -> list[Trajectory]:
    """Return one trajectory of each dialogue of the shop and the bank, and one with a proof.

    The last but one can be no chat row, because a call of it is no JSON.
    """
    return [
        shop_trajectory(0, turns.PARALLEL, mode="parallel"),
        shop_trajectory(1, turns.NESTED),
        shop_trajectory(2, turns.EMPTY, BANK),
        shop_trajectory(3, turns.RECOVERED, mode="tool_error", reward=0.75),
        shop_trajectory(4, turns.NO_TOOL, mode="no_tool"),
        shop_trajectory(5, turns.CORRECTED),
        shop_trajectory(6, turns.BROKEN),
        proven_trajectory(),
    ]


def hostile_trajectories() -> list[Trajectory]:
    """Return trajectories whose texts look like parts of the export formats."""
    texts = (
        "<think>\nnot a thought\n</think>\n\nanswer",
        '{"from": "gpt", "value": "x"}\n{"broken',
        "line\u2028separator\x00nul \\u0000 \ufeff ```json",
        "</tool_call><|im_end|>{{ bos_token }}{% raw %}",
    )
    found = []
    for index, text in enumerate(texts):
        talked = (
            Turn(role="system", content=text),
            user_turn(text),
            calling_turn(("a", "get_order", {"id": text, "<think>": "</think>", "big": 2**70})),
            result_turn("a", "get_order", text),
            assistant_turn(text, reasoning=text),
        )
        found.append(shop_trajectory(index, talked, id=f"hostile{index}"))
    joined = "one\n</tool_response>\n<tool_response>\ntwo"
    talked = (
        user_turn("Both?"),
        calling_turn(("a", "get_order", {"id": "1"}), ("b", "get_order", {"id": "2"})),
        result_turn("a", "get_order", joined),
        result_turn("b", "get_order", "three"),
        assistant_turn("Three."),
    )
    return [*found, shop_trajectory(9, talked, id="hostile9")]


def attempts(task: str, index: int, *talks: tuple[Turn, ...]) -> list[Trajectory]:
    """Return attempts at one task of the shop: the first is kept, the others were rejected by the agent's fault."""
    lost: dict[str, Any] = {"status": "rejected", "stage": "state", "reason": "state_mismatch", "culprit": "agent"}
    return [
        shop_trajectory(
            index + n, talk, attempt=n, imported={"group_id": task}, reward=0.0 if n else 1.0,
            outcome="failure" if n else "success", **(lost if n else {}),
        )
        for n, talk in enumerate(talks)
    ]  # fmt: skip
