"""Tasks and steps for reinforcement learning expect what was right, hold what each trainer reads, and no more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.exporting.target import find, names
from engine.types import TOKENS, Attachment, Tool, Trajectory
from tests.samples.trajectories import attempts, shop_trajectory
from tests.samples.turns import (
    NESTED,
    PARALLEL,
    RECOVERED,
    SYSTEM,
    assistant_turn,
    calling_turn,
    result_turn,
    user_turn,
)
from tests.targets.rows import CONTROL, lines, rows
from tests.targets.typed import misfits

TASKS = ("trl/grpo", "verl/rl", "skyrl/rl")
STEPS = ("openai/rft", "toolrl", "nemo_gym/task")
LONGER = (*PARALLEL, user_turn("And #W3?"), calling_turn(("c3", "get_order", {"id": "#W3"})))


def expected(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return what a task expects."""
    text = {"verl/rl": "reward_model", "skyrl/rl": "reward_spec"}.get(name)
    found: dict[str, Any] = json.loads(row[text]["ground_truth"] if text else row["ground_truth"])
    return found


# ---------------------------------------------------------------- whole tasks


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_the_first_request_with_the_calls_and_answer_that_it_led_to(name: str) -> None:
    (line,), report = lines(name, [shop_trajectory(0, LONGER)])
    row = json.loads(line)
    assert [one["role"] for one in row["prompt"]] == ["system", "user"]
    assert all(set(one) == {"role", "content"} for one in row["prompt"])
    assert expected(name, row) == {
        "calls": [{"name": "get_order", "arguments": {"id": "#W1"}}, {"name": "get_order", "arguments": {"id": "#W2"}}],
        "answer": PARALLEL[-1].content,
    }
    assert report["lost"] == {"later_turns": 1}
    assert "costs" not in json.dumps(row["prompt"])


@pytest.mark.parametrize("name", TASKS)
def test_calls_that_failed_or_must_not_be_trained_are_not_expected(name: str) -> None:
    (row,) = rows(name, [shop_trajectory(0, RECOVERED)])
    assert expected(name, row)["calls"] == [{"name": "get_order", "arguments": {"id": "#W9"}}]


@pytest.mark.parametrize("name", TASKS)
def test_attempts_at_one_task_give_one_row_and_other_tasks_with_the_same_words_theirs(name: str) -> None:
    asked = (SYSTEM, user_turn("Go."))
    given = [
        *(shop_trajectory(n, (*asked, assistant_turn(f"Done {n}.")), imported={"group_id": "one"}) for n in (0, 1)),
        shop_trajectory(2, (*asked, assistant_turn("Done.")), imported={"group_id": "two"}),
        shop_trajectory(3, (*asked, assistant_turn("Done.")), imported={"group_id": "two"}, domain_digest="other"),
    ]
    found, report = lines(name, given)
    assert len(found) == 3
    assert report["dropped"] == {"duplicate": 1}


@pytest.mark.parametrize("name", [*TASKS, *STEPS])
def test_an_attempt_that_was_rejected_shows_nothing_that_is_right(name: str) -> None:
    given = attempts("t", 0, (user_turn("x"), assistant_turn("right")), (user_turn("x"), assistant_turn("wrong")))
    found, report = lines(name, given, include_rejected=True)
    assert report["dropped"] == {"not_kept": 1}
    assert b"wrong" not in b"".join(found)


@pytest.mark.parametrize("name", [*TASKS, *STEPS])
def test_the_environment_goes_by_ids_and_no_row_holds_a_path(name: str) -> None:
    for row in rows(name):
        assert not re.search(r'"/(?:tmp|home|root|work)/', json.dumps(row))
        if name in TASKS:
            about = row["extra_info"] if name == "verl/rl" else row
            assert all(
                isinstance(about[key], str) for key in ("task_id", "domain", "domain_digest", "seed", "tools", "id")
            )


def test_verl_finds_an_index_of_its_own_in_every_row_and_no_object_is_empty() -> None:
    found = rows("verl/rl")
    assert len({row["extra_info"]["index"] for row in found}) == len(found)
    for row in found:
        assert set(row) == {"data_source", "prompt", "ability", "reward_model", "agent_name", "extra_info"}
        assert set(row["reward_model"]) == {"style", "ground_truth"}
        assert 0 <= row["extra_info"]["index"] < 1 << 53
        assert row["extra_info"]["tool_selection"] == [
            tool["function"]["name"] for tool in json.loads(row["extra_info"]["tools"])
        ]


@pytest.mark.parametrize("name", [*TASKS, "toolrl", "verl"])
def test_parquet_gives_back_what_was_written(tmp_path: Path, name: str) -> None:
    """verl and SkyRL read Parquet, whose columns have one type each: nothing may come back as null."""
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    given = rows(name)
    parquet.write_table(arrow.Table.from_pylist(given), tmp_path / "rows.parquet")
    assert parquet.read_table(tmp_path / "rows.parquet").to_pylist() == given


def test_trl_reads_the_tasks(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    (tmp_path / "train.jsonl").write_bytes(b"".join(line + b"\n" for line in lines("trl/grpo")[0]))
    file = str(tmp_path / "train.jsonl")
    loaded = datasets.load_dataset("json", data_files=file, cache_dir=str(tmp_path), split="train")
    assert list(loaded) == rows("trl/grpo")
    assert all(row["prompt"][-1]["role"] == "user" for row in loaded)


# ---------------------------------------------------------------- steps


def test_openais_prompts_end_on_a_user_and_fit_the_types_of_its_client() -> None:
    chat = pytest.importorskip("openai.types.chat")
    found = rows("openai/rft")
    assert found
    for row in found:
        assert row["messages"][-1]["role"] == "user"
        assert [one for each in row["messages"] for one in misfits(each, chat.ChatCompletionMessageParam)] == []
        tools = row.get("tools", ())
        assert [one for each in tools for one in misfits(each, chat.ChatCompletionFunctionToolParam)] == []
    report = lines("openai/rft", [shop_trajectory(0, LONGER)])[1]
    assert (report["rows"], report["lost"]) == (2, {"later_answers": 1})


def test_a_tool_of_an_odd_name_is_expected_by_its_new_one() -> None:
    tool = Tool(name="orders.get one", description="", parameters={"type": "object", "properties": {}}, effect="read")
    talk = (user_turn("x"), calling_turn(("c", "orders.get one", {})), result_turn("c", "orders.get one", "y"))
    given = [shop_trajectory(0, (*talk, assistant_turn("z")), (tool,))]
    for name in ("openai/rft", "nemo_gym/task", "nemo_gym/rollout"):
        found, report = lines(name, given)
        assert "tools_renamed" in report["changed"]
        assert b"orders.get one" not in b"".join(found)
        assert b"orders_get_one" in found[0]


@pytest.mark.parametrize("text", [CONTROL, "</tool_call>", "<response>x</response>", "line\nbreak"])
def test_toolrl_finds_every_call_between_its_tags(text: str) -> None:
    talk = (
        user_turn("Both."),
        calling_turn(("a", "get_order", {"id": text}), ("b", "get_order", {"id": "2"})),
        result_turn("a", "get_order", text),
        result_turn("b", "get_order", "x"),
        assistant_turn("Fine."),
    )
    first, last = rows("toolrl", [shop_trajectory(0, talk)])
    truth = first["reward_model"]["ground_truth"]
    between = truth.split("<tool_call>")[1].split("</tool_call>")[0].strip()
    assert [json.loads(line) for line in between.split("\n")] == [
        {"name": "get_order", "parameters": {"id": text}},
        {"name": "get_order", "parameters": {"id": "2"}},
    ]
    assert re.search(r"^<think>.*?</think>\n<tool_call>\n.*?\n</tool_call>$", truth, re.DOTALL)
    assert re.search(r"^<think>.*?</think>\n<response>.*?</response>$", last["reward_model"]["ground_truth"], re.DOTALL)
    assert [one["role"] for one in last["prompt"]] == ["system", "user"]
    assert f"<obs> {text} </obs>" in last["prompt"][1]["content"]


def test_an_answer_that_reads_as_a_tag_is_expected_in_no_row_of_toolrl() -> None:
    talk = (user_turn("x"), assistant_turn("Write <tool_call>."), user_turn("y"), assistant_turn("z"))
    found, report = lines("toolrl", [shop_trajectory(0, talk)])
    assert len(found) == 1
    assert report["lost"] == {"answers_with_marks": 1}


# ---------------------------------------------------------------- NeMo Gym


def response_types() -> Any:
    return pytest.importorskip("openai.types.responses")


def test_items_of_nemo_gym_fit_the_types_of_the_responses_api() -> None:
    types = response_types()
    inputs = [row["responses_create_params"] for row in rows("nemo_gym/task")]
    for asked in inputs:
        assert set(asked) == {"input", "tools", "parallel_tool_calls"}
        assert [one for item in asked["input"] for one in misfits(item, types.ResponseInputItemParam)] == []
        assert [one for tool in asked["tools"] for one in misfits(tool, types.FunctionToolParam)] == []
    for row in rows("nemo_gym/rollout"):
        assert [one for item in row["response"]["output"] for one in misfits(item, types.ResponseInputItemParam)] == []
        assert isinstance(row["reward"], float)


def test_a_task_of_nemo_gym_expects_one_call_or_a_message() -> None:
    found, report = lines("nemo_gym/task", [shop_trajectory(0, PARALLEL), shop_trajectory(1, NESTED)])
    actions = [json.loads(line)["expected_action"] for line in found]
    assert [action["type"] for action in actions] == ["message", "function_call", "message"]
    assert json.loads(actions[1]["arguments"]) == NESTED[2].tool_calls[0].arguments
    assert report["lost"] == {"parallel_calls": 1}, "its verifier compares one call"


def with_tokens(*values: dict[str, Any]) -> Trajectory:
    attached = tuple(
        Attachment(turn=turn, kind=TOKENS, value=value) for turn, value in zip((2, 5), values, strict=False)
    )
    return shop_trajectory(0, PARALLEL, attachments=attached)


def test_token_ids_stand_in_the_last_item_of_their_answer_when_they_are_complete() -> None:
    whole = {"prompt_ids": [1, 2], "ids": [3, 4], "logprobs": [-0.5, -1.0]}
    (line,), report = lines("nemo_gym/rollout", [with_tokens(whole, whole)])
    output = json.loads(line)["response"]["output"]
    assert [("generation_token_ids" in item) for item in output] == [False, True, False, False, True]
    assert output[1]["generation_log_probs"] == [-0.5, -1.0]
    assert output[1]["prompt_token_ids"] == [1, 2]
    assert report["lost"] == {}
    (line,), report = lines("nemo_gym/rollout", [with_tokens(whole, whole | {"logprobs": [None, -1.0]})])
    assert "generation_token_ids" not in json.loads(line)["response"]["output"][-1]
    assert report["lost"] == {"attachments": 1}


# ---------------------------------------------------------------- mini-swe-agent


def test_a_trajectory_of_mini_swe_agent_ends_with_its_exit_and_lists_commands() -> None:
    talk = (
        SYSTEM,
        user_turn("Mend it."),
        calling_turn(("a", "bash", {"command": "cat a.py"}), content="I look."),
        result_turn("a", "bash", "1", fault="tool_error"),
        calling_turn(("b", "get_order", {"id": "1"}), train=False),
        result_turn("b", "get_order", "x"),
        assistant_turn("Done."),
    )
    (row,) = rows("mini_swe_agent", [shop_trajectory(0, talk)])
    assert set(row) == {"info", "messages", "trajectory_format"}
    assert row["trajectory_format"] == "mini-swe-agent-1.1"
    assert (row["info"]["exit_status"], row["info"]["model_stats"]) == ("Submitted", {"api_calls": 3})
    answers = [one for one in row["messages"] if one["role"] == "assistant"]
    assert [one["extra"]["actions"] for one in answers] == [[{"command": "cat a.py", "tool_call_id": "a"}], [], []]
    assert [one["extra"]["train"] for one in answers] == [True, False, True]
    assert json.loads(answers[1]["tool_calls"][0]["function"]["arguments"]) == {"id": "1"}
    assert row["messages"][3]["extra"] == {"raw_output": "1", "fault": "tool_error"}
    assert row["messages"][-1] == {
        "role": "exit", "content": "", "extra": {"exit_status": "Submitted", "submission": ""},
    }  # fmt: skip


def test_each_new_target_is_listed_in_its_group() -> None:
    found = {name: find(name).group for name in names()}
    assert {found[name] for name in (*TASKS, "toolrl", "verl", "skyrl", "llamafactory/kto")} == {"trainers"}
    assert {found[name] for name in ("nemo_gym/task", "nemo_gym/rollout", "mini_swe_agent")} == {"traces"}
    assert found["openai/rft"] == "hosted"
