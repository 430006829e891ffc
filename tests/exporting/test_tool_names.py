"""Other names for tools: everywhere in a dialogue the same, allowed by every consumer, and drawn by seed."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import plugins
from engine.errors import InputError
from engine.exporting.alterations.tool_names import Renaming
from engine.exporting.build import ExportResult, build
from engine.exporting.convert import Conversion
from engine.exporting.json import dump_bytes
from engine.exporting.record import record_of
from engine.types import Attachment, NameStyle, Recipe, Tool, Trajectory, Turn
from tests.exporting.export_steps import entries
from tests.samples.trajectories import attempts, mixed_trajectories, shop_trajectory
from tests.samples.turns import assistant_turn, calling_turn, result_turn, user_turn
from tests.targets.rows import dialogues

STYLES: tuple[NameStyle, ...] = get_args(NameStyle)
WHOLE = {"train": 1.0}
ALLOWED = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def tool(name: str, description: str = "", **parameters: Any) -> Tool:
    return Tool(name=name, description=description, parameters={"type": "object", **parameters}, effect="read")


def rows(trajectory: Trajectory, **recipe: Any) -> list[dict[str, Any]]:
    ((_, body, reviews),) = entries([trajectory])
    return [json.loads(dump_bytes(row)) for row in Conversion(Recipe(**recipe)).record_and_rows(body, reviews)[1].rows]


def built(folder: Path, source: list[Trajectory], **recipe: Any) -> tuple[list[dict[str, Any]], ExportResult]:
    result = build(Recipe(splits=WHOLE, **recipe), entries(source), folder / "o.zip")
    with zipfile.ZipFile(result.path) as archive:
        return [json.loads(line) for line in archive.read("train.jsonl").splitlines()], result


TOOLS = (
    tool(
        "get_order",
        "Look up an order. See set_price to change it.",
        properties={"id": {"description": "For get_order."}},
    ),
    tool("set_price", "Change a price; call get_order first."),
    tool("search", "Search for a thing."),
)
TURNS = (
    Turn(role="system", content="Call get_order before set_price. Use `search` to search; search(x) is cheap."),
    user_turn("Please search for my get_order."),
    calling_turn(
        ("a", "get_order", {"id": "get_order"}), content="I call get_order.", reasoning="set_price comes later."
    ),
    result_turn("a", "get_order", '{"next": "set_price2", "id": "get_order"}'),
    calling_turn(("b", "getOrder", {})),
    result_turn(
        "b", "getOrder", "There is no tool getOrder; there are get_order, set_price, search.", fault="unknown_tool"
    ),
    assistant_turn("Done with set_price, I search no more."),
)


def test_every_mention_of_a_tool_has_the_new_name_and_values_stay() -> None:
    (row,) = rows(shop_trajectory(0, TURNS, TOOLS), tool_names="upper_case")
    system, asked, call, result, wrong, refused, last = row["messages"]
    assert system["content"] == "Call GET_ORDER before SET_PRICE. Use `SEARCH` to search; SEARCH(x) is cheap."
    assert asked["content"] == TURNS[1].content
    assert call["tool_calls"][0]["function"] == {"name": "GET_ORDER", "arguments": {"id": "get_order"}}
    assert call["content"] == "I call get_order.", (
        "get_order is a value here too, so only what is surely a tool changes"
    )
    assert call["reasoning_content"] == "SET_PRICE comes later."
    assert (result["name"], result["content"]) == ("GET_ORDER", TURNS[3].content)
    assert wrong["tool_calls"][0]["function"]["name"] == refused["name"] == "GET_ORDER_2"
    assert refused["content"] == "There is no tool GET_ORDER_2; there are GET_ORDER, SET_PRICE, search."
    assert last["content"] == "Done with SET_PRICE, I search no more."
    first, second, third = (one["function"] for one in json.loads(row["tools"]))
    assert [one["name"] for one in (first, second, third)] == ["GET_ORDER", "SET_PRICE", "SEARCH"]
    assert first["description"] == "Look up an order. See SET_PRICE to change it."
    assert first["parameters"]["properties"]["id"]["description"] == "For GET_ORDER."
    assert third["description"] == "Search for a thing."


@pytest.mark.parametrize("style", STYLES)
def test_a_call_names_the_tool_that_was_called(style: NameStyle) -> None:
    for trajectory in mixed_trajectories():
        before, after = record_of(trajectory), Renaming(style, 3).renamed(record_of(trajectory)).record
        new = dict(zip([one.name for one in before.tools], [one.name for one in after.tools], strict=True))
        assert len(set(new.values())) == len(new)
        for old, made in zip(before.turns, after.turns, strict=True):
            assert [call.name for call in made.tool_calls] == [new[call.name] for call in old.tool_calls]
            assert [call.arguments for call in made.tool_calls] == [call.arguments for call in old.tool_calls]
            assert made.name == (new[old.name] if old.name else old.name)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=80), unique=True, max_size=12), st.sampled_from(STYLES), st.integers(0, 99))
def test_names_are_allowed_everywhere_and_never_alike(names: list[str], style: NameStyle, seed: int) -> None:
    found = Renaming(style, seed).new_names(names, "task")
    assert len(set(found.values())) == len(names)
    assert all(ALLOWED.fullmatch(name) for name in found.values())
    assert found == Renaming(style, seed).new_names(names, "task")


def test_names_that_become_alike_or_words_of_python_get_a_number() -> None:
    names = ["get_order", "getOrder", "Get-Order", "class", "_", "2fast", "x" * 80, "x" * 90]
    found = list(Renaming("snake_case", 0).new_names(names, "task").values())
    assert found[:6] == ["get_order", "get_order_2", "get_order_3", "class_2", "tool", "tool_2_fast"]
    assert [len(name) for name in found[6:]] == [64, 64]
    assert Renaming("camel_case", 0).new_names(["HTTPServer_get2"], "t") == {"HTTPServer_get2": "httpServerGet2"}


def test_seed_and_task_draw_the_names_and_attempts_share_them() -> None:
    def names(seed: int, group: str) -> dict[str, str]:
        return Renaming("random", seed).new_names(["get_order", "set_price"], group)

    assert len({tuple(names(seed, group).values()) for seed in (0, 1) for group in ("a", "b")}) == 4
    cases = {Renaming("mixed", 0).new_names(["get_order"], str(n))["get_order"] for n in range(40)}
    assert cases == {"get_order", "getOrder", "GetOrder", "GET_ORDER"}


def test_pairs_stay_pairs(tmp_path: Path) -> None:
    source = dialogues()
    plain, before = built(tmp_path, source, target="trl/dpo")
    other, after = built(tmp_path, source, target="trl/dpo", tool_names="random")
    assert len(other) == len(plain) > 0
    assert before.report["dropped"] == after.report["dropped"]
    called = {call["function"]["name"] for row in other for one in row["chosen"] for call in one.get("tool_calls", ())}
    offered = {one["function"]["name"] for row in other for one in json.loads(row["tools"])}
    assert called
    assert called <= offered


REAL_NAMES = ("rl_tasks", "trajectory")
"""Formats that hold what really ran, or what is to run with the real tools."""


@pytest.mark.parametrize("name", [name for name in plugins.names("exporters") if name not in REAL_NAMES])
def test_no_format_lets_an_old_name_through(name: str) -> None:
    turns = (
        user_turn("Look."),
        calling_turn(("a", "get_order", {"id": "1"})),
        result_turn("a", "get_order", "5"),
        assistant_turn("5."),
    )
    noted = (Attachment(turn=1, kind="vote", value="get_order"),)
    good = shop_trajectory(0, turns).model_copy(update={"attachments": noted})
    source = [good] if name != "preference" else attempts("t", 0, turns, (turns[0], assistant_turn("No.")))
    made = Recipe(format=name, tool_names="random", include_rejected=True)
    conversion = Conversion(made)
    group = (
        conversion.encode_group(entries(source))
        if conversion.grouped
        else [conversion.encode(one) for one in entries(source)]
    )
    text = b"".join(row for one in group for row in one.converted.rows)
    assert text
    assert b"get_order" not in text


def test_without_the_option_no_byte_changes_and_with_it_report_and_card_say_so(tmp_path: Path) -> None:
    plain, before = built(tmp_path, mixed_trajectories())
    assert "tool_names" not in Recipe().model_dump()
    assert "tool_names_changed" not in before.report["changed"]
    _, result = built(tmp_path, mixed_trajectories(), tool_names="pascal_case")
    count = result.report["changed"]["tool_names_changed"]
    assert count == result.report["exported"] == len(plain)
    with zipfile.ZipFile(result.path) as archive:
        card = archive.read("README.md").decode()
    assert f"in {count} trajectories" in card
    same, result = built(tmp_path, mixed_trajectories(), tool_names="snake_case")
    assert same == plain, "names that have the style already stay"
    assert "tool_names_changed" not in result.report["changed"]


def test_whole_records_keep_the_names_that_ran() -> None:
    for name in REAL_NAMES:
        with pytest.raises(InputError, match="really called"):
            Conversion(Recipe(format=name, tool_names="random"))
