"""LLaMA-Factory: it trains every turn of the assistant, so a row ends before the first that must not be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, Target

_SETTINGS = """
dataset_dir: .  # this folder, with dataset_info.json
dataset: turnwright_$stem
"""
_SFT = Target(
    title="LLaMA-Factory",
    line="ShareGPT rows with dataset_info.json, which end before the first turn that must not be trained.",
    format="llamafactory",
    tried_with="llamafactory 0.9.5",
    options={"form": ("sharegpt",), "masked": ("cut",)},
    untrained=ENDS,
    masking="LLaMA-Factory trains every `gpt` and `function_call` turn that it sees. A row therefore ends before "
    "the first one that must not be trained.",
    settings=f"{_SETTINGS}mask_history: false\ntrain_on_prompt: false\n",
    language="yaml",
    tried="consumers",
    usual=True,
    containers=("jsonl", "json", "parquet"),
    datasets="4.0",
)
_RANKING = Target(
    title="LLaMA-Factory, preferences",
    line="One chosen and one rejected message after the same dialogue: the first call in which attempts differ.",
    format="preference",
    tried_with="llamafactory 0.9.5",
    options={"form": ("ranking",), "arguments": ("object",), "reasoning": ("think", "drop")},
    untrained={"cut": "is never chosen"},
    masking="A side is exactly one message, so of two attempts only the first call that differs is compared. A turn "
    "that must not be trained is never chosen.",
    settings=f"{_SETTINGS}stage: dpo\n",
    language="yaml",
    tried="consumers",
    ignores=("tool_call_id", "name"),
    rejected_too=True,
)
FORMS = {
    "sft": _SFT,
    "openai": replace(
        _SFT,
        title="LLaMA-Factory, messages",
        line="Messages of role and content with dataset_info.json; calls are JSON under the role function_call.",
        options={"form": ("openai",), "masked": ("cut",)},
        masking="LLaMA-Factory trains every answer and every call that it sees. A row therefore ends before the first "
        "one that must not be trained. Calls do not stand in `tool_calls`, since it would encode their arguments twice "
        "or fill them with nulls.",
        usual=False,
    ),
    "alpaca": replace(
        _SFT,
        title="LLaMA-Factory, Alpaca",
        line="Instruction, output and history with dataset_info.json; dialogues with calls have no such form.",
        options={"form": ("alpaca",), "masked": ("cut",), "beside_call": ("drop",)},
        masking="LLaMA-Factory trains the output and every answer of the history. A row therefore ends before the "
        "first answer that must not be trained.",
        usual=False,
    ),
    "ranking": _RANKING,
    "kto": replace(
        _RANKING,
        title="LLaMA-Factory, labels (KTO)",
        line="Dialogues whose last answer has a label: true for what was kept, false for what the judges rejected.",
        options={"form": ("kto_tag",), "arguments": ("object",), "reasoning": ("think", "drop")},
        untrained={"cut": "ends a good dialogue, and what follows is left out"},
        masking="The last answer of a dialogue is made likelier or less likely, and the others are only read. A good "
        "dialogue therefore ends before its first turn that must not be trained.",
        settings=f"{_SETTINGS}stage: kto\n",
    ),
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """SupervisedDatasetProcessor: every answer of the sharegpt roles at even places."""
    yield from (turn for turn in row["conversations"] if turn["from"] in ("gpt", "function_call"))


def _answered(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """OpenAIDatasetConverter: every message of the assistant and of the function role."""
    yield from (one for one in row["messages"] if one["role"] in ("assistant", "function_call"))


def _put_out(row: Mapping[str, Any]) -> Iterator[str]:
    """AlpacaDatasetConverter: the second text of each pair of the history, and the output."""
    yield from (answer for _, answer in row["history"])
    yield row["output"]


def _chosen(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """PairwiseDatasetProcessor: `chosen` is made likelier."""
    yield row["chosen"]


def _labelled(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """FeedbackDatasetProcessor: the last turn of a dialogue with a true label is made likelier."""
    if row["label"]:
        yield row["conversations"][-1]


EXAMPLE = TargetExample(trained=_trained)
EXAMPLES = {
    "openai": TargetExample(trained=_answered),
    "alpaca": TargetExample(trained=_put_out, whole=False),
    "ranking": TargetExample(trained=_chosen, whole=False),
    "kto": TargetExample(trained=_labelled, whole=False),
}
