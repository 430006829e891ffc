"""NeMo Gym: tasks for its verifier of single steps, and finished rollouts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, REWARDED_STEPS, Target

FORMS = {
    "task": Target(
        title="NeMo Gym, tasks",
        line="The dialogue so far with the expected next action, which its verifier of single steps compares.",
        format="nemo_gym",
        tried_with="nemo-gym 0.4.0",
        options={"form": ("task",)},
        **REWARDED_STEPS,
        settings="""
# the split $split, with the server single_step_tool_use_with_argument_comparison
gym eval run --no-serve +input_jsonl_fpath=$file +output_jsonl_fpath=rollouts.jsonl
""",
        language="sh",
        group="traces",
        tried="consumers",
    ),
    "rollout": Target(
        title="NeMo Gym, rollouts",
        line="Whole rollouts as requests and responses of the Responses API, with reward and token ids where known.",
        format="nemo_gym",
        tried_with="nemo-gym 0.4.0",
        options={"form": ("rollout",)},
        untrained=ENDS,
        masking="An item of a response has no mark for what must not be trained, so a rollout ends before the first "
        "such answer.",
        settings="""
# the split $split; each line of $file is a verified response
found = [BaseVerifyResponse.model_validate_json(line) for line in open("$file")]
""",
        language="python",
        group="traces",
        tried="consumers",
    ),
}


def _expected(row: Mapping[str, Any]) -> Iterator[Any]:
    """The verifier gives its reward for what is expected."""
    yield row["expected_action"]


def _written(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The items of a response that a model wrote."""
    for item in row["response"]["output"]:
        if item["type"] in ("function_call", "reasoning") or item.get("role") == "assistant":
            yield item


EXAMPLES = {"task": TargetExample(trained=_expected, whole=False), "rollout": TargetExample(trained=_written)}
