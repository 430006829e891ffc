"""ToolRL: the history as one message, and the answer that its reward function compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import REWARDED_STEPS, Target

FORMS = {
    "steps": Target(
        title="ToolRL",
        line="One answer a row: the history as text, and the answer with think, tool_call and response tags.",
        format="rl_steps",
        tried_with="verl 0.9.1",
        options={"form": ("toolrl",)},
        **REWARDED_STEPS,
        settings="""
# the reward function ships with verl, which reads JSONL and Parquet
data:
  train_files: $file  # the split $split
  prompt_key: prompt
custom_reward_function:
  path: verl/utils/reward_score/rlla.py
  name: compute_score
reward_model:
  reward_manager: gdpo
trainer:
  experiment_name: qwen  # the function looks here for qwen or llama, whose tokens it cuts off
""",
        language="yaml",
        tried="consumers",
    )
}


def _expected(row: Mapping[str, Any]) -> Iterator[str]:
    """compute_score: the reward is for what is expected."""
    yield row["reward_model"]["ground_truth"]


EXAMPLE = TargetExample(trained=_expected, whole=False)
