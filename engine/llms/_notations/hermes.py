"""Hermes: a JSON object between tags, a pair of tags for each call.

    <tool_call>
    {"name": "get_order", "arguments": {"id": "A1"}}
    </tool_call>

Written by Hermes 2 Pro, Hermes 3 and 4, Qwen 2.5, Qwen 3 and QwQ, Granite 4 and others. Small models write a Python
dict between the tags, several objects in one pair, or leave the last tag out.
"""

from __future__ import annotations

from engine.llms._calls.json_calls import marked_calls
from engine.llms._calls.notation import Notation, Place, Sample, Written

_BEGIN, _END = "<tool_call>", "</tool_call>"


def _read(place: Place) -> list[Written]:
    place.needs(_BEGIN)
    found = marked_calls(place, _END, _BEGIN)
    place.takes(_END)
    return found


NOTATION = Notation(
    begins=(_BEGIN,),
    read=_read,
    samples=(
        Sample(
            '<tool_call>\n{"name": "get_order", "arguments": {"id": "A1"}}\n</tool_call>',
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            "I'll look both of them up.\n"
            '<tool_call>\n{"name": "get_order", "arguments": {"id": "A1"}}\n</tool_call>\n'
            '<tool_call>\n{"name": "set_note", "arguments": {"id": "A1", "text": "a < b"}}\n</tool_call><|im_end|>',
            calls=[("get_order", {"id": "A1"}), ("set_note", {"id": "A1", "text": "a < b"})],
            rest="I'll look both of them up.",
        ),
        Sample(
            "<tool_call>\n{'name': 'get_order', 'arguments': {'id': 'A1', 'full': True}}\n</tool_call>",
            calls=[("get_order", {"id": "A1", "full": True})],
        ),
        Sample('<tool_call>\n{"name": "list_orders"}', calls=[("list_orders", {})]),
    ),
)
