"""axolotl: a flag on each turn of the assistant, which its configuration must name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, Target

FORMS = {
    "sft": Target(
        title="axolotl",
        line="Messages with a flag `train` on each turn of the assistant, which the configuration names.",
        format="chat_jsonl",
        tried_with="axolotl 0.21.0",
        options={
            "turn_flag": ("train",),
            "loss": ("none",),
            "split_untrained": (False,),
            "masked": ("keep",),
            "arguments": ("string", "object"),
            "tools": ("string", "list"),
        },
        untrained={
            "mask": "stays, flagged as not trained",
            **ENDS,
        },
        masking="Each turn of the assistant has a flag `train`; axolotl leaves those with `false` out of the loss, "
        "once its configuration names the flag as `message_field_training`.",
        settings="""
chat_template: tokenizer_default
train_on_inputs: false
datasets:
  - path: $file
    ds_type: $loader
    type: chat_template
    field_messages: messages
    field_tools: tools
    roles_to_train: [assistant]
    train_on_eos: turn
    message_field_training: train
""",
        language="yaml",
        usual=True,
        containers=("jsonl", "json", "parquet"),
        datasets="4.0",
    )
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """ChatTemplateStrategy: `message_field_training` where a message has it, else `roles_to_train`."""
    for message in row["messages"]:
        flag = message.get("train")
        if flag if flag is not None else message["role"] == "assistant":
            yield message


EXAMPLE = TargetExample(trained=_trained)
