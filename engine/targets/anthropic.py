"""Anthropic's Messages: to replay a dialogue, or to have it judged; Anthropic trains nothing from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, Target

FORMS = {
    "messages": Target(
        title="Anthropic Messages",
        line="Requests with blocks of text, calls and results, which end before the first turn that must not be "
        "trained.",
        format="anthropic",
        tried_with="anthropic 2.14.0",
        options={},
        untrained=ENDS,
        masking="A block of Anthropic's has no mark for what must not be trained, so a row ends before the first such "
        "answer. Reasoning is left out, since a thinking block needs a signature.",
        settings="""
# the split $split; each line is a request
for line in open("$file"):
    client.messages.create(model=model, max_tokens=1024, **json.loads(line))
""",
        language="python",
        group="hosted",
        tried="types",
    )
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every message of the assistant."""
    yield from (one for one in row["messages"] if one["role"] == "assistant")


EXAMPLE = TargetExample(trained=_trained)
