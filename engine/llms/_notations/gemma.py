"""Gemma: Python in a fence of its own (3), or a notation between tokens in which strings have marks (FunctionGemma, 4).

    ```tool_code
    get_order(id="A1")
    ```
    <start_function_call>call:get_order{id:<escape>A1<escape>,full:true}<end_function_call>
    <|tool_call>call:get_order{id:<|"|>A1<|"|>,full:true}<tool_call|>

The fence is read in engine/llms/_text_calls.py, as all fences are.
"""

from __future__ import annotations

import re
from typing import Any

from engine.llms._calls.notation import Notation, NotWritten, Place, Sample, Written
from engine.reading.json_value import loads

_BEGINS, _ENDS = ("<start_function_call>", "<|tool_call>"), ("<end_function_call>", "<tool_call|>")
_HEAD = re.compile(r"\s*call:\s*([^\s{<]{1,200})\s*")
_KEY = re.compile(r"\s*(?:<escape>|<\|\"\|>)?([^:{}<>,]{1,200}?)(?:<escape>|<\|\"\|>)?\s*:")
_BARE = re.compile(r"([^,{}\[\]<>]{1,4300})(?=[,}\]])")
_MARKS = ("<escape>", '<|"|>')
_DEEPEST = 50


def _read(place: Place) -> list[Written]:
    place.needs(*_BEGINS)
    name = place.match(_HEAD)[1]
    if not place.sees("{"):
        raise NotWritten
    given = _value(place, 0)
    place.closes(*_ENDS)
    place.takes("<start_function_response>", "<|tool_response>")
    return [Written(name, given)]


def _value(place: Place, depth: int) -> Any:
    if depth > _DEEPEST:
        raise NotWritten
    for mark in _MARKS:
        if place.takes(mark):
            text = place.until(mark)
            place.needs(mark)
            return text
    if place.takes("{"):
        return dict(_pairs(place, depth))
    if place.takes("["):
        return _items(place, depth)
    return _scalar(place.match(_BARE)[1].strip())


def _pairs(place: Place, depth: int) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    while not place.takes("}"):
        if found:
            place.needs(",")
        found.append((place.match(_KEY)[1], _value(place, depth + 1)))
    return found


def _items(place: Place, depth: int) -> list[Any]:
    found: list[Any] = []
    while not place.takes("]"):
        if found:
            place.needs(",")
        found.append(_value(place, depth + 1))
    return found


def _scalar(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return None if text in ("None", "nil") else text


NOTATION = Notation(
    begins=_BEGINS,
    read=_read,
    samples=(
        Sample("```tool_code\nprint(default_api.get_order(id='A1'))\n```", calls=[("get_order", {"id": "A1"})]),
        Sample(
            "<start_function_call>call:get_order{id:<escape>17<escape>,full:true}<end_function_call>"
            "<start_function_response>",
            calls=[("get_order", {"id": "17", "full": True})],
        ),
        Sample(
            'I count.<|tool_call>call:count_items{limit:5,kinds:[<|"|>a, {b}<|"|>,<|"|><c><|"|>]}<tool_call|>'
            "<|tool_call>call:list_orders{}<tool_call|>",
            calls=[("count_items", {"limit": 5, "kinds": ["a, {b}", "<c>"]}), ("list_orders", {})],
            rest="I count.",
        ),
    ),
)
