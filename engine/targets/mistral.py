"""Mistral's fine-tuning, hosted or with mistral-finetune: a weight on each answer, ids of nine letters and digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, Target

FORMS = {
    "sft": Target(
        title="Mistral",
        line="Messages with a weight of 0 or 1 on each answer and ids of nine letters and digits.",
        format="hosted",
        tried_with="mistral-common 1.13.1",
        options={"service": ("mistral",)},
        untrained={
            "mask": "stays, with the weight 0",
            **ENDS,
        },
        masking="Each answer of the assistant has a `weight`; Mistral does not train those with 0. An answer holds a "
        "text or calls, so text beside a call is left out and counted, as is reasoning.",
        settings="""
file = client.files.upload(file={"file_name": "$file", "content": open("$file", "rb")}, purpose="fine-tune")
client.fine_tuning.jobs.create(model=model, training_files=[{"file_id": file.id, "weight": 1}], hyperparameters={})
""",
        language="python",
        group="hosted",
        tried="loader",
    )
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """mistral_common: a FinetuningAssistantMessage is trained unless its weight is 0."""
    yield from (one for one in row["messages"] if one["role"] == "assistant" and one.get("weight", 1) != 0)


EXAMPLE = TargetExample(trained=_trained)
