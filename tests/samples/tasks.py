"""Example tasks with their proofs: two requests for a balance, one refund, one price."""

from __future__ import annotations

from typing import Any

from engine.types import (
    Change,
    Leaf,
    Proof,
    ProvenCall,
    ProvenTurn,
    ReferenceCall,
    StateDiff,
    Task,
    TaskTurn,
    ToolCall,
    ToolResult,
)
from tests.samples.tools import FIND_ORDER, GET_BALANCE, REFUND_ORDER, SHOP


def json_change(*leaves: Leaf) -> StateDiff:
    """Return a state difference in which one JSON file was changed at these leaves."""
    return StateDiff(changes=(Change(path="store.json", kind="modified", format="json", leaves=leaves),))


# ---------------------------------------------------------------- of the ledger


def balance_task(**first: Any) -> Task:
    """Return a task of two requests, the first with two groups of calls; `first` changes its first turn."""
    slots = {"owner": "Ada", "account_id": "A-100"}
    opening = TaskTurn(
        mode="parallel",
        say="Ada here. What is on my accounts?",
        slots=slots,
        chain=tuple(ReferenceCall(call="get_balance", arguments={"account_id": str(i)}) for i in range(3)),
        groups=(0, 0, 1),
        answer="They hold 5, 6 and 7.",
    )
    more = TaskTurn(mode="multiple", say="And the first once more?", slots=slots, answer="It holds 5.")
    return Task(
        id="t1",
        domain="ledger",
        template="balance",
        templates=("balance",),
        modes=("parallel", "multiple"),
        goal="You are Ada and want to know the balance of account A-100.",
        slots=slots,
        turns=(opening.model_copy(update=first), more),
        tools=(GET_BALANCE,),
        difficulty=1.0,
        seed=0,
    )


def balance_proof() -> Proof:
    """Return the proof of `balance_task`; it changes no state."""
    calls = [
        ProvenCall(
            call=ToolCall(id=f"call_{i}", name="get_balance", arguments={"account_id": str(i)}),
            result=ToolResult(content=str(5 + i)),
        )
        for i in range(4)
    ]
    return Proof(
        task_id="t1",
        turns=(
            ProvenTurn(calls=((calls[0], calls[1]), (calls[2],)), answer="They hold 5, 6 and 7."),
            ProvenTurn(calls=((calls[3],),), answer="It holds 5."),
        ),
    )


# ---------------------------------------------------------------- of a refund


def refund_diff() -> StateDiff:
    """Return what a refund changes."""
    return json_change(
        Leaf(pointer="/orders/W0000/status", before="delivered", after="refunded"),
        Leaf(pointer="/orders/W0000/refund", before=None, after=25.5),
    )


def refund_task(index: int) -> Task:
    """Return a task of one request."""
    return Task(
        id=f"task-{index}",
        domain="retail",
        template="refund",
        templates=("refund",),
        modes=("dependent",),
        goal="Get a refund for order W0000.",
        slots={"order_id": "W0000"},
        turns=(
            TaskTurn(
                mode="dependent",
                say="Please refund my order W0000.",
                chain=(ReferenceCall(call="refund_order", arguments={"order_id": "W0000", "amount": 25.5}),),
                groups=(0,),
                answer="I refunded 25.50.",
                facts=("25.50",),
            ),
        ),
        tools=(FIND_ORDER, REFUND_ORDER),
        difficulty=0.4,
        seed=7,
    )


def refund_proof(index: int) -> Proof:
    """Return the proof of `refund_task(index)`, with one call."""
    call = ToolCall(id="p0", name="refund_order", arguments={"order_id": "W0000", "amount": 25.5})
    proven = ProvenCall(call=call, result=ToolResult(content='{"refunded": 25.5}'))
    turn = ProvenTurn(calls=((proven,),), answer="I refunded 25.50.", facts=(("25.50",),))
    return Proof(task_id=f"task-{index}", turns=(turn,), expected=refund_diff())


# ---------------------------------------------------------------- of the shop

PRICE_CALL = ToolCall(id="c1", name="get_order", arguments={"id": "#W5"})
PRICE_DIFF = json_change(Leaf(pointer="/seen", after=1))


def price_task() -> Task:
    """Return a task of one request."""
    return Task(
        id="task-a",
        domain="shop",
        template="price",
        templates=("price",),
        modes=("single",),
        goal="Know the price.",
        slots={"id": "#W1"},
        turns=(TaskTurn(mode="single", say="Price of #W5?", answer="It is 3."),),
        tools=SHOP,
        difficulty=0.25,
        seed=7,
    )


def price_proof() -> Proof:
    """Return the proof of `price_task`, with one call."""
    proven = ProvenCall(call=PRICE_CALL, result=ToolResult(content="3", seconds=0.5))
    return Proof(task_id="task-a", turns=(ProvenTurn(calls=((proven,),), answer="It is 3."),), expected=PRICE_DIFF)
