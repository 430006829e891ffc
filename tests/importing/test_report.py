"""The import report: everything dropped or changed is counted, and a bad record affects no other."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from engine.errors import InputError
from engine.importing.lines import LONGEST_LINE, lines_of
from engine.importing.read import importer_of, read, report_lines
from engine.importing.report import LISTED, Report
from engine.types import Trajectory
from tests.exporting.export_steps import exported
from tests.importers.reading import TOOL, calls, imported, one, says
from tests.samples.trajectories import shop_trajectory
from tests.samples.turns import NO_TOOL

GOOD: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}, says()]}
BAD: list[Any] = [
    {"messages": []},
    b"{nonsense",
    b"[1]",
    b'{"messages": "5"}',
    b'{"a": 1e999}',
    b"x" * (LONGEST_LINE + 1),
    GOOD | {"tools": '{"a": 1}'},
    GOOD | {"tools": '[{"name": "\\udc00"}]'},
    GOOD | {"metadata": '{"rollout": "r", "mode": "none such"}'},
    {"messages": [{"role": "robot"}]},
    {
        "messages": [
            {"role": "user", "content": "a"},
            calls(json.loads("[" * 150 + "]" * 150 and '{"a":' * 150 + "1" + "}" * 150)),
        ]
    },
]


def from_file(data: bytes, format: str = "chat_jsonl") -> tuple[list[Trajectory], Report]:
    report = Report()
    return list(read(importer_of(format, {}), io.BytesIO(data), "f.jsonl", report)), report


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_record_is_set_aside_with_line_and_reason_and_refuses_no_other(bad: Any) -> None:
    found, report = imported(GOOD, b"", bad, GOOD)
    assert len(found) == 2
    assert (report["rows"], report["set_aside"]) == (3, 1)
    assert report["reasons"][0]["line"] == 3
    assert report["reasons"][0]["reason"].startswith("theirs.jsonl, line 3")
    assert [t.index for t in found] == [0, 1]


@pytest.mark.parametrize("format", ["chat_jsonl", "llamafactory", "trajectory"])
def test_a_file_of_which_no_record_can_be_read_is_refused_with_the_first_reason(format: str) -> None:
    with pytest.raises(InputError, match=r"f.jsonl, line 1.*is not JSON"):
        from_file(b"nonsense\n{}\n", format)
    assert from_file(b"\n\n", format)[0] == []


@pytest.mark.parametrize("number", ["nan", "inf", "-Infinity"])
def test_a_reward_that_is_no_number_sets_its_record_aside(number: str) -> None:
    scored = {"name": "a", "value": number, "reason": "b", "source": "c", "method": "rule"}
    whole = exported("trajectory", [shop_trajectory(0, NO_TOOL)])[0][0]
    for format, good, bad, field in (
        ("chat_jsonl", GOOD, GOOD | {"reward": number}, "reward"),
        ("trajectory", whole, whole | {"reward": number}, "reward"),
        ("trajectory", whole, whole | {"scores": json.dumps([scored])}, "scores.1.value"),
    ):
        found, report = imported(good, bad, format=format)
        assert (len(found), report["set_aside"]) == (1, 1)
        assert f"line 2, field {field}: Input should be a finite number" in report["reasons"][0]["reason"]


def test_reasons_are_listed_up_to_a_bound_and_counted_all() -> None:
    found, report = imported(GOOD, *[{"messages": []}] * (LISTED + 30))
    assert len(found) == 1
    assert (report["set_aside"], len(report["reasons"])) == (LISTED + 30, LISTED)
    assert "  and 30 more" in report_lines(report)


def test_a_key_that_has_no_place_is_named() -> None:
    row = GOOD | {"source": "web", "tags": [], "score": None, "split": {"a": 1}}
    row["messages"] = [{"role": "user", "content": "Hi", "lang": "en"}, says(logprobs=[1], audio=None)]
    _, report = imported(row, GOOD | {"source": "book"})
    assert report["lost"] == {"messages.lang": 1, "messages.logprobs": 1, "source": 2, "split": 1}
    call = {
        "id": "c",
        "type": "function",
        "index": 0,
        "cache": 1,
        "function": {"name": "look_up", "arguments": {}, "v": 2},
    }
    _, report = one({"role": "assistant", "tool_calls": [call]}, tools=[TOOL | {"returns": {"type": "string"}}])
    assert report["lost"] == {"tool_calls.cache": 1, "tool_calls.v": 1, "tools.returns": 1}


@pytest.mark.parametrize(
    ("message", "lost"),
    [
        (says([{"type": "thinking", "thinking": "a"}, "Hello"], reasoning="b"), ["content.thinking"]),
        (says([{"type": "thinking", "thinking": "a"}, "Hello"], reasoning="a"), []),
        (says([{"type": "text", "text": "Hello", "citations": [1], "annotations": []}]), ["content.citations"]),
        (says(name="ada", tool_call_id="c"), ["messages.name", "messages.tool_call_id"]),
        ({"role": "user", "content": "a", "reasoning": "b"}, ["messages.reasoning"]),
        ({"role": "user", "content": "a", "name": "ada"}, ["messages.name"]),
        ({"role": "user", "content": "a", "tool_calls": calls({})["tool_calls"]}, ["messages.tool_calls"]),
        ({"role": "user", "content": "a", "tool_calls": [], "thinking": None}, []),
    ],
)
def test_what_a_turn_cannot_hold_is_named(message: dict[str, Any], lost: list[str]) -> None:
    _, report = one(says(), message)
    assert sorted(report["lost"]) == lost


def test_what_a_turn_of_sharegpt_cannot_hold_is_named() -> None:
    said = [
        {"from": "human", "value": "a", "reasoning": "b"},
        {"from": "gpt", "value": "<think>c</think>d", "reasoning": "e"},
    ]
    found, report = imported({"conversations": said}, format="llamafactory")
    assert found[0].turns[1].reasoning == "e"
    assert report["lost"] == {"conversations.reasoning": 1, "think tags beside other reasoning": 1}


@pytest.mark.parametrize(
    ("tool", "lost"),
    [
        (TOOL | {"inputSchema": {"type": "object"}}, ["tools.inputSchema"]),
        (TOOL | {"inputSchema": TOOL["parameters"]}, []),
        (
            {"type": "function", "function": TOOL, "description": "Other.", "parameters": {"type": "object"}},
            ["tools.description", "tools.parameters"],
        ),
        ({"function": TOOL, **TOOL}, []),
    ],
)
def test_what_a_tool_says_twice_is_named(tool: dict[str, Any], lost: list[str]) -> None:
    _, report = one(says(), tools=[tool])
    assert sorted(report["lost"]) == lost


def test_made_up_keys_take_no_memory_without_bound() -> None:
    _, report = imported(*(GOOD | {f"key{n}": 1} for n in range(500)))
    assert sum(report["lost"].values()) == 500
    assert report["lost"]["other keys"] == 300


def test_what_is_set_aside_counts_nowhere_else() -> None:
    row = {"messages": [{"role": "user", "content": "Hi"}, says(odd=1, weight=0)], "reward": "much"}
    _, report = imported(row)
    assert (report["lost"], report["changed"], report["untrained"]) == ({}, {}, 0)


def test_the_report_is_told_in_lines_that_a_terminal_can_show() -> None:
    found, report = imported(GOOD | {"\x1b[31mred": 1}, GOOD, {"messages": []})
    lines = report_lines(report)
    assert lines[0] == "set aside: 1 of 3"
    assert "keys that are not carried:" in lines
    assert all(line.isprintable() for line in lines)
    assert report_lines(imported(GOOD)[1]) == []
    assert found[0].turns == found[1].turns


def test_a_line_without_end_is_never_held_whole() -> None:
    class Endless(io.RawIOBase):
        """A file of one line of a hundred times the bound, then a good one."""

        left = 100

        def readline(self, size: int | None = -1) -> bytes:  # type: ignore[override]
            assert size is not None
            assert 0 < size <= LONGEST_LINE + 1
            self.left -= 1
            if self.left > 0:
                return b"x" * size
            return {0: b"\n", -1: json.dumps(GOOD).encode()}.get(self.left, b"")

    report = Report()
    found = list(importer_of("chat_jsonl", {}).trajectories(lines_of(Endless()), "f", report))  # type: ignore[arg-type]
    assert (len(found), report.set_aside) == (1, 1)


def test_ids_stay_apart_whatever_is_given() -> None:
    found, _ = imported(*(GOOD | {"id": id} for id in ("a", "a", "a-1", "a", 7, "7", 7, True, None, {"x": 1})))
    assert len({t.id for t in found}) == len(found) == 10
    assert {"a", "7"} < {t.id for t in found}
