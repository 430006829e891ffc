"""Which offered tool a written name means."""

from __future__ import annotations

import pytest

from engine.llms._calls.names import offered_name

TOOLS = ("get_order", "math.sqrt", "find")


@pytest.mark.parametrize(
    "written",
    [
        *("get_order", " get_order\n", '"get_order"', "'get_order'", "`get_order`", "get_order:0", "get_order : 12"),
        *("functions.get_order", "functions.get_order:0", "default_api.get_order", "tool.get_order", "tools.get_order"),
        *("get_order<|channel|>commentary", "get_order<|constrain|>json", "get_order<|", "get order", "get_ order"),
        *(
            "get_order()",
            "get_order(",
            "functions/get_order",
            "functions.get_order<|channel|>commentary",
            "*get_order*",
            "functions.get_order json",
            "get_ordercommentary",
            "get_order{}",
            "functions->get_order",
        ),
    ],
)
def test_what_means_a_tool(written: str) -> None:
    assert offered_name(written, TOOLS) == "get_order"


def test_an_offered_name_is_taken_as_it_is() -> None:
    assert offered_name("math.sqrt", TOOLS) == "math.sqrt"
    assert offered_name("functions.find:1", ("functions.find:1", "find")) == "functions.find:1"


@pytest.mark.parametrize(
    "written", ["", " ", "orders", "get_orders", "get", "GET_ORDER", "<|x|>", ":0", "." * 99, "a " * 50_000]
)
def test_what_means_none(written: str) -> None:
    assert offered_name(written, TOOLS) is None
