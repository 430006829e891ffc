"""OpenTelemetry's GenAI conventions: spans of agent, model and tools."""

from __future__ import annotations

from engine.exporting.target import ENDS, Target

FORMS = {
    "spans": Target(
        title="OpenTelemetry GenAI",
        line="Spans invoke_agent, chat and execute_tool with messages, calls, results and scores as attributes.",
        format="spans",
        tried_with="opentelemetry-semantic-conventions 0.66b2",
        options={"conventions": ("otel",)},
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
