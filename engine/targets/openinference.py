"""OpenInference: spans of agent, model and tools with flattened messages."""

from __future__ import annotations

from engine.exporting.target import ENDS, Target

FORMS = {
    "spans": Target(
        title="OpenInference",
        line="Spans AGENT, LLM and TOOL with messages and calls flattened into attributes, as Phoenix reads them.",
        format="spans",
        tried_with="openinference-semantic-conventions 0.1.42",
        options={"conventions": ("openinference",)},
        untrained={
            "mask": "stays, with the attribute `turnwright.train` false",
            **ENDS,
        },
        masking="Nothing is trained from spans by themselves. The span of an answer says in `turnwright.train` whether "
        "it may be.",
        settings="""
# $file holds one span a line of the split $split (train, unless you named others), without times
""",
        language="sh",
        group="traces",
        tried="types",
        trains=False,
    )
}
