"""SkyRL: messages for supervised training, tasks for reinforcement learning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import BY_ROLE, ENDS, NOT_EXPECTED, Target

FORMS = {
    "sft": Target(
        title="SkyRL",
        line="Messages that end before the first turn that must not be trained.",
        format="chat_jsonl",
        options={
            **BY_ROLE,
            "arguments": ("string", "object"),
            "tools": ("string", "list"),
        },
        untrained=ENDS,
        masking="SkyRL reads no flag on a turn; told to, it trains every message of the assistant. A row therefore "
        "ends before the first one that must not be trained.",
        settings="""
# the split $split
sft.dataset_name: $file
sft.messages_key: messages
sft.tools_key: tools
sft.train_on_what: all_assistant_messages  # by itself it trains the last one alone
""",
        language="yaml",
    ),
    "rl": Target(
        title="SkyRL, tasks (RL)",
        line="The first request of each task, with expected calls and answer as extras of your environment.",
        format="rl_tasks",
        options={"form": ("skyrl",)},
        untrained=NOT_EXPECTED,
        masking="SkyRL trains what the model itself writes. A call that must not be trained is not among those that "
        "`reward_spec.ground_truth` expects.",
        settings="""
# data.train_data=['$file']; your environment gets the columns of a row as extras: tools, reward_spec, task_id
skyrl_gym.register(id="turnwright", entry_point="environment:Environment")  # the split $split
""",
        language="python",
        trains=False,
    ),
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """tokenize_chat_example with all_assistant_messages: by role alone."""
    yield from (message for message in row["messages"] if message["role"] == "assistant")


def _expected(row: Mapping[str, Any]) -> Iterator[str]:
    """An environment gives its reward for what is expected."""
    yield row["reward_spec"]["ground_truth"]


EXAMPLE = TargetExample(trained=_trained)
EXAMPLES = {"rl": TargetExample(trained=_expected, whole=False)}
