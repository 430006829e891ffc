"""Traces keep what was said, masked, replaced and judged, in fields that their readers know.

ATIF and verifiers are held against types written after harbor 0.26 and verifiers 0.4, whose own need Python 3.12 or
heavy packages; spans against the attribute names that OpenTelemetry and OpenInference publish.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from engine.types import TOKENS, Attachment
from tests.exporting.export_steps import exported
from tests.samples.trajectories import mixed_trajectories, shop_trajectory
from tests.samples.turns import CORRECTED, NESTED, PARALLEL, RECOVERED, assistant_turn, user_turn
from tests.targets.rows import dialogues, lines, rows


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


# ---------------------------------------------------------------- ATIF


class AtifCall(Strict):
    tool_call_id: str
    function_name: str
    arguments: dict[str, Any]
    extra: dict[str, Any] | None = None


class AtifResult(Strict):
    source_call_id: str
    content: str
    extra: dict[str, Any] | None = None


class AtifObservation(Strict):
    results: list[AtifResult]


class AtifMetrics(Strict):
    prompt_token_ids: list[int] | None = None
    completion_token_ids: list[int] | None = None
    logprobs: list[float] | None = None
    extra: dict[str, Any] | None = None


class AtifStep(Strict):
    step_id: int
    source: Literal["system", "user", "agent"]
    message: str
    reasoning_content: str | None = None
    tool_calls: list[AtifCall] | None = None
    observation: AtifObservation | None = None
    metrics: AtifMetrics | None = None
    extra: dict[str, Any] | None = None


class AtifAgent(Strict):
    name: str
    version: str
    model_name: str | None = None
    tool_definitions: list[dict[str, Any]]


class AtifDocument(Strict):
    schema_version: Literal["ATIF-v1.8"]
    session_id: str
    trajectory_id: str
    agent: AtifAgent
    steps: list[AtifStep] = Field(min_length=1)
    final_metrics: dict[str, int]
    extra: dict[str, Any]


def test_every_atif_document_fits_its_types_and_rules() -> None:
    found = rows("atif")
    assert len(found) == len([one for one in dialogues() if one.status == "kept"])
    for row in found:
        document = AtifDocument.model_validate(row)
        assert [step.step_id for step in document.steps] == list(range(1, len(document.steps) + 1))
        for step in document.steps:
            called = [call.tool_call_id for call in step.tool_calls or ()]
            assert step.source == "agent" or not (called or step.reasoning_content or step.metrics)
            if step.observation:
                assert {result.source_call_id for result in step.observation.results} <= set(called)


def test_atif_keeps_masks_faults_replaced_turns_and_broken_calls() -> None:
    recovered, corrected = rows("atif", [shop_trajectory(0, RECOVERED), shop_trajectory(1, CORRECTED)])
    agent = [step for step in recovered["steps"] if step["source"] == "agent"]
    assert [step["extra"]["train"] for step in agent] == [False, True, True, True]
    assert agent[0]["observation"]["results"][0]["extra"] == {"name": "get_order", "fault": "invalid_arguments"}
    assert corrected["steps"][2]["extra"]["original"]["message"] == "I guess so."
    broken = rows("atif", mixed_trajectories())[6]
    assert broken["steps"][2]["tool_calls"][0]["extra"] == {"raw": '{"id": "#W4"'}


def test_tokens_leave_as_metrics_of_atif() -> None:
    tokens = {"ids": [5, 6], "logprobs": [-0.5, -1.25], "texts": ["It", " is"], "prompt_ids": [1, 2, 3]}
    given = shop_trajectory(0, PARALLEL, attachments=(Attachment(turn=5, kind=TOKENS, value=tokens),))
    (row,) = rows("atif", [given])
    assert row["steps"][-1]["metrics"] == {
        "prompt_token_ids": [1, 2, 3],
        "completion_token_ids": [5, 6],
        "logprobs": [-0.5, -1.25],
        "extra": {"tokens": ["It", " is"]},
    }
    AtifDocument.model_validate(row)
    unknown = given.model_copy(update={"attachments": (Attachment(turn=5, kind=TOKENS, value={"logprobs": [None]}),)})
    assert rows("atif", [unknown])[0]["steps"][-1]["metrics"] == {"extra": {"logprobs": [None]}}


def test_other_attachments_stay_beside_their_turn() -> None:
    kept = Attachment(turn=1, kind="votes", version=2, value={"a": 1})
    (row,) = rows("atif", [shop_trajectory(0, PARALLEL, attachments=(kept,))])
    assert row["steps"][1]["extra"] == {"attachments": [{"kind": "votes", "version": 2, "value": {"a": 1}}]}


# ---------------------------------------------------------------- verifiers


class ViCall(Strict):
    id: str
    name: str
    arguments: str


class ViMessage(Strict):
    role: Literal["system", "user", "assistant", "tool"]
    content: str
    reasoning_content: str | None = None
    tool_calls: list[ViCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class ViTool(Strict):
    name: str
    description: str
    parameters: dict[str, Any]


class ViNode(Strict):
    parent: int | None
    tools: list[ViTool] = []
    message: ViMessage
    sampled: bool
    timestamp: float


class ViReward(Strict):
    score: float
    weight: float


class ViTrace(Strict):
    version: Literal[1]
    id: str
    task: dict[str, Any]
    agent: dict[str, Any]
    tools: list[ViTool]
    nodes: list[ViNode]
    rewards: dict[str, ViReward]
    metrics: dict[str, float | None]
    info: dict[str, Any]
    is_completed: bool
    ok: bool
    stop_condition: str


class ViEpisode(Strict):
    id: str
    env: dict[str, str]
    task: dict[str, Any]
    group: dict[str, str]
    ok: bool
    traces: list[ViTrace]


def test_every_trace_and_episode_of_verifiers_fits_its_types() -> None:
    traces = [ViTrace.model_validate(row) for row in rows("verifiers/trace")]
    episodes = [ViEpisode.model_validate(row) for row in rows("verifiers/episode")]
    assert [one.traces for one in episodes] == [[trace] for trace in traces]
    for trace in traces:
        assert [node.parent for node in trace.nodes] == [None, *range(len(trace.nodes) - 1)]
        assert all(not node.tools for node in trace.nodes[1:])
        assert all(node.message.role == "assistant" for node in trace.nodes if node.sampled)
        assert set(trace.task) == {"type", "data", "key"}


def test_rewards_and_scores_stand_where_verifiers_reads_them() -> None:
    (row,), report = exported("verifiers", [shop_trajectory(0, RECOVERED, reward=0.75)])
    assert row["rewards"] == {"reward": {"score": 0.75, "weight": 1.0}}
    assert row["metrics"] == {"state": 1.0, "rubric": None}
    assert [node["sampled"] for node in row["nodes"] if node["message"]["role"] == "assistant"] == [
        False,
        True,
        True,
        True,
    ]
    assert report["lost"] == {"fault": 1}
    unjudged = exported("verifiers", [shop_trajectory(0, RECOVERED, reward=None)])[0][0]
    assert unjudged["rewards"] == {}


# ---------------------------------------------------------------- spans


def spans(target: str, *given: Any) -> list[dict[str, Any]]:
    return rows(target, [shop_trajectory(n, talk) for n, talk in enumerate(given)])


@pytest.mark.parametrize("target", ["otel", "openinference"])
def test_spans_of_a_dialogue_are_one_tree_without_times(target: str) -> None:
    found = spans(target, PARALLEL)
    assert [span["name"].partition(" ")[0] for span in found] == [
        "invoke_agent", "chat", "execute_tool", "execute_tool", "chat",
    ]  # fmt: skip
    assert len({span["spanId"] for span in found}) == 5
    assert {span["parentSpanId"] for span in found[1:]} == {found[0]["spanId"]}
    assert all(re.fullmatch("[0-9a-f]{32}", s["traceId"]) and re.fullmatch("[0-9a-f]{16}", s["spanId"]) for s in found)
    assert not any("time" in key.lower() for span in found for key in span)


def test_opentelemetry_attributes_are_those_that_it_names() -> None:
    module = pytest.importorskip("opentelemetry.semconv._incubating.attributes.gen_ai_attributes")
    known = {value for name, value in vars(module).items() if name.startswith("GEN_AI_")}
    found = rows("otel")
    used = {key for span in found for key in span["attributes"]}
    used |= {key for span in found for event in span.get("events", ()) for key in event["attributes"]}
    assert used - known == {"turnwright.about", "turnwright.train", "error.type"}
    assert {"gen_ai.input.messages", "gen_ai.evaluation.score.value", "gen_ai.tool.call.result"} <= used


def test_openinference_attributes_are_those_that_it_names() -> None:
    module = pytest.importorskip("openinference.semconv.trace")
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    known = {value for one in classes for value in vars(one).values() if isinstance(value, str)}
    used = {key for span in rows("openinference") for key in span["attributes"]}
    for key in used - {"turnwright.train"}:
        parts = re.split(r"\.\d+\.", key)
        assert all(part in known for part in parts), key


def test_a_span_of_the_model_holds_what_it_read_and_said() -> None:
    found = spans("otel", NESTED)
    last = found[-1]["attributes"]
    read = json.loads(last["gen_ai.input.messages"])
    assert [one["role"] for one in read] == ["user", "assistant", "tool"]
    assert [part["type"] for part in read[1]["parts"]] == ["reasoning", "tool_call"]
    assert read[1]["parts"][1]["arguments"]["value"] == 20.5
    (said,) = json.loads(last["gen_ai.output.messages"])
    assert said["parts"][-1] == {"type": "text", "content": "Done, Zoë 🙂."}
    assert json.loads(last["gen_ai.system_instructions"])[0]["type"] == "text"


def test_a_failed_tool_and_a_masked_answer_are_marked() -> None:
    found = spans("otel", RECOVERED)
    assert [span["attributes"].get("turnwright.train") for span in found if span["name"].startswith("chat")] == [
        False, True, True, True,
    ]  # fmt: skip
    failed = [span for span in found if span["status"]["code"] == "STATUS_CODE_ERROR"]
    assert [span["attributes"]["error.type"] for span in failed] == ["invalid_arguments", "injected"]


@pytest.mark.parametrize("target", ["atif", "otel", "openinference"])
def test_a_result_without_its_call_has_no_place(target: str) -> None:
    talk = (user_turn("x"), PARALLEL[3], assistant_turn("y"))
    assert lines(target, [shop_trajectory(0, talk)])[1]["dropped"] == {"result_without_call": 1}


def test_nodes_of_verifiers_hold_what_each_answer_adds_to_the_sequence() -> None:
    first = {"prompt_ids": [1, 2], "ids": [3, 4], "logprobs": [-0.5, -1.0]}
    second = {"prompt_ids": [1, 2, 3, 4, 5], "ids": [6], "logprobs": [-0.25]}

    def told(*values: dict[str, Any], train: bool = True) -> tuple[list[dict[str, Any]], dict[str, int]]:
        turns = tuple(turn.model_copy(update={"train": train or turn is not PARALLEL[5]}) for turn in PARALLEL)
        attached = tuple(Attachment(turn=n, kind=TOKENS, value=one) for n, one in zip((2, 5), values, strict=False))
        (line,), report = lines("verifiers/trace", [shop_trajectory(0, turns, attachments=attached)])
        return json.loads(line)["nodes"], report["lost"]

    nodes, lost = told(first, second)
    assert [node.get("token_ids") for node in nodes] == [None, None, [1, 2, 3, 4], None, None, [5, 6]]
    assert nodes[2]["mask"] == [False, False, True, True]
    assert (nodes[5]["mask"], nodes[5]["logprobs"], lost) == ([False, True], [-0.25], {})
    nodes, _ = told(first, second, train=False)
    assert (nodes[5]["mask"], nodes[5]["logprobs"]) == ([False, False], []), "a masked answer has no trained token"
    for values in ((first,), (first, second | {"prompt_ids": [9]}), (first | {"logprobs": [None, 0.0]}, second)):
        nodes, lost = told(*values)
        assert not any("token_ids" in node for node in nodes)
        assert lost == {"attachments": 1}
