"""MiniMax: invokes in a tag of its own (M2), or JSON objects line by line (M1).

    <minimax:tool_call>
    <invoke name="get_order">
    <parameter name="id">A1</parameter>
    </invoke>
    </minimax:tool_call>

    <tool_calls>
    {"name": "get_order", "arguments": {"id": "A1"}}
    </tool_calls>

Written by MiniMax-M2 and M2.1, and by MiniMax-M1; Jamba and Hunyuan write a JSON list between the tags of the second.
"""

from __future__ import annotations

from engine.llms._calls.json_calls import marked_calls
from engine.llms._calls.notation import Notation, Place, Sample, Written
from engine.llms._notations._invoke import invokes

_BEGIN, _END = "<minimax:tool_call>", "</minimax:tool_call>"
_OLD, _OLD_END = "<tool_calls>", "</tool_calls>"


def _read(place: Place) -> list[Written]:
    if place.takes(_OLD):
        found = marked_calls(place, _OLD_END)
        place.takes(_OLD_END)
        return found
    place.needs(_BEGIN)
    found = invokes(place)
    place.takes(_END)
    return found


NOTATION = Notation(
    begins=(_BEGIN, _OLD),
    read=_read,
    samples=(
        Sample(
            '<minimax:tool_call>\n<invoke name="get_order">\n<parameter name="id">17</parameter>\n'
            '<parameter name="full">true</parameter>\n</invoke>\n'
            '<invoke name="count_items">\n<parameter name="limit">5</parameter>\n</invoke>\n</minimax:tool_call>',
            calls=[("get_order", {"id": "17", "full": True}), ("count_items", {"limit": 5})],
        ),
        Sample(
            'I look.\n<tool_calls>\n{"name": "get_order", "arguments": {"id": "A1"}}\n'
            '{"name": "list_orders", "arguments": {}}\n</tool_calls>',
            calls=[("get_order", {"id": "A1"}), ("list_orders", {})],
            rest="I look.",
        ),
    ),
)
