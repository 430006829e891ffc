"""The chat_jsonl importer: which rows of other tools it accepts, and what its refusals say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine import plugins
from engine.errors import InputError
from engine.types import Trajectory
from tests.exporting.export_steps import exported
from tests.importers.reading import imported
from tests.samples.trajectories import mixed_trajectories

CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": {"a": 1}}}


def read(*rows: Any, **options: Any) -> list[Trajectory]:
    importer = plugins.load("importers", "chat_jsonl")
    lines = [json.dumps(row).encode() for row in rows]
    config = plugins.configure("importers", "chat_jsonl", options)
    return list(importer.make(config).trajectories(lines, "chats.jsonl"))


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hi"}, *messages]} | more


def test_a_bare_row_is_enough() -> None:
    found = read(chat({"role": "assistant", "content": "Hello"}), chat({"role": "assistant", "content": "Hello"}))
    assert [t.index for t in found] == [0, 1]
    assert len({t.id for t in found}) == 2
    first = found[0]
    assert (first.teacher, first.status, first.outcome, first.reward) == ("imported", "kept", "unmeasured", None)
    assert first.task is None
    assert first.turns[1].train


def test_arguments_and_tools_may_be_json_text() -> None:
    call = {"id": "c1", "function": {"name": "find", "arguments": '{"a": 1, "b": null}'}}
    tool = {"name": "find", "description": "Find.", "parameters": {"type": "object"}}
    found = read(chat({"role": "assistant", "content": None, "tool_calls": [call]}, tools=json.dumps([tool])))[0]
    assert found.turns[1].tool_calls[0].arguments == {"a": 1, "b": None}
    assert found.turns[1].content == ""
    assert [t.name for t in found.tools] == ["find"]


def test_what_the_metadata_says_beside_comes_back_out() -> None:
    row = chat({"role": "assistant", "content": "Hello"}, metadata={"source": "elsewhere", "domain": "shop"})
    found = read(row)[0]
    assert found.domain == "shop"
    again = exported("chat_jsonl", [found])[0][0]
    assert json.loads(again["metadata"])["source"] == "elsewhere"


def test_names_of_ours_in_the_metadata_of_a_stranger_mean_something_else() -> None:
    theirs = {"status": "failed", "user": {"name": "x"}, "template": 3, "persona": None, "end": "stop", "mode": "fast"}
    theirs |= {"label": False, "source": "web", "scores": [1], "as_given": {"a": 1}}
    for metadata in (theirs, json.dumps(theirs)):
        (found,) = read(chat({"role": "assistant", "content": "Hello"}, metadata=metadata))
        assert (found.status, found.user, found.template, found.end) == ("kept", "imported", None, "done")
        assert found.imported["more"] == theirs
        row = exported("chat_jsonl", [found])[0][0]
        (again,) = read(row)
        assert again == found.model_copy(update={"imported": again.imported})
        assert again.imported["more"] == theirs
        assert exported("chat_jsonl", [again])[0][0] == row


def test_metadata_of_ours_is_read_when_a_tool_made_an_object_of_it() -> None:
    rows = exported("chat_jsonl", mixed_trajectories())[0]
    objects = read(*[row | {"metadata": json.loads(row["metadata"])} for row in rows])
    for made, text in zip(objects, read(*rows), strict=True):
        assert made == text.model_copy(update={"turns": made.turns, "tools": made.tools})


@pytest.mark.parametrize("text", ["seen on the web", "[]", "5", ["a"], 7])
def test_metadata_that_is_no_object_is_not_carried(text: Any) -> None:
    _, told = imported(chat({"role": "assistant", "content": "Hello"}, metadata=text))
    assert (told["imported"], told["lost"]) == (1, {"metadata": 1})


def test_prompt_and_completion_become_a_masked_prompt() -> None:
    row = {
        "prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "A"}],
        "completion": [{"role": "assistant", "content": "B"}],
    }
    assert [turn.train for turn in read(row)[0].turns] == [True, False, True]


def test_a_prompt_beside_messages_is_a_column_that_is_not_carried() -> None:
    row = chat({"role": "assistant", "content": "A"}, prompt="Hi", completion="A", prompt_id="x")
    found, told = imported(row, row | {"prompt": [{"role": "user", "content": "Hi"}]})
    assert [[turn.content for turn in t.turns] for t in found] == [["Hi", "A"]] * 2
    assert told["lost"] == {"completion": 2, "prompt": 2, "prompt_id": 2}


def test_think_tags_become_reasoning_but_not_where_reasoning_has_a_field() -> None:
    row = chat({"role": "assistant", "content": "<think>\nwhy\n</think>\n\nBecause."})
    assert read(row)[0].turns[1].reasoning == "why"
    assert read(row, reasoning="field")[0].turns[1].reasoning is None
    ours = row | {"metadata": '{"rollout": "r"}'}
    assert read(ours)[0].turns[1].reasoning is None, "our own rows have a field for it"
    turn = read(row, reasoning="think")[0].turns[1]
    assert (turn.reasoning, turn.content) == ("why", "Because.")


@pytest.mark.parametrize("options", [{"reasoning": "think"}, {"split_untrained": True}, {"parallel": "serial"}])
def test_other_shapes_come_back_as_they_left(options: dict[str, Any]) -> None:
    def export(trajectories: list[Trajectory]) -> list[dict[str, Any]]:
        return exported("chat_jsonl", trajectories, **options)[0]

    first = export(mixed_trajectories())
    reading = {"reasoning": "think"} if options.get("reasoning") else {}
    back = read(*json.loads(json.dumps(first)), **reading)
    assert json.loads(json.dumps(export(back))) == json.loads(json.dumps(first))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"text": "x"}, "field messages: there is no message"),
        (chat({"role": "robot", "content": "x"}), "field messages.2, field role"),
        (chat({"role": "assistant", "content": 5}), "field messages.2, field content"),
        (chat({"role": "assistant", "tool_calls": [{"id": "c"}]}), "field tool_calls.1.function"),
        (
            chat({"role": "assistant", "tool_calls": [CALL | {"function": {"name": "f", "arguments": [1]}}]}),
            "field messages.2, field tool_calls.1.function.arguments",
        ),
        (chat(tools='{"a": 1}'), "field tools: is not a list"),
        (chat(tools=[{"function": {}}]), "field tools.1, field name"),
        (chat(metadata='["rollout"]'), "field metadata: is not an object"),
        (chat(metadata='{"rollout": "r", "mode": "no such"}'), "field metadata, field mode"),
        (chat(reward="much"), "field reward"),
    ],
)
def test_a_refusal_names_line_and_field(row: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as refused:
        read(chat({"role": "assistant", "content": "fine"}), row)
    assert str(refused.value).startswith("chats.jsonl, line 2")
    assert told in str(refused.value)
