"""verl: text in messages of role and content for supervised training, tasks for reinforcement learning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, NOT_EXPECTED, Target

FORMS = {
    "sft": Target(
        title="verl",
        line="Messages whose calls, results and tools are text in Hermes' tags, so Parquet holds them unchanged.",
        format="dataset_rows",
        tried_with="verl 0.9.1",
        options={"convention": ("chatml",), "reasoning": ("drop", "think")},
        untrained=ENDS,
        masking="verl reads no flag on a turn and trains every message of the assistant. A row therefore ends before "
        "the first that must not be trained.",
        settings="""
# verl reads Parquet: pandas.read_json("$file", lines=True).to_parquet("$stem.parquet")
data:
  train_files: $stem.parquet  # the split $split
  messages_key: messages
  truncation: error
  max_length: 8192  # or a length that your dialogues keep to: 1,024 tokens by itself
""",
        language="yaml",
        tried="consumers",
        ignores=("tool_call_id",),
    ),
    "rl": Target(
        title="verl, tasks (RL)",
        line="The first request of each task, with expected calls and answer for the reward, tools chosen by name.",
        format="rl_tasks",
        tried_with="verl 0.9.1",
        options={"form": ("verl",)},
        untrained=NOT_EXPECTED,
        masking="verl trains what the model itself writes. A call that must not be trained is not among those that "
        "`reward_model.ground_truth` expects.",
        settings="""
data:
  train_files: $file  # the split $split
  prompt_key: prompt
  return_raw_chat: true
actor_rollout_ref:
  rollout:
    multi_turn:
      enable: true
      tool_config_path: tools.yaml  # your classes for the tools that extra_info.tools describes
custom_reward_function:
  path: reward.py  # compares an answer with ground_truth (JSON: calls and answer)
""",
        language="yaml",
        tried="consumers",
        trains=False,
    ),
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """MultiTurnSFTDataset: every message of the assistant, by role alone."""
    yield from (message for message in row["messages"] if message["role"] == "assistant")


def _expected(row: Mapping[str, Any]) -> Iterator[str]:
    """A reward function gives its reward for what is expected."""
    yield row["reward_model"]["ground_truth"]


EXAMPLE = TargetExample(trained=_trained)
EXAMPLES = {"rl": TargetExample(trained=_expected, whole=False)}
