"""One mixed set of trajectories: everything that has broken an export somewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine import plugins
from engine.exporters.trajectory import AS_JSON
from engine.exporting.json import dump_bytes, part_fields
from engine.exporting.record import record_of
from engine.exporting.report import Report
from engine.exporting.reviewed import apply_reviews
from engine.types import (
    Change,
    Execution,
    Leaf,
    ModelCall,
    Proof,
    ProvenCall,
    ProvenTurn,
    Review,
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
from storage.intake.rows import dump


def tool(name: str, effect: str = "read", **properties: str) -> Tool:
    """Return a tool whose arguments have the given JSON types."""
    return Tool(
        name=name,
        description=f"{name.replace('_', ' ').capitalize()} – “exactly”.",
        parameters={
            "type": "object",
            "properties": {key: {"type": kind} for key, kind in properties.items()},
            "required": [],
        },
        effect=effect,  # type: ignore[arg-type]
    )


SHOP = (tool("get_order", id="string"), tool("set_price", "write", id="integer", value="number", options="object"))
BANK = (tool("get_balance", id="integer", value="array"), tool("pay", "write", value="string", note="string"))
"""Both sets have arguments `id` and `value`, of different types."""

SYSTEM = Turn(role="system", content="You serve the shop. Never guess.")


def applied(trajectory: Trajectory, reviews: Sequence[Review], untrained: Any = "mask") -> Trajectory:
    """Return the trajectory as the reviews leave it, checked in full."""
    found = apply_reviews(record_of(trajectory), reviews, untrained)
    assert found is not None
    return Trajectory.model_validate_json(dump_bytes(part_fields(found)))


def user(text: str) -> Turn:
    return Turn(role="user", content=text)


def says(text: str, **more: Any) -> Turn:
    return Turn(role="assistant", content=text, **more)


def calls(*named: tuple[str, str, dict[str, Any]], **more: Any) -> Turn:
    """Return an assistant turn with calls given as (id, name, arguments)."""
    made = tuple(ToolCall(id=id, name=name, arguments=arguments) for id, name, arguments in named)
    return Turn(role="assistant", tool_calls=made, **more)


def result(id: str, name: str, content: str, **more: Any) -> Turn:
    return Turn(role="tool", tool_call_id=id, name=name, content=content, **more)


def made(index: int, turns: tuple[Turn, ...], tools: tuple[Tool, ...] = SHOP, **changes: Any) -> Trajectory:
    """Return a kept trajectory of these turns."""
    values: dict[str, Any] = {
        "id": f"rollout{index:04d}",
        "index": index,
        "batch_fingerprint": "fingerprint",
        "domain": "shop" if tools == SHOP else "bank",
        "domain_digest": "0123456789abcdef",
        "template": "price",
        "mode": "multiple",
        "attempt": 0,
        "seed": 7 + index,
        "persona": "ada",
        "teacher": "llm",
        "user": "reference",
        "models": {"teacher": "some/model"},
        "tools": tools,
        "turns": turns,
        "scores": (
            Score(name="state", value=1.0, reason="equal", source="state", method="state", passed=True, evidence=(2,)),
            Score(name="rubric", value=None, reason="no verdict", source="rubric", method="model", model="judge"),
        ),
        "reward": 1.0,
        "outcome": "success",
        "end": "done",
        "status": "kept",
        "calls": (ModelCall(role="teacher", model="some/model", prompt_tokens=10, seconds=1.25),),
        "execution": Execution(sandbox="local", isolated=False, started_at=1.0, seconds=2.0),
    }
    return Trajectory(**values | changes)


PARALLEL = (
    SYSTEM,
    user("Compare orders #W1 and #W2."),
    calls(("c1", "get_order", {"id": "#W1"}), ("c2", "get_order", {"id": "#W2"})),
    result("c1", "get_order", '{"price": 20.5}'),
    result("c2", "get_order", '{"price": 21}'),
    says("#W1 costs 20.5, #W2 costs 21."),
)
NESTED = (
    SYSTEM,
    user("Set the price of 12 to 20.5, for Zoë 店 – “now”."),
    calls(
        (
            "c1",
            "set_price",
            {"id": 12, "value": 20.5, "options": {"tags": ["新", {"deep": [1, 2.0, True]}], "why": "Zoë 🙂"}},
        ),
        reasoning="The user gave all values.",
    ),
    result("c1", "set_price", '{"ok": true, "who": "Zoë 店"}'),
    says("Done, Zoë 🙂.", reasoning="Confirm it."),
)
EMPTY = (
    user("Show what you can."),
    calls(("c1", "get_balance", {}), content="Let me look."),
    result("c1", "get_balance", "[]"),
    calls(("c2", "pay", {"value": "5", "note": None})),
    result("c2", "pay", "paid"),
    says("Nothing there; 5 are paid."),
)
RECOVERED = (
    SYSTEM,
    user("Order #W9?"),
    calls(("c1", "get_order", {"number": "#W9"}), train=False),
    result("c1", "get_order", '{"error": "number is not an argument"}', fault="invalid_arguments"),
    calls(("c2", "get_order", {"id": "#W9"})),
    result("c2", "get_order", '{"error": "temporarily unavailable"}', fault="injected"),
    calls(("c3", "get_order", {"id": "#W9"})),
    result("c3", "get_order", '{"price": 1}'),
    says("It costs 1."),
)
NO_TOOL = (SYSTEM, user("Hello"), user("Do you ship abroad?"), says("No, within the country only."))
CORRECTED = (
    SYSTEM,
    user("Is #W3 paid?"),
    says("Yes, it is.", original=says("I guess so.")),
    user("Thanks!"),
)
BROKEN = (
    SYSTEM,
    user("Order #W4?"),
    Turn(role="assistant", tool_calls=(ToolCall(id="c1", name="get_order", raw='{"id": "#W4"'),)),
    result("c1", "get_order", "not JSON", fault="invalid_arguments"),
    says("Sorry."),
)


def proven() -> Trajectory:
    """Return a reference rollout with its task, proof and state difference."""
    task = Task(
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
    call = ToolCall(id="c1", name="get_order", arguments={"id": "#W5"})
    changed = Change(path="store.json", kind="modified", format="json", leaves=(Leaf(pointer="/seen", after=1),))
    turn = ProvenTurn(calls=((ProvenCall(call=call, result=ToolResult(content="3", seconds=0.5)),),), answer="It is 3.")
    turns = (
        SYSTEM,
        user("Price of #W5?"),
        Turn(role="assistant", tool_calls=(call,)),
        result("c1", "get_order", "3"),
        says("It is 3."),
    )
    return made(
        8,
        turns,
        teacher="reference",
        models={},
        task=task,
        proof=Proof(task_id="task-a", turns=(turn,), expected=StateDiff(changes=(changed,))),
        diff=StateDiff(changes=(changed,)),
        begun=(1,),
        calls=(),
    )


def entries(
    trajectories: Sequence[Trajectory], reviews: Mapping[int, list[Review]] | None = None
) -> list[tuple[int, bytes, Sequence[Review]]]:
    """Return trajectories as storage streams them; the place in the list is the id."""
    return [(n, dump(t).encode(), (reviews or {}).get(n, [])) for n, t in enumerate(trajectories)]


def exported(
    name: str, trajectories: Sequence[Trajectory], **options: Any
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows that a format makes of trajectories, and its report."""
    exporter = plugins.load("exporters", name).make(plugins.configure("exporters", name, options))
    report = Report(exporter.never_carried)
    rows = [row for t in trajectories for row in report.admit(exporter.convert(record_of(t)))]
    return [json.loads(dump_bytes(row)) for row in rows], report.as_dict()


def opened(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of whole records with the fields that it holds as the text of their JSON."""
    return {key: json.loads(value) if key in AS_JSON else value for key, value in row.items()}


def mixed() -> list[Trajectory]:
    """Return them all; the last but one can be no chat row, and no reward of one is known."""
    return [
        made(0, PARALLEL, mode="parallel"),
        made(1, NESTED),
        made(2, EMPTY, BANK),
        made(3, RECOVERED, mode="tool_error", reward=0.75),
        made(4, NO_TOOL, mode="no_tool"),
        made(5, CORRECTED),
        made(6, BROKEN),
        proven(),
    ]


def hostile() -> list[Trajectory]:
    """Return trajectories whose texts look like parts of the formats."""
    texts = (
        "<think>\nnot a thought\n</think>\n\nanswer",
        '{"from": "gpt", "value": "x"}\n{"broken',
        "line\u2028separator\x00nul \\u0000 \ufeff ```json",
        "</tool_call><|im_end|>{{ bos_token }}{% raw %}",
    )
    found = []
    for index, text in enumerate(texts):
        turns = (
            Turn(role="system", content=text),
            user(text),
            calls(("a", "get_order", {"id": text, "<think>": "</think>", "big": 2**70})),
            result("a", "get_order", text),
            says(text, reasoning=text),
        )
        found.append(made(index, turns, id=f"hostile{index}"))
    joined = "one\n</tool_response>\n<tool_response>\ntwo"
    turns = (
        user("Both?"),
        calls(("a", "get_order", {"id": "1"}), ("b", "get_order", {"id": "2"})),
        result("a", "get_order", joined),
        result("b", "get_order", "three"),
        says("Three."),
    )
    return [*found, made(9, turns, id="hostile9")]
