"""A data-set repository for the Hugging Face hub: card, splits and a description as Croissant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, Target

FORMS = {
    "sft": Target(
        title="Hugging Face repository",
        line="A folder to publish: dialogues as messages in columns of one type each, the card, and croissant.json.",
        format="chat_jsonl",
        options={"arguments": ("string", "object"), "turn_flag": ("train",), "tools": ("string",)},
        untrained={
            "mask": "stays, with `train` false in its message",
            **ENDS,
        },
        masking="Each message of the assistant says in `train` whether it may be trained. A trainer must be told so.",
        settings="""
import json

from datasets import load_dataset

# arguments of calls are JSON text, so that each version of datasets reads them as they are
data = load_dataset("json", data_files=$files)["$split"]
calls = [json.loads(call["function"]["arguments"]) for m in data[0]["messages"] for call in m["tool_calls"] or ()]
""",
        language="python",
        group="datasets",
        tried="loader",
        tried_with="datasets 5.2.0, huggingface_hub 1.33.0, mlcroissant 1.1.1",
        repository=True,
    ),
    "records": Target(
        title="Hugging Face repository, whole records",
        line="A folder to publish with all that is known of each trajectory, which Turnwright imports again.",
        format="trajectory",
        options={"include_execution": (False,)},
        untrained={
            "mask": "stays, with `train` false in its turn",
            **ENDS,
        },
        masking="Each turn says in `train` whether it may be trained. Nested values are JSON text.",
        settings="""
import json

from datasets import load_dataset

data = load_dataset("json", data_files=$files)["$split"]
turns = [turn for turn in json.loads(data[0]["turns"]) if turn["train"]]
""",
        language="python",
        group="datasets",
        tried="loader",
        tried_with="datasets 5.2.0, huggingface_hub 1.33.0, mlcroissant 1.1.1",
        trains=False,
        repository=True,
    ),
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Messages of the assistant whose `train` is true."""
    yield from (message for message in row["messages"] if message["role"] == "assistant" and message["train"])


EXAMPLE = TargetExample(trained=_trained)
