"""Example tools."""

from __future__ import annotations

from engine.types import Tool


def tool_named(name: str, effect: str = "read", **properties: str) -> Tool:
    """Return a tool whose arguments have the given JSON types; none is required."""
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


SHOP = (
    tool_named("get_order", id="string"),
    tool_named("set_price", "write", id="integer", value="number", options="object"),
)
BANK = (
    tool_named("get_balance", id="integer", value="array"),
    tool_named("pay", "write", value="string", note="string"),
)
"""Both sets have arguments `id` and `value`, of different types."""

GET_BALANCE = Tool(
    name="get_balance",
    description="Return the balance of an account.",
    parameters={"type": "object", "properties": {"account_id": {"type": "string"}}, "required": ["account_id"]},
    effect="read",
)
FIND_ORDER = Tool(
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
REFUND_ORDER = Tool(
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
