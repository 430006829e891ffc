"""Mistral: calls behind [TOOL_CALLS], as a list or by name.

    [TOOL_CALLS] [{"name": "get_order", "arguments": {"id": "A1"}}]                  until tokenizer v7
    [TOOL_CALLS]get_order{"id": "A1"}[TOOL_CALLS]list_orders{}                       v11
    [TOOL_CALLS]get_order[CALL_ID]9f1c3a2b7[ARGS]{"id": "A1"}                        v11 with an id
    [TOOL_CALLS]get_order[ARGS]{"id": "A1"}                                          v13

Written by Mistral, Mixtral, Ministral, Magistral and Devstral.
"""

from __future__ import annotations

import re

from engine.llms._calls.json_calls import marked_calls
from engine.llms._calls.notation import Notation, Place, Sample, Written

_BEGIN = "[TOOL_CALLS]"
_NAME = re.compile(r"\s*([^\s\[{<]{1,200})\s*(?:\[CALL_ID\]\s*[^\s\[{]{1,100}\s*)?(?:\[ARGS\])?")


def _read(place: Place) -> list[Written]:
    place.needs(_BEGIN)
    if place.sees("[{", "[ {", "[\n", "{"):
        return marked_calls(place, _BEGIN)
    name = place.match(_NAME)[1]
    return [Written(name, place.value(_BEGIN))]


NOTATION = Notation(
    begins=(_BEGIN,),
    read=_read,
    samples=(
        Sample(
            '[TOOL_CALLS] [{"name": "get_order", "arguments": {"id": "A1"}, "id": "9f1c3a2b7"}]</s>',
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            'One moment.[TOOL_CALLS]get_order{"id": "A1"}[TOOL_CALLS]set_note{"id": "A1", "text": "{}"}</s>',
            calls=[("get_order", {"id": "A1"}), ("set_note", {"id": "A1", "text": "{}"})],
            rest="One moment.",
        ),
        Sample('[TOOL_CALLS]get_order[CALL_ID]9f1c3a2b7[ARGS]{"id": "A1"}', calls=[("get_order", {"id": "A1"})]),
        Sample('[TOOL_CALLS]get_order[ARGS]{"id": "A1"}', calls=[("get_order", {"id": "A1"})]),
    ),
)
