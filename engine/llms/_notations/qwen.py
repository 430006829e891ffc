"""Qwen: name and arguments behind flower signs, as its own agent library asks for them.

    ✿FUNCTION✿: get_order
    ✿ARGS✿: {"id": "A1"}
    ✿RESULT✿

Written by Qwen 1.5, Qwen 2 and Qwen models that Qwen-Agent prompts; a server stops at ✿RESULT✿. From Qwen 2.5 on the
chat template asks for the notation of hermes.py, Qwen3-Coder for that of qwen3_coder.py.
"""

from __future__ import annotations

import re

from engine.llms._calls.notation import Notation, Place, Sample, Written

_BEGIN, _RESULT = "✿FUNCTION✿", "✿RESULT✿"
_HEAD = re.compile(r"✿FUNCTION✿[:：]?\s*([^\s✿]{1,200})\s*✿ARGS✿[:：]?")


def _read(place: Place) -> list[Written]:
    name = place.match(_HEAD)[1]
    given = place.value(_BEGIN, _RESULT)
    if place.takes(_RESULT):
        place.takes(":", "：")
    return [Written(name, given)]


NOTATION = Notation(
    begins=(_BEGIN,),
    read=_read,
    samples=(
        Sample('✿FUNCTION✿: get_order\n✿ARGS✿: {"id": "A1"}', calls=[("get_order", {"id": "A1"})]),
        Sample(
            '好的。\n✿FUNCTION✿: get_order\n✿ARGS✿: {"id": "A1"}\n✿FUNCTION✿: list_orders\n✿ARGS✿: {}\n✿RESULT✿',
            calls=[("get_order", {"id": "A1"}), ("list_orders", {})],
            rest="好的。",
        ),
    ),
)
