"""verifiers (v1): traces and episodes, in which what must not be trained is not sampled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, Target

_UNTRAINED: Mapping[Any, str] = {
    "mask": "stays, and counts as not sampled",
    **ENDS,
}
_MASKING = (
    "A message is trained when it is `sampled`. What must not be trained, and all that no model wrote, is not. Token "
    "ids and masks are given where the server told those of every answer; else a trainer renders the messages itself."
)
_SETTINGS = """
# the split $split; each line of $file is one, read again as train data by its own class
found = [{kind}.model_validate_json(line) for line in open("$file")]
"""
FORMS = {
    "trace": Target(
        title="verifiers, traces",
        line="One trace per line: a graph of messages with rewards, scores as metrics, and provenance in `info`.",
        format="verifiers",
        tried_with="verifiers 0.4.0",
        options={"form": ("trace",)},
        untrained=_UNTRAINED,
        masking=_MASKING,
        settings=_SETTINGS.format(kind="WireTrace"),
        language="python",
        group="traces",
        tried="consumers",
    ),
    "episode": Target(
        title="verifiers, episodes",
        line="One episode per line with one trace; attempts at one task share its group.",
        format="verifiers",
        tried_with="verifiers 0.4.0",
        options={"form": ("episode",)},
        untrained=_UNTRAINED,
        masking=_MASKING,
        settings=_SETTINGS.format(kind="WireEpisode"),
        language="python",
        group="traces",
        tried="consumers",
    ),
}


def _sampled(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Branch: the messages of sampled nodes."""
    yield from (node["message"] for node in row["nodes"] if node["sampled"])


def _sampled_in(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The sampled messages of all traces."""
    for trace in row["traces"]:
        yield from _sampled(trace)


EXAMPLES = {"trace": TargetExample(trained=_sampled), "episode": TargetExample(trained=_sampled_in)}
