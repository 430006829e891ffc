"""GLM-4.5: the name, then keys and values in turn. Values have no type of their own.

    <tool_call>get_order
    <arg_key>id</arg_key>
    <arg_value>A1</arg_value>
    </tool_call>

Written by GLM-4.5, 4.6 and 4.7. Texts stand as they are, anything else as JSON. GLM-4 wrote the name and then JSON.
"""

from __future__ import annotations

import re

from engine.llms._calls.bare_texts import Text
from engine.llms._calls.notation import Notation, Place, Sample, Written, without_layout

_BEGIN, _END = "<tool_call>", "</tool_call>"
_NAME = re.compile(r"\s*([^\s<{\[]{1,200})\s*(?=<arg_key>|</tool_call>|\{)")
_KEY = re.compile(r"\s*<arg_key>([^<]{1,200})</arg_key>\s*<arg_value>")


def _read(place: Place) -> list[Written]:
    place.needs(_BEGIN)
    name = place.match(_NAME)[1]
    if place.sees("{"):
        given = place.value(_END, _BEGIN)
        place.takes(_END)
        return [Written(name, given)]
    texts: dict[str, Text] = {}
    while found := place.maybe(_KEY):
        texts[found[1].strip()] = Text(without_layout(place.text_to("</arg_value>", "<arg_key>", _END)))
    place.closes(_END)
    return [Written(name, texts)]


NOTATION = Notation(
    begins=(_BEGIN,),
    read=_read,
    samples=(
        Sample(
            "<tool_call>get_order\n<arg_key>id</arg_key>\n<arg_value>A1</arg_value>\n"
            "<arg_key>full</arg_key>\n<arg_value>true</arg_value>\n</tool_call>",
            calls=[("get_order", {"id": "A1", "full": True})],
        ),
        Sample(
            "I'll note that.\n<tool_call>set_note<arg_key>id</arg_key><arg_value>17</arg_value>"
            "<arg_key>text</arg_key><arg_value>1 < 2\nand so on</arg_value></tool_call>\n"
            "<tool_call>list_orders\n</tool_call>",
            calls=[("set_note", {"id": "17", "text": "1 < 2\nand so on"}), ("list_orders", {})],
            rest="I'll note that.",
        ),
    ),
)
