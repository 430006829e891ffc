"""Qwen3-Coder: a function in tags, with a tag for each parameter. Values have no type of their own.

    <tool_call>
    <function=get_order>
    <parameter=id>
    A1
    </parameter>
    </function>
    </tool_call>

Written by Qwen3-Coder, Qwen3-Next and Qwen 3.5, Nemotron 3, Step 3.5; with <seed:tool_call> by Seed-OSS. Texts stand
as they are, anything else as JSON (or as Python writes it), on lines of their own. The first tag is often left out.
"""

from __future__ import annotations

from engine.llms._calls.notation import Notation, Place, Sample, Written
from engine.llms._notations._function import function

_BEGINS, _ENDS = ("<tool_call>", "<seed:tool_call>"), ("</tool_call>", "</seed:tool_call>")


def _read(place: Place) -> list[Written]:
    place.takes(*_BEGINS)
    found = [function(place)]
    while place.sees("<function="):
        found.append(function(place))
    place.takes(*_ENDS)
    return found


NOTATION = Notation(
    begins=(*_BEGINS, "<function="),
    read=_read,
    samples=(
        Sample(
            "<tool_call>\n<function=get_order>\n<parameter=id>\nA1\n</parameter>\n"
            "<parameter=full>\nTrue\n</parameter>\n</function>\n</tool_call>",
            calls=[("get_order", {"id": "A1", "full": True})],
        ),
        Sample(
            "Let me write that down.\n\n<function=set_note>\n<parameter=id>\n17\n</parameter>\n"
            "<parameter=text>\nif a < b:\n    print('</parameter>')\n</parameter>\n</function>\n</tool_call>",
            calls=[("set_note", {"id": "17", "text": "if a < b:\n    print('</parameter>')"})],
            rest="Let me write that down.",
        ),
        Sample(
            "<tool_call>\n<function=get_order>\n<parameter=id>\nA1\n</function>\n</tool_call>",
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            "<seed:tool_call>\n<function=count_items>\n<parameter=limit>5</parameter>\n"
            '<parameter=kinds>["a", "b"]</parameter>\n</function>\n</seed:tool_call>',
            calls=[("count_items", {"limit": 5, "kinds": ["a", "b"]})],
        ),
    ),
)
