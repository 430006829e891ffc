"""Phi-4: a JSON list behind a token, or behind the word functools.

    <|tool_call|>[{"name": "get_order", "arguments": {"id": "A1"}}]<|/tool_call|>
    functools[{"name": "get_order", "arguments": {"id": "A1"}}]

Written by Phi-4-mini; Granite 3 writes the first without its end.
"""

from __future__ import annotations

from engine.llms._calls.json_calls import marked_calls
from engine.llms._calls.notation import Notation, Place, Sample, Written

_BEGINS = ("<|tool_call|>", "<|tool_calls|>", "functools")
_ENDS = ("<|/tool_call|>", "<|/tool_calls|>", "<|/tool|>")


def _read(place: Place) -> list[Written]:
    place.needs(*_BEGINS)
    found = marked_calls(place, *_ENDS, *_BEGINS)
    place.takes(*_ENDS)
    return found


NOTATION = Notation(
    begins=(*_BEGINS[:2], "functools[", "functools ["),
    read=_read,
    samples=(
        Sample(
            '<|tool_call|>[{"name": "get_order", "arguments": {"id": "A1"}}]<|/tool_call|><|end|>',
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            'functools[{"name": "get_order", "arguments": {"id": "A1"}}, {"name": "list_orders", "arguments": {}}]',
            calls=[("get_order", {"id": "A1"}), ("list_orders", {})],
        ),
    ),
)
