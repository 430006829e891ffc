"""Anthropic XML: invokes inside function_calls. Values have no type of their own.

    <function_calls>
    <invoke name="get_order">
    <parameter name="id">A1</parameter>
    </invoke>
    </function_calls>

Written by Claude when it is prompted so, by models that learnt from it (also with a prefix, `<ns:invoke>`), and by
Claude 2 with <tool_name> and <parameters> inside the invoke. Olmo 3 writes Python between the outer tags.
"""

from __future__ import annotations

import re

from engine.llms._calls.bare_texts import Text
from engine.llms._calls.notation import Notation, Place, Sample, Written, without_layout
from engine.llms._calls.python_calls import HEAD, marked_json_or_python
from engine.llms._notations._invoke import invokes

_OPEN = re.compile(r"<(?:[\w.-]{1,40}:)?function_calls>\s*")
_CLOSE = re.compile(r"\s*</(?:[\w.-]{1,40}:)?function_calls>")
_OLD = re.compile(r"\s*<invoke>\s*<tool_name>([^<]{1,200})</tool_name>\s*(?:<parameters>)?")
_OLD_KEY = re.compile(r"\s*<([\w.-]{1,200})>")
_END = "</function_calls>"
_PREFIX = "antml:"


def _read(place: Place) -> list[Written]:
    outer = place.maybe(_OPEN)
    if outer and (place.sees("{", "[") or HEAD.match(place.text, place.at)):
        found = marked_json_or_python(place, _END)
    elif _OLD.match(place.text, place.at):
        found = _old(place)
    else:
        found = invokes(place)
    place.maybe(_CLOSE)
    return found


def _old(place: Place) -> list[Written]:
    found: list[Written] = []
    while head := place.maybe(_OLD):
        texts: dict[str, Text] = {}
        while key := place.maybe(_OLD_KEY):
            texts[key[1]] = Text(without_layout(place.text_to(f"</{key[1]}>", "<")))
        place.takes("</parameters>")
        place.closes("</invoke>")
        found.append(Written(head[1], texts))
    return found


NOTATION = Notation(
    begins=("<function_calls>", f"<{_PREFIX}function_calls>", "<invoke name=", f"<{_PREFIX}invoke name="),
    read=_read,
    samples=(
        Sample(
            '<function_calls>\n<invoke name="get_order">\n<parameter name="id">17</parameter>\n'
            '<parameter name="full">true</parameter>\n</invoke>\n</function_calls>',
            calls=[("get_order", {"id": "17", "full": True})],
        ),
        Sample(
            'I note it.\n<invoke name="set_note">\n<parameter name="id">A1</parameter>\n'
            '<parameter name="text">a < b\n</p></parameter>\n</invoke>',
            calls=[("set_note", {"id": "A1", "text": "a < b\n</p>"})],
            rest="I note it.",
        ),
        Sample(
            "<function_calls>\n<invoke>\n<tool_name>count_items</tool_name>\n<parameters>\n<limit>5</limit>\n"
            "</parameters>\n</invoke>\n</function_calls>",
            calls=[("count_items", {"limit": 5})],
        ),
        Sample("<function_calls>\nget_order(id='A1')\n</function_calls>", calls=[("get_order", {"id": "A1"})]),
    ),
)
