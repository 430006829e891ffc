"""TRL: no trainer of it reads a flag on a turn, so what must not be trained stands in the prompt or is cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import BY_DATASETS, ENDS, NOT_EXPECTED, Target

_READ: Any = {**BY_DATASETS, "json_type": True, "datasets": "4.7"}
"""Its templates need objects as arguments, which older versions of `datasets` cannot read."""
FORMS = {
    "sft": Target(
        title="TRL",
        line="Rows of prompt and completion; what must not be trained stands in a prompt.",
        format="chat_jsonl",
        tried_with="trl 1.16.0",
        options={
            "split_untrained": (True,),
            "turn_flag": ("none",),
            "loss": ("none",),
            "masked": ("keep",),
            "arguments": ("object",),
            "tools": ("string", "list"),
        },
        untrained={
            "mask": "is read, not trained: what follows is a row of its own",
            **ENDS,
        },
        masking="TRL reads no flag on a turn. A turn that must not be trained stands in `prompt`, which is not "
        "trained; each run of trained turns is the `completion` of a row. User turns and results of tools inside a "
        "completion are left out of the loss by `assistant_only_loss`, without which TRL trains them.",
        settings="""
# datasets 4.7 or newer, as TRL asks for: older ones cannot read arguments of mixed types
data = load_dataset("$loader", data_files=$files)
config = SFTConfig(
    assistant_only_loss=True,
    completion_only_loss=True,
    max_length=None,  # or a length that your dialogues keep to: TRL cuts at 1,024 tokens by itself
)
trainer = SFTTrainer(model, args=config, train_dataset=data["$split"])
""",
        language="python",
        usual=True,
        tried="loader",
        **_READ,
    ),
    "dpo": Target(
        title="TRL, preferences (DPO)",
        line="Prompt, chosen and rejected: the best attempt at a task beside one that was rejected, from the first "
        "call that differs.",
        format="preference",
        tried_with="trl 1.16.0",
        options={"form": ("pair",), "arguments": ("object",)},
        untrained={"cut": "ends the better side, and what follows is left out"},
        masking="DPO reads no flag on a turn: it compares all that is chosen with all that is rejected, results of "
        "tools too. The better side therefore ends before its first turn that must not be trained.",
        settings="""
# datasets 4.7 or newer, as TRL asks for: older ones cannot read arguments of mixed types
data = load_dataset("$loader", data_files=$files)
trainer = DPOTrainer(model, args=DPOConfig(max_length=None), train_dataset=data["$split"])
""",
        language="python",
        usual=True,
        rejected_too=True,
        **_READ,
    ),
    "kto": Target(
        title="TRL, labels (KTO)",
        line="Prompt, completion and a label: true for what was kept, false for what the judges rejected.",
        format="preference",
        tried_with="trl 1.16.0",
        options={"form": ("kto",), "arguments": ("object",)},
        untrained={"cut": "ends a good completion, and what follows is left out"},
        masking="KTO reads no flag on a turn: a completion is good or bad as a whole. A good one therefore ends before "
        "its first turn that must not be trained.",
        settings="""
# datasets 4.7 or newer, as TRL asks for: older ones cannot read arguments of mixed types
data = load_dataset("$loader", data_files=$files)
trainer = KTOTrainer(model, args=KTOConfig(max_length=None), train_dataset=data["$split"])
""",
        language="python",
        rejected_too=True,
        **_READ,
    ),
    "grpo": Target(
        title="TRL, tasks (GRPO)",
        line="The first request of each task, with the expected calls and answer as columns for your reward function.",
        format="rl_tasks",
        options={"form": ("trl",)},
        untrained=NOT_EXPECTED,
        masking="GRPO trains what the model itself writes. A call that must not be trained is not among those that "
        "`ground_truth` expects.",
        settings="""
# your Environment runs the tools; your reward compares a completion with `ground_truth` (JSON: calls and answer)
data = load_dataset("json", data_files=$files)
trainer = GRPOTrainer(
    model, reward_funcs=reward, environment_factory=Environment, args=GRPOConfig(), train_dataset=data["$split"]
)
""",
        language="python",
        trains=False,
    ),
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """SFTTrainer: `completion_mask` and `assistant_masks` both; of a message it reads what its template uses."""
    yield from (message for message in row["completion"] if message["role"] == "assistant")


EXAMPLE = TargetExample(trained=_trained)


def _chosen(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """DPOTrainer: all of `chosen` is made likelier."""
    yield from row["chosen"]


def _completed(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """KTOTrainer: all of a completion with a true label is made likelier; of interest is what the assistant says."""
    yield from (message for message in row["completion"] if row["label"] and message["role"] == "assistant")


def _expected(row: Mapping[str, Any]) -> Iterator[str]:
    """A reward function gives its reward for what is expected."""
    yield row["ground_truth"]


EXAMPLES = {
    "dpo": TargetExample(trained=_chosen, whole=False),
    "kto": TargetExample(trained=_completed),
    "grpo": TargetExample(trained=_expected, whole=False),
}
