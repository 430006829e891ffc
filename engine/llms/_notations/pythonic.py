"""A list of Python calls and nothing else.

    [get_order(id="A1"), list_orders()]

Written by Llama 3.2 and 4, Gemma 3, ToolACE and other models that are prompted so. Only a text that consists of the
list alone is read: amid words it may be anything.
"""

from __future__ import annotations

from engine.llms._calls.notation import Notation, NotWritten, Place, Sample, Written
from engine.llms._calls.python_calls import HEAD, python_calls


def _read(place: Place) -> list[Written]:
    if not HEAD.match(place.text, place.at) or not place.text.endswith("]"):
        raise NotWritten
    found = python_calls(place.text[place.at :])
    place.at = len(place.text)
    return found


NOTATION = Notation(
    begins=("[",),
    read=_read,
    samples=(
        Sample(
            "[get_order(id='A1'), list_orders()]",
            calls=[("get_order", {"id": "A1"}), ("list_orders", {})],
        ),
        Sample(
            "[set_note(id='A1', text='it\\'s [done] {here}')]",
            calls=[("set_note", {"id": "A1", "text": "it's [done] {here}"})],
        ),
    ),
    alone=True,
)
