"""DeepSeek V3.1: the name of a call, then JSON.

    <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_order<｜tool▁sep｜>{"id": "A1"}<｜tool▁call▁end｜>
    <｜tool▁calls▁end｜>

(on one line). Written by DeepSeek V3.1 and V3.1-Terminus.
"""

from __future__ import annotations

import re

from engine.llms._calls.notation import Notation, Place, Sample, Written
from engine.llms._notations._deepseek import BEGINS, CALL_ENDS, SEPARATOR, section

_HEAD = re.compile(rf"\s*([^\s<]{{1,200}})\s*{SEPARATOR}\s*(?=[{{<])")


def _one(place: Place) -> Written:
    return Written(place.match(_HEAD)[1], {} if place.sees(*CALL_ENDS) else place.value(*CALL_ENDS))


def _read(place: Place) -> list[Written]:
    return section(place, _one)


NOTATION = Notation(
    begins=BEGINS,
    read=_read,
    samples=(
        Sample(
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_order<｜tool▁sep｜>"
            '{"id": "A1"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            'Both at once.<|tool_calls_begin|><|tool_call_begin|>get_order<|tool_sep|>{"id": "A1"}<|tool_call_end|>'
            "<|tool_call_begin|>list_orders<|tool_sep|>{}<|tool_call_end|><|tool_calls_end|>",
            calls=[("get_order", {"id": "A1"}), ("list_orders", {})],
            rest="Both at once.",
        ),
    ),
)
