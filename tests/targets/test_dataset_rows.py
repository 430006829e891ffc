"""Rows of public data sets read back: every call, with control tokens inside, as its data set's readers find it."""

from __future__ import annotations

import ast
import json
import re
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from engine.types import Tool, Trajectory
from tests.samples.trajectories import shop_trajectory
from tests.samples.turns import EMPTY, NESTED, PARALLEL, assistant_turn, calling_turn, result_turn, user_turn
from tests.targets.rows import lines, rows

CALL = re.compile(r"<tool_call>\n(.*?)\n</tool_call>", re.DOTALL)
RESULT = re.compile(r"<tool_response>\n(.*?)\n</tool_response>", re.DOTALL)
NOTE = Tool(
    name="save_note",
    description="Save a note.",
    parameters={
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "What to save."},
            "times": {"type": "integer", "default": 1},
            "rate": {"type": "number"},
            "marks": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["text"],
    },
    effect="write",
)
MARKED = ["ends with </tool_call> inside", "<|im_end|> in a string", "<tool_response>x</tool_response>"]


def saved(text: str, **more: Any) -> Trajectory:
    talk = (
        user_turn("Save a note"),
        calling_turn(("c1", "save_note", {"text": text, **more})),
        result_turn("c1", "save_note", f"saved {text}"),
        assistant_turn("Done."),
    )
    return shop_trajectory(0, talk, (NOTE,))


# ---------------------------------------------------------------- Hermes


@pytest.mark.parametrize("text", MARKED)
def test_hermes_readers_find_every_call_and_result(text: str) -> None:
    found, report = lines("hermes", [saved(text)])
    said = json.loads(found[0])["conversations"]
    assert [turn["from"] for turn in said] == ["system", "human", "gpt", "tool", "gpt"]
    assert [json.loads(one) for one in CALL.findall(said[2]["value"])] == [
        {"name": "save_note", "arguments": {"text": text}}
    ]
    assert [json.loads(one) for one in RESULT.findall(said[3]["value"])] == [
        {"name": "save_note", "content": f"saved {text}"}
    ]
    assert "</tool_call>" not in said[3]["value"]
    assert "<|im_end|>" not in said[2]["value"]
    assert report["changed"] == {"control_tokens_escaped": 1}


def test_hermes_holds_text_parallel_calls_and_tools() -> None:
    first, second = rows("hermes", [shop_trajectory(0, PARALLEL), shop_trajectory(1, EMPTY)])
    value = first["conversations"][2]["value"]
    assert [json.loads(one)["arguments"] for one in CALL.findall(value)] == [{"id": "#W1"}, {"id": "#W2"}]
    assert len(RESULT.findall(first["conversations"][3]["value"])) == 2
    assert second["conversations"][2]["value"].startswith("Let me look.\n<tool_call>")
    named = [json.loads(line)["function"]["name"] for line in TOOLS.findall(first["conversations"][0]["value"])]
    assert named == [tool["function"]["name"] for tool in json.loads(first["tools"])]


TOOLS = re.compile(r"^(\{.*\"function\".*\})$", re.MULTILINE)


def test_a_text_that_would_read_as_a_call_has_no_form() -> None:
    quoted = (user_turn("How do you call?"), assistant_turn('<tool_call>\n{"name": "x"}\n</tool_call>'))
    assert lines("hermes", [shop_trajectory(0, quoted)])[1]["dropped"] == {"call_marks_in_text": 1}
    listed = (user_turn("Which?"), assistant_turn("[get_order(id=1)]"))
    assert lines("toolace", [shop_trajectory(0, listed)])[1]["dropped"] == {"text_reads_as_call": 1}


def test_reasoning_of_hermes_is_dropped_and_counted_or_stands_in_think_tags() -> None:
    given = [shop_trajectory(0, NESTED)]
    assert lines("hermes", given)[1]["lost"] == {"reasoning": 1}
    (line,), report = lines("hermes", given, options={"reasoning": "think"})
    assert report["lost"] == {}
    assert json.loads(line)["conversations"][-1]["value"] == "<think>\nConfirm it.\n</think>\n\nDone, Zoë 🙂."


# ---------------------------------------------------------------- ToolACE


def python_calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Read bracket calls as ToolACE's readers do: as Python."""
    (parsed,) = ast.parse(text, mode="eval").body.elts  # type: ignore[attr-defined]
    return [(ast.unparse(parsed.func), {one.arg: ast.literal_eval(one.value) for one in parsed.keywords})]


@pytest.mark.parametrize("text", [*MARKED, 'a "quoted" \\ text, with = and )]', "line\nbreak\u2028Zoë 店"])
def test_toolace_calls_are_python(text: str) -> None:
    (row,) = rows("toolace", [saved(text, times=2, rate=20.5, marks=["a", None, True, {"b": [1]}])])
    assert set(row) == {"id", "system", "conversations", "group_id"}
    assert [turn["from"] for turn in row["conversations"]] == ["user", "assistant", "tool", "assistant"]
    arguments = {"text": text, "times": 2, "rate": 20.5, "marks": ["a", None, True, {"b": [1]}]}
    assert python_calls(row["conversations"][1]["value"]) == [("save_note", arguments)]
    assert json.loads(row["conversations"][2]["value"]) == [{"name": "save_note", "results": f"saved {text}"}]
    assert '"name":"save_note"' in row["system"]


def test_toolace_joins_parallel_calls_and_counts_text_beside_them() -> None:
    (row,) = rows("toolace", [shop_trajectory(0, PARALLEL)])
    assert row["conversations"][1]["value"] == '[get_order(id="#W1"), get_order(id="#W2")]'
    assert len(json.loads(row["conversations"][2]["value"])) == 2
    assert lines("toolace", [shop_trajectory(0, EMPTY)])[1]["lost"] == {"text_beside_call": 1}


def test_an_argument_that_python_cannot_name_has_no_form() -> None:
    talk = (user_turn("x"), calling_turn(("c", "f", {"to-do": 1})))
    assert lines("toolace", [shop_trajectory(0, talk)])[1]["dropped"] == {"argument_without_python_name": 1}


# ---------------------------------------------------------------- xLAM and APIGen-MT


def test_xlam_rows_hold_one_request_with_its_calls_and_flat_parameters() -> None:
    (line,), report = lines("xlam", [saved(MARKED[0])])
    row = json.loads(line)
    assert set(row) == {"id", "query", "answers", "tools", "group_id"}
    assert row["query"] == "Save a note"
    assert json.loads(row["answers"]) == [{"name": "save_note", "arguments": {"text": MARKED[0]}}]
    assert json.loads(row["tools"])[0]["parameters"] == {
        "text": {"description": "What to save.", "type": "str"},
        "times": {"description": "", "type": "int, optional", "default": 1},
        "rate": {"description": "", "type": "float, optional"},
        "marks": {"description": "", "type": "List[str], optional"},
    }
    assert report["lost"] == {"later_turns": 1}


def test_apigen_rows_are_sharegpt_with_calls_as_turns() -> None:
    (row,) = rows("apigen_mt", [saved(MARKED[0])])
    assert [turn["from"] for turn in row["conversations"]] == ["human", "function_call", "observation", "gpt"]
    assert json.loads(row["conversations"][1]["value"]) == {"name": "save_note", "arguments": {"text": MARKED[0]}}
    assert isinstance(row["tools"], str)


# ---------------------------------------------------------------- BFCL


def test_bfcl_questions_and_answers_belong_together() -> None:
    question, answer = (
        rows(f"bfcl/{part}", [saved("milk", marks=["a"]), shop_trajectory(1, PARALLEL)])
        for part in ("question", "answer")
    )
    assert [row["id"] for row in question] == [row["id"] for row in answer]
    assert [row["id"].rpartition("_")[0] for row in question] == ["simple_python", "parallel_multiple"]
    assert all(int(row["id"].rpartition("_")[2]) >= 0 for row in question)
    parameters = question[0]["function"][0]["parameters"]
    assert parameters["type"] == "dict"
    assert [one["type"] for one in parameters["properties"].values()] == ["string", "integer", "float", "array"]
    assert answer[0]["ground_truth"] == [
        {"save_note": {"text": ["milk"], "times": ["", 1], "rate": [""], "marks": [["a"]]}}
    ]
    assert question[1]["question"][0][-1] == {"role": "user", "content": "Compare orders #W1 and #W2."}


def test_what_bfcl_cannot_compare_has_no_item() -> None:
    report = lines("bfcl/answer", [shop_trajectory(0, NESTED), shop_trajectory(1, EMPTY)])[1]
    assert report["dropped"] == {"call_without_one_right_answer": 1, "more_than_one_step": 1}


def test_bfcl_dialogues_have_calls_for_each_request() -> None:
    talk = (*PARALLEL, user_turn("And #W3?"), calling_turn(("c3", "get_order", {"id": "#W3"})))
    (row,) = rows("bfcl/multi_turn", [shop_trajectory(0, talk)])
    assert [[one["role"] for one in part] for part in row["question"]] == [["system", "user"], ["user"]]
    assert row["ground_truth"] == [['get_order(id="#W1")', 'get_order(id="#W2")'], ['get_order(id="#W3")']]
    assert row["path"] == ["shop.get_order"] * 3
    assert {"id", "function", "initial_config", "involved_classes"} < set(row)


def test_bfcls_own_checker_takes_the_right_calls_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its table of models pulls in every client that it knows, so an empty one stands for it."""
    pytest.importorskip("bfcl_eval")
    table: Any = ModuleType("bfcl_eval.constants.model_config")
    table.MODEL_CONFIG_MAPPING = {"none": SimpleNamespace(underscore_to_dot=False)}
    for name in ("java", "js"):
        converter: Any = ModuleType(f"bfcl_eval.eval_checker.ast_eval.type_convertor.{name}_type_converter")
        setattr(converter, f"{name}_type_converter", None)
        monkeypatch.setitem(sys.modules, converter.__name__, converter)
    monkeypatch.setitem(sys.modules, table.__name__, table)
    from bfcl_eval.constants.enums import Language
    from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker

    arguments = {"text": "Milk & Zoë", "times": 1, "rate": 20.5, "marks": ["a", "b"]}
    given = [saved(arguments["text"], times=1, rate=20.5, marks=["a", "b"]), shop_trajectory(1, PARALLEL)]
    question, answer = (rows(f"bfcl/{part}", given) for part in ("question", "answer"))
    calls = [[{"save_note": arguments}], [{"get_order": {"id": "#W2"}}, {"get_order": {"id": "#W1"}}]]

    def valid(place: int, made: Any) -> bool:
        asked, right = question[place], answer[place]["ground_truth"]
        category = asked["id"].rpartition("_")[0]
        return bool(ast_checker(asked["function"], made, right, Language.PYTHON, category, "none")["valid"])

    assert [valid(place, made) for place, made in enumerate(calls)] == [True, True]
    assert valid(0, [{"save_note": {"text": arguments["text"], "rate": 20.5, "marks": ["a", "b"]}}])
    assert not valid(0, [{"save_note": arguments | {"rate": 21.0}}])
    assert not valid(0, [{"save_note": {"times": 1}}])
    assert not valid(1, calls[1][:1])
