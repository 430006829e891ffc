"""A small task with its proof, made by hand: two requests, two call groups in the first."""

from __future__ import annotations

from typing import Any

from engine.types import (
    Persona,
    Proof,
    ProvenCall,
    ProvenTurn,
    ReferenceCall,
    Task,
    TaskTurn,
    Tool,
    ToolCall,
    ToolResult,
)

PERSONA = Persona(
    id="ada",
    name="Ada",
    occupation="teacher",
    goal_style="knows what she wants",
    tone="friendly",
    expertise="novice",
    patience=2,
    disclosure="step_by_step",
    description="Ada teaches maths.",
)
TOOL = Tool(
    name="get_balance",
    description="Return the balance of an account.",
    parameters={"type": "object", "properties": {"account_id": {"type": "string"}}, "required": ["account_id"]},
    effect="read",
)
SLOTS = {"owner": "Ada", "account_id": "A-100"}


def task(**first: Any) -> Task:
    """Return the task; `first` changes its first turn."""
    opening = TaskTurn(
        mode="parallel",
        say="Ada here. What is on my accounts?",
        slots=SLOTS,
        chain=tuple(ReferenceCall(call="get_balance", arguments={"account_id": str(i)}) for i in range(3)),
        groups=(0, 0, 1),
        answer="They hold 5, 6 and 7.",
    )
    more = TaskTurn(mode="multiple", say="And the first once more?", slots=SLOTS, answer="It holds 5.")
    return Task(
        id="t1",
        domain="ledger",
        template="balance",
        templates=("balance",),
        modes=("parallel", "multiple"),
        goal="You are Ada and want to know the balance of account A-100.",
        slots=SLOTS,
        turns=(opening.model_copy(update=first), more),
        tools=(TOOL,),
        difficulty=1.0,
        seed=0,
    )


def proof() -> Proof:
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
