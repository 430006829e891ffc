"""Kimi K2: a section of calls; name and number in one word, then JSON.

    <|tool_calls_section_begin|><|tool_call_begin|>functions.get_order:0<|tool_call_argument_begin|>{"id": "A1"}
    <|tool_call_end|><|tool_calls_section_end|>

(on one line). Written by Kimi K2 and K2 Thinking.
"""

from __future__ import annotations

import re

from engine.llms._calls.notation import Notation, NotWritten, Place, Sample, Written

_SECTIONS = ("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>")
_SECTION_ENDS = ("<|tool_calls_section_end|>", "<|tool_call_section_end|>")
_CALL, _CALL_END = "<|tool_call_begin|>", "<|tool_call_end|>"
_NAME = re.compile(r"\s*([^\s<]{1,200})\s*<\|tool_call_argument_begin\|>")


def _read(place: Place) -> list[Written]:
    place.takes(*_SECTIONS)
    found: list[Written] = []
    while place.takes(_CALL):
        name = place.match(_NAME)[1]
        ends = (_CALL_END, *_SECTION_ENDS)
        found.append(Written(name, {} if place.sees(*ends) else place.value(*ends)))
        if not place.sees(*_SECTION_ENDS):
            place.closes(_CALL_END)
    if not found:
        raise NotWritten
    place.takes(*_SECTION_ENDS)
    return found


NOTATION = Notation(
    begins=(*_SECTIONS, _CALL),
    read=_read,
    samples=(
        Sample(
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_order:0<|tool_call_argument_begin|>"
            '{"id": "A1"}<|tool_call_end|><|tool_calls_section_end|>',
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            "<|tool_call_section_begin|><|tool_call_begin|>functions.list_orders:0<|tool_call_argument_begin|>{}"
            "<|tool_call_section_end|>",
            calls=[("list_orders", {})],
        ),
        Sample(
            "I look at both. <|tool_calls_section_begin|><|tool_call_begin|>functions.get_order:0"
            '<|tool_call_argument_begin|>{"id": "A1"}<|tool_call_end|><|tool_call_begin|>functions.list_orders:1'
            "<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|><|im_end|>",
            calls=[("get_order", {"id": "A1"}), ("list_orders", {})],
            rest="I look at both.",
        ),
    ),
)
