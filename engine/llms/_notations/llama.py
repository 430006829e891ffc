"""Llama 3 and 4: JSON or Python behind a control token, or a function in tags.

    <|python_tag|>{"name": "get_order", "parameters": {"id": "A1"}}; {"name": "list_orders", "parameters": {}}
    <|python_tag|>get_order.call(id="A1")
    <|python_start|>[get_order(id="A1"), list_orders()]<|python_end|>
    <function=get_order>{"id": "A1"}</function>

Written by Llama 3.1, 3.2 and 3.3 (the first, second and last) and Llama 4 (the third). Without a token, as servers
leave them, JSON is read by plain_json.py and the list by pythonic.py.
"""

from __future__ import annotations

from engine.llms._calls.notation import Notation, Place, Sample, Written
from engine.llms._calls.python_calls import marked_json_or_python
from engine.llms._notations._function import function

_BEGIN, _END = ("<|python_tag|>", "<|python_start|>"), "<|python_end|>"


def _read(place: Place) -> list[Written]:
    if not place.takes(*_BEGIN):
        return [function(place)]
    found = marked_json_or_python(place, _END, *_BEGIN)
    place.takes(_END)
    return found


NOTATION = Notation(
    begins=(*_BEGIN, "<function="),
    read=_read,
    samples=(
        Sample(
            '<|python_tag|>{"name": "get_order", "parameters": {"id": "A1"}}; '
            '{"name": "list_orders", "parameters": {}}<|eom_id|>',
            calls=[("get_order", {"id": "A1"}), ("list_orders", {})],
        ),
        Sample('<|python_tag|>get_order.call(id="A1")<|eom_id|>', calls=[("get_order", {"id": "A1"})]),
        Sample(
            "<|python_start|>[get_order(id='A1', full=True), count_items(limit=5, kinds=[\"a\"])]<|python_end|>",
            calls=[("get_order", {"id": "A1", "full": True}), ("count_items", {"limit": 5, "kinds": ["a"]})],
        ),
        Sample('<function=get_order{"id": "A1"}</function>', calls=[("get_order", {"id": "A1"})]),
        Sample(
            'I look it up.\n<function=get_order>{"id": "A1"}</function><|eom_id|>',
            calls=[("get_order", {"id": "A1"})],
            rest="I look it up.",
        ),
    ),
)
