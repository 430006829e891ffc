"""DeepSeek V3 and R1: the kind of a call, its name, and fenced JSON.

    <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_order
    ```json
    {"id": "A1"}
    ```<｜tool▁call▁end｜><｜tool▁calls▁end｜>

Written by DeepSeek V3 (0324), R1 (0528) and what was distilled from them.
"""

from __future__ import annotations

import re

from engine.llms._calls.notation import Notation, Place, Sample, Written
from engine.llms._notations._deepseek import BEGINS, CALL_ENDS, SEPARATOR, section

_HEAD = re.compile(rf"\s*function\s*{SEPARATOR}\s*([^\s<`]{{1,200}})\s*")
_FENCE = re.compile(r"```(?:json)?\s*")


def _one(place: Place) -> Written:
    name = place.match(_HEAD)[1]
    fenced = place.maybe(_FENCE) is not None
    given = place.value(*(("```",) if fenced else CALL_ENDS))
    if fenced:
        place.takes("```")
    return Written(name, given)


def _read(place: Place) -> list[Written]:
    return section(place, _one)


NOTATION = Notation(
    begins=BEGINS,
    read=_read,
    samples=(
        Sample(
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_order\n"
            '```json\n{"id": "A1"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>',
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            "I check both.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_order\n"
            '```json\n{"id": "A1"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>list_orders\n'
            "```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
            calls=[("get_order", {"id": "A1"}), ("list_orders", {})],
            rest="I check both.",
        ),
    ),
)
