"""OpenAI's fine-tuning: a weight on each answer, or two messages of which one is preferred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, REWARDED_STEPS, Target

FORMS = {
    "sft": Target(
        title="OpenAI",
        line="Messages with a weight of 0 or 1 on each answer, for supervised fine-tuning.",
        format="hosted",
        tried_with="openai 2.54.0",
        options={"service": ("openai",)},
        untrained={
            "mask": "stays, with the weight 0",
            **ENDS,
        },
        masking="Each answer of the assistant has a `weight`; OpenAI does not train those with 0. It has no place for "
        "reasoning.",
        settings="""
# at least 10 rows; names of tools that OpenAI does not allow were changed, as the report says
file = client.files.create(file=open("$file", "rb"), purpose="fine-tune")
client.fine_tuning.jobs.create(training_file=file.id, model=model, method={"type": "supervised"})
""",
        language="python",
        group="hosted",
        usual=True,
        tried="types",
    ),
    "dpo": Target(
        title="OpenAI, preferences (DPO)",
        line="One preferred and one other message after the same dialogue: the first call in which attempts differ.",
        format="preference",
        tried_with="openai 2.54.0",
        options={"form": ("openai",), "arguments": ("string",), "reasoning": ("drop",)},
        untrained={"cut": "is never preferred"},
        masking="A side is exactly one message, so of two attempts only the first call that differs is compared. A "
        "turn that must not be trained is never preferred.",
        settings="""
# at least 10 rows
file = client.files.create(file=open("$file", "rb"), purpose="fine-tune")
client.fine_tuning.jobs.create(training_file=file.id, model=model, method={"type": "dpo"})
""",
        language="python",
        group="hosted",
        tried="types",
        rejected_too=True,
    ),
    "rft": Target(
        title="OpenAI, reinforcement (RFT)",
        line="Dialogues that end on a user's message, with the expected calls or answer as a variable for a grader.",
        format="rl_steps",
        options={"form": ("openai",)},
        **REWARDED_STEPS,
        settings="""
# `grader` compares {{sample.output_tools}} and {{sample.output_text}} with {{item.ground_truth}} ($split)
file = client.files.create(file=open("$file", "rb"), purpose="fine-tune")
method = {"type": "reinforcement", "reinforcement": {"grader": grader}}
client.fine_tuning.jobs.create(training_file=file.id, validation_file=validation, model=model, method=method)
""",
        language="python",
        group="hosted",
        tried="types",
    ),
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every message of the assistant whose weight is not 0."""
    yield from (one for one in row["messages"] if one["role"] == "assistant" and one.get("weight", 1) != 0)


EXAMPLE = TargetExample(trained=_trained)


def _preferred(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The preferred message is made likelier."""
    yield from row["preferred_output"]


def _expected(row: Mapping[str, Any]) -> Iterator[str]:
    """A grader gives its reward for what is expected."""
    yield row["ground_truth"]


EXAMPLES = {
    "dpo": TargetExample(trained=_preferred, whole=False),
    "rft": TargetExample(trained=_expected, whole=False),
}
