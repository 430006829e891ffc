"""TRL: its SFTTrainer reads no flag on a turn, so what it must not train stands in the prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import Target

FORMS = {
    "sft": Target(
        title="TRL",
        line="Rows of prompt and completion; what must not be trained stands in a prompt.",
        format="chat_jsonl",
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
            "cut": "ends the dialogue, and what follows is left out",
        },
        masking="TRL reads no flag on a turn. A turn that must not be trained stands in `prompt`, which is not "
        "trained; each run of trained turns is the `completion` of a row. User turns and results of tools inside a "
        "completion are left out of the loss by `assistant_only_loss`, without which TRL trains them.",
        settings="""
# datasets 4.7 or newer, as TRL asks for: older ones cannot read arguments of mixed types
data = load_dataset("json", data_files=$files)
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
    )
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """SFTTrainer: `completion_mask` and `assistant_masks` both; of a message it reads what its template uses."""
    yield from (message for message in row["completion"] if message["role"] == "assistant")


EXAMPLE = TargetExample(trained=_trained)
