"""JSON or Python between two signs of which each family has its own. These are:

    <TOOLCALL>[{"name": "get_order", "arguments": {"id": "A1"}}]</TOOLCALL>            Nemotron Nano
    <|tool_call_start|>[get_order(id="A1")]<|tool_call_end|>                           LFM2
    <longcat_tool_call>{"name": "get_order", "arguments": {}}</longcat_tool_call>      LongCat
    <|action_start|><|plugin|>{"name": "get_order", "parameters": {}}<|action_end|>    InternLM 2
    <functioncall> {"name": "get_order", "arguments": {"id": "A1"}} </functioncall>    Glaive
    <tool_code>get_order(id="A1")</tool_code>                                          Gemma, Gemini

A further family of this kind is a line of `_SIGNS`.
"""

from __future__ import annotations

from engine.llms._calls.notation import Notation, NotWritten, Place, Sample, Written
from engine.llms._calls.python_calls import marked_json_or_python

_SIGNS = {
    "<TOOLCALL>": "</TOOLCALL>",
    "<toolcall>": "</toolcall>",
    "<functioncall>": "</functioncall>",
    "<function_call>": "</function_call>",
    "<tool_code>": "</tool_code>",
    "<tool_use>": "</tool_use>",
    "<longcat_tool_call>": "</longcat_tool_call>",
    "<|tool_call_start|>": "<|tool_call_end|>",
    "<|action_start|>": "<|action_end|>",
}


def _read(place: Place) -> list[Written]:
    begin, end = next(((one, _SIGNS[one]) for one in _SIGNS if place.takes(one)), ("", ""))
    if not begin:
        raise NotWritten
    place.takes("<|plugin|>")
    found = marked_json_or_python(place, end, begin)
    place.takes(end)
    return found


NOTATION = Notation(
    begins=tuple(_SIGNS),
    read=_read,
    samples=(
        Sample(
            '<TOOLCALL>[{"name": "get_order", "arguments": {"id": "A1"}}]</TOOLCALL>',
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            'I look.<|tool_call_start|>[get_order(id="A1"), list_orders()]<|tool_call_end|><|im_end|>',
            calls=[("get_order", {"id": "A1"}), ("list_orders", {})],
            rest="I look.",
        ),
        Sample(
            '<|action_start|><|plugin|>\n{"name": "get_order", "parameters": {"id": "A1"}}<|action_end|>',
            calls=[("get_order", {"id": "A1"})],
        ),
    ),
)
