"""BFCL v4: questions, the calls that count as right, and dialogues of several requests."""

from __future__ import annotations

from dataclasses import replace

from engine.exporting.target import ENDS, Target

_DIALOGUES = Target(
    title="BFCL, several requests",
    line="Dialogues of several requests with the right calls as text; the tools are ours, so the runner of BFCL "
    "cannot execute them.",
    format="bfcl",
    tried_with="bfcl-eval 2026.3.23",
    options={"part": ("multi_turn",)},
    untrained=ENDS,
    masking="Nothing of an item is trained. A dialogue with a turn that was rejected ends before it, so no such "
    "call counts as right.",
    settings="""
# $file holds the split $split; run the calls with Turnwright, whose domains hold the tools
""",
    language="sh",
    group="datasets",
    trains=False,
)
FORMS = {
    "question": replace(
        _DIALOGUES,
        title="BFCL, questions",
        line="One request with its functions in BFCL types, to measure a tuned model on the same tools.",
        options={"part": ("question",)},
        settings="""
# $file holds the questions of the split $split: put it beside bfcl_eval/data/BFCL_v4_<category>.json
""",
    ),
    "answer": replace(
        _DIALOGUES,
        title="BFCL, answers",
        line="By id the calls that count as right for the questions, each argument with its allowed values.",
        options={"part": ("answer",)},
        settings="""
# $file holds the answers of the split $split: put it into bfcl_eval/data/possible_answer
""",
        tried="loader",
    ),
    "multi_turn": _DIALOGUES,
}
