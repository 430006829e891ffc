"""NeMo-RL: it trains every turn of the assistant, so a row ends before the first that must not be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import BY_ROLE, ENDS, Target

FORMS = {
    "sft": Target(
        title="NeMo-RL",
        line="Messages with tools as a list, which end before the first turn that must not be trained.",
        format="chat_jsonl",
        tried_with="NeMo-RL of 2026-08-22",
        options={
            **BY_ROLE,
            "arguments": ("object",),
            "tools": ("list",),
        },
        untrained=ENDS,
        masking="NeMo-RL reads no flag on a turn and trains every turn of the assistant that it sees. A row therefore "
        "ends before the first one that must not be trained.",
        settings="""
data:
  train:
    dataset_name: openai_format
    data_path: $file  # the split $split
    chat_key: messages
    tool_key: tools
    use_preserving_dataset: true  # or arguments that a call lacks come back as null
""",
        language="yaml",
        containers=("jsonl", "json"),
        datasets="4.7",
    ),
    "rank": Target(
        title="NeMo-RL, preferences",
        line="A context with two completions by rank: the best attempt at a task, then one that was rejected.",
        format="preference",
        tried_with="NeMo-RL of 2026-08-22",
        options={"form": ("ranks",), "arguments": ("object",)},
        untrained={"cut": "ends the better side, and what follows is left out"},
        masking="A completion is better or worse as a whole. The better one therefore ends before its first turn that "
        "must not be trained.",
        settings="""
data:
  train:
    dataset_name: PreferenceDataset
    data_path: $file  # the split $split
""",
        language="yaml",
        containers=("jsonl", "json"),
        datasets="4.7",
        rejected_too=True,
    ),
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every message of the assistant, by role alone."""
    yield from (message for message in row["messages"] if message["role"] == "assistant")


def _best(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The completion of rank 0 is made likelier."""
    yield from next(one["completion"] for one in row["completions"] if one["rank"] == 0)


EXAMPLE = TargetExample(trained=_trained)
EXAMPLES = {"rank": TargetExample(trained=_best, whole=False)}
