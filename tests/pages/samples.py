"""Trajectories made up for tests of pages: small, long, hostile, failed, never started."""

from __future__ import annotations

from engine.types import (
    Change,
    Leaf,
    ModelCall,
    Persona,
    Proof,
    ProvenCall,
    ProvenTurn,
    ReferenceCall,
    Score,
    StateDiff,
    Task,
    TaskTurn,
    Tool,
    ToolCall,
    ToolResult,
    Trajectory,
    Turn,
)
from engine.types import Execution as MachineFacts

FIND = Tool(
    name="find_order",
    description="Find an order by its id.",
    parameters={
        "type": "object",
        "properties": {"order_id": {"type": "string"}},
        "required": ["order_id"],
        "additionalProperties": False,
    },
    effect="read",
)
REFUND = Tool(
    name="refund_order",
    description="Refund an order.",
    parameters={
        "type": "object",
        "properties": {"order_id": {"type": "string"}, "amount": {"type": "number", "minimum": 0}},
        "required": ["order_id", "amount"],
        "additionalProperties": False,
    },
    effect="write",
)
PERSONA = Persona(
    id="ada",
    name="Ada",
    occupation="Teacher",
    goal_style="brief",
    tone="friendly",
    expertise="novice",
    patience=4,
    disclosure="step_by_step",
    description="Asks short questions.",
)
HOSTILE = (
    '<script>window.hacked=1</script><img src="http://203.0.113.9/leak.png" onerror="window.hacked=2">'
    " ![x](http://203.0.113.9/leak2.png) [go](javascript:window.hacked=3) <style>body{display:none}</style>"
    " :material/warning: $\\href{javascript:window.hacked=4}{x}$"
)


def turns(rounds: int = 2, hostile: bool = False) -> tuple[Turn, ...]:
    """Return a system turn and `rounds` x (user, call, result, answer)."""
    found = [Turn(role="system", content="You are a shop assistant. Refund only delivered orders.")]
    for n in range(rounds):
        order = f"W{n:04d}"
        found += [
            Turn(role="user", content=HOSTILE if hostile else f"Please refund my order {order}."),
            Turn(
                role="assistant",
                reasoning="I need the order first." if n == 0 else None,
                tool_calls=(
                    ToolCall(id=f"a{n}", name="find_order", arguments={"order_id": HOSTILE if hostile else order}),
                    ToolCall(id=f"b{n}", name="refund_order", arguments={"order_id": order, "amount": 25.5}),
                ),
            ),
            Turn(
                role="tool",
                name="find_order",
                tool_call_id=f"a{n}",
                content=f'{{"order_id": "{order}", "status": "delivered", "items": [{{"sku": "A1", "price": 25.5}}]}}',
            ),
            Turn(
                role="tool",
                name="refund_order",
                tool_call_id=f"b{n}",
                content=HOSTILE if hostile else "The amount is too high.",
                fault=None if hostile else "tool_error",
            ),
            Turn(role="assistant", content=HOSTILE if hostile else f"Order {order} was delivered; I refunded 25.50."),
        ]
    return tuple(found)


def proof(task_id: str) -> Proof:
    """Return a proof with one reference call."""
    return Proof(
        task_id=task_id,
        turns=(
            ProvenTurn(
                calls=(
                    (
                        ProvenCall(
                            call=ToolCall(
                                id="p0", name="refund_order", arguments={"order_id": "W0000", "amount": 25.5}
                            ),
                            result=ToolResult(content='{"refunded": 25.5}'),
                        ),
                    ),
                ),
                answer="I refunded 25.50.",
                facts=(("25.50",),),
            ),
        ),
        expected=diff(),
    )


def diff() -> StateDiff:
    """Return a change of one JSON file."""
    leaves = (
        Leaf(pointer="/orders/W0000/status", before="delivered", after="refunded"),
        Leaf(pointer="/orders/W0000/refund", before=None, after=25.5),
    )
    return StateDiff(changes=(Change(path="store.json", kind="modified", format="json", leaves=leaves),))


def task(index: int) -> Task:
    """Return a task of one turn."""
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
        tools=(FIND, REFUND),
        difficulty=0.4,
        seed=7,
    )


def trajectory(index: int = 0, *, rounds: int = 2, hostile: bool = False, **changes: object) -> Trajectory:
    """Return a kept trajectory of the reference teacher; `changes` replace fields."""
    values: dict[str, object] = {
        "id": f"rollout-{index}",
        "index": index,
        "batch_fingerprint": "f" * 16,
        "domain": "retail",
        "domain_digest": "d" * 16,
        "template": "refund",
        "mode": "dependent",
        "attempt": 0,
        "seed": index,
        "persona": PERSONA.id,
        "teacher": "reference",
        "user": "reference",
        "task": task(index),
        "proof": proof(f"task-{index}"),
        "tools": (FIND, REFUND),
        "turns": turns(rounds, hostile),
        "diff": diff(),
        "scores": (
            Score(name="state", value=1.0, reason="Equal both ways.", source="state", method="state", passed=True),
            Score(name="facts", value=0.5, reason="One of two facts is missing.", source="facts", method="fact",
                  passed=False, evidence=(5,)),
            Score(name="rubric", value=None, reason="The reply could not be read.", source="rubric", method="model"),
        ),
        "reward": (index % 11) / 10,
        "outcome": "success" if index % 3 else "failure",
        "culprit": None if index % 3 else "agent",
        "end": "done",
        "status": "kept",
        "calls": (ModelCall(role="teacher", model="reference", prompt_tokens=900, completion_tokens=80, seconds=0.4),),
        "execution": MachineFacts(sandbox="local", isolated=False, started_at=1.7e9, seconds=1.25),
    }  # fmt: skip
    return Trajectory.model_validate({**values, **changes})


def never_started(index: int) -> Trajectory:
    """Return a trajectory whose task was rejected before anyone talked about it."""
    return trajectory(
        index, turns=(), diff=None, scores=(), reward=None, outcome="unmeasured", culprit=None, status="rejected",
        stage="proven", reason="passes_untouched", detail="The check passes with no action at all.", end="not_started",
        calls=(),
    )  # fmt: skip
