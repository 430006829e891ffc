"""Example turns, and dialogues made of them."""

from __future__ import annotations

from typing import Any

from engine.types import ToolCall, Turn

HOSTILE = (
    '<script>window.hacked=1</script><img src="http://203.0.113.9/leak.png" onerror="window.hacked=2">'
    " ![x](http://203.0.113.9/leak2.png) [go](javascript:window.hacked=3) <style>body{display:none}</style>"
    " :material/warning: $\\href{javascript:window.hacked=4}{x}$"
)
"""A text that would act on a page which drew it as anything but text."""


def user_turn(text: str) -> Turn:
    """Return what a user says."""
    return Turn(role="user", content=text)


def assistant_turn(text: str, **more: Any) -> Turn:
    """Return what the assistant says without a call."""
    return Turn(role="assistant", content=text, **more)


def calling_turn(*named: tuple[str, str, dict[str, Any]], **more: Any) -> Turn:
    """Return an assistant turn with calls given as (id, name, arguments)."""
    calls = tuple(ToolCall(id=id, name=name, arguments=arguments) for id, name, arguments in named)
    return Turn(role="assistant", tool_calls=calls, **more)


def result_turn(id: str, name: str, content: str, **more: Any) -> Turn:
    """Return what a tool answers to the call with this id."""
    return Turn(role="tool", tool_call_id=id, name=name, content=content, **more)


def talk(*texts: str) -> tuple[Turn, ...]:
    """Return turns that say these texts, user and assistant in turns, the user first."""
    return tuple(assistant_turn(text) if n % 2 else user_turn(text) for n, text in enumerate(texts))


# ---------------------------------------------------------------- of the ledger

BALANCE = (
    Turn(role="system", content="Be kind."),
    user_turn("What is on A-100?"),
    calling_turn(("c", "get_balance", {"account_id": "A-100"})),
    result_turn("c", "get_balance", "5"),
    assistant_turn("It holds 5."),
)

# ---------------------------------------------------------------- of the shop and the bank, with all that exports meet

SYSTEM = Turn(role="system", content="You serve the shop. Never guess.")
PARALLEL = (
    SYSTEM,
    user_turn("Compare orders #W1 and #W2."),
    calling_turn(("c1", "get_order", {"id": "#W1"}), ("c2", "get_order", {"id": "#W2"})),
    result_turn("c1", "get_order", '{"price": 20.5}'),
    result_turn("c2", "get_order", '{"price": 21}'),
    assistant_turn("#W1 costs 20.5, #W2 costs 21."),
)
NESTED = (
    SYSTEM,
    user_turn("Set the price of 12 to 20.5, for Zoë 店 – “now”."),
    calling_turn(
        (
            "c1",
            "set_price",
            {"id": 12, "value": 20.5, "options": {"tags": ["新", {"deep": [1, 2.0, True]}], "why": "Zoë 🙂"}},
        ),
        reasoning="The user gave all values.",
    ),
    result_turn("c1", "set_price", '{"ok": true, "who": "Zoë 店"}'),
    assistant_turn("Done, Zoë 🙂.", reasoning="Confirm it."),
)
EMPTY = (
    user_turn("Show what you can."),
    calling_turn(("c1", "get_balance", {}), content="Let me look."),
    result_turn("c1", "get_balance", "[]"),
    calling_turn(("c2", "pay", {"value": "5", "note": None})),
    result_turn("c2", "pay", "paid"),
    assistant_turn("Nothing there; 5 are paid."),
)
RECOVERED = (
    SYSTEM,
    user_turn("Order #W9?"),
    calling_turn(("c1", "get_order", {"number": "#W9"}), train=False),
    result_turn("c1", "get_order", '{"error": "number is not an argument"}', fault="invalid_arguments"),
    calling_turn(("c2", "get_order", {"id": "#W9"})),
    result_turn("c2", "get_order", '{"error": "temporarily unavailable"}', fault="injected"),
    calling_turn(("c3", "get_order", {"id": "#W9"})),
    result_turn("c3", "get_order", '{"price": 1}'),
    assistant_turn("It costs 1."),
)
NO_TOOL = (
    SYSTEM,
    user_turn("Hello"),
    user_turn("Do you ship abroad?"),
    assistant_turn("No, within the country only."),
)
CORRECTED = (
    SYSTEM,
    user_turn("Is #W3 paid?"),
    assistant_turn("Yes, it is.", original=assistant_turn("I guess so.")),
    user_turn("Thanks!"),
)
BROKEN = (
    SYSTEM,
    user_turn("Order #W4?"),
    Turn(role="assistant", tool_calls=(ToolCall(id="c1", name="get_order", raw='{"id": "#W4"'),)),
    result_turn("c1", "get_order", "not JSON", fault="invalid_arguments"),
    assistant_turn("Sorry."),
)

# ---------------------------------------------------------------- of a refund


def refund_turns(rounds: int = 2, hostile: bool = False) -> tuple[Turn, ...]:
    """Return a system turn and `rounds` x (user, two calls, two results, answer); `hostile` puts HOSTILE everywhere."""
    found = [Turn(role="system", content="You are a shop assistant. Refund only delivered orders.")]
    for n in range(rounds):
        order = f"W{n:04d}"
        found += [
            user_turn(HOSTILE if hostile else f"Please refund my order {order}."),
            calling_turn(
                (f"a{n}", "find_order", {"order_id": HOSTILE if hostile else order}),
                (f"b{n}", "refund_order", {"order_id": order, "amount": 25.5}),
                reasoning="I need the order first." if n == 0 else None,
            ),
            result_turn(
                f"a{n}",
                "find_order",
                f'{{"order_id": "{order}", "status": "delivered", "items": [{{"sku": "A1", "price": 25.5}}]}}',
            ),
            result_turn(
                f"b{n}",
                "refund_order",
                HOSTILE if hostile else "The amount is too high.",
                fault=None if hostile else "tool_error",
            ),
            assistant_turn(HOSTILE if hostile else f"Order {order} was delivered; I refunded 25.50."),
        ]
    return tuple(found)
