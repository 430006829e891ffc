"""ms-swift: a key `loss` on each turn of the assistant; reasoning goes in think tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, Target

FORMS = {
    "sft": Target(
        title="ms-swift",
        line="Messages with a key `loss` on each turn of the assistant; reasoning in think tags.",
        format="chat_jsonl",
        tried_with="ms-swift 4.6.0",
        options={
            "loss": ("ms_swift",),
            "turn_flag": ("none",),
            "split_untrained": (False,),
            "masked": ("keep",),
            "reasoning": ("think", "drop"),
            "arguments": ("string", "object"),
            "tools": ("string", "list"),
        },
        untrained={
            "mask": "stays, marked as not trained",
            **ENDS,
        },
        masking="Each turn of the assistant has a key `loss`; ms-swift leaves those with `false` out of the loss with "
        "its own template backend (`swift`), not with `jinja`. A message key `reasoning_content` it would throw away, "
        "so reasoning stands in think tags.",
        settings="""
swift sft --dataset $file --loss_scale default --template_backend swift --strict true
""",
        language="sh",
        tried="consumers",
        usual=True,
        containers=("jsonl", "json", "parquet"),
        datasets="4.0",
        ignores=("tool_call_id",),
    ),
    "rejected": Target(
        title="ms-swift, preferences",
        line="Messages and rejected messages: the best attempt at a task beside one that was rejected.",
        format="preference",
        tried_with="ms-swift 4.6.0",
        options={"form": ("ms_swift",), "arguments": ("string", "object"), "reasoning": ("think", "drop")},
        untrained={"cut": "ends the better side, and what follows is left out"},
        masking="Both sides are whole dialogues. What they share has the key `loss` false, and the better side ends "
        "before its first turn that must not be trained.",
        settings="""
swift rlhf --rlhf_type dpo --dataset $file --loss_scale default --template_backend swift --strict true
""",
        language="sh",
        tried="consumers",
        containers=("jsonl", "json", "parquet"),
        datasets="4.0",
        ignores=("tool_call_id",),
        rejected_too=True,
    ),
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """LossScale._inner_call; of a message only these keys are left, and `loss` goes with each of its calls."""
    for message in row["messages"]:
        kept = {key: value for key, value in message.items() if key in ("role", "content", "loss", "tool_calls")}
        if kept["role"] == "assistant" and kept.get("loss") is not False:
            yield kept


EXAMPLE = TargetExample(trained=_trained)


def _better(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Of both sides all that is trained is compared; the first is made likelier."""
    yield from _trained({"messages": row["messages"]})


EXAMPLES = {"rejected": TargetExample(trained=_better, whole=False)}
