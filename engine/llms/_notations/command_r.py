"""Command R: a JSON list of tool_name and parameters behind a token, or fenced behind the word Action.

    <|START_ACTION|>[
        {"tool_call_id": "0", "tool_name": "get_order", "parameters": {"id": "A1"}}
    ]<|END_ACTION|>

    Action: ```json
    [{"tool_name": "get_order", "parameters": {"id": "A1"}}]
    ```

Written by Command R7B and Command A, and by Command R and R+.
"""

from __future__ import annotations

import re

from engine.llms._calls.json_calls import marked_calls
from engine.llms._calls.notation import Notation, Place, Sample, Written

_BEGIN, _END = "<|START_ACTION|>", "<|END_ACTION|>"
_FENCED = re.compile(r"Action:\s*```(?:json)?\s*")


def _read(place: Place) -> list[Written]:
    end = _END if place.takes(_BEGIN) else "```"
    if end == "```":
        place.match(_FENCED)
    found = marked_calls(place, end)
    place.takes(end)
    return found


NOTATION = Notation(
    begins=(_BEGIN, "Action:"),
    read=_read,
    samples=(
        Sample(
            '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "get_order", "parameters": {"id": "A1"}}\n]'
            "<|END_ACTION|>",
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            'I look it up.\nAction: ```json\n[\n    {\n        "tool_name": "get_order",\n'
            '        "parameters": {"id": "A1"}\n    },\n    {"tool_name": "list_orders", "parameters": {}}\n]\n```',
            calls=[("get_order", {"id": "A1"}), ("list_orders", {})],
            rest="I look it up.",
        ),
    ),
)
