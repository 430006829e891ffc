"""DeepSeek V3.2: DSML, tags that carry a token. Each parameter says whether it is a string; anything else is JSON.

    <｜DSML｜function_calls>
    <｜DSML｜invoke name="get_order">
    <｜DSML｜parameter name="id" string="true">A1</｜DSML｜parameter>
    <｜DSML｜parameter name="full" string="false">true</｜DSML｜parameter>
    </｜DSML｜invoke>
    </｜DSML｜function_calls>

Written by DeepSeek V3.2; V4 names the outer tag tool_calls.
"""

from __future__ import annotations

import re

from engine.llms._calls.notation import Notation, Place, Sample, Written
from engine.llms._notations._invoke import invokes

_OPEN = re.compile(r"<[|｜]DSML[|｜](?:function|tool)_calls>")
_CLOSE = re.compile(r"\s*</[|｜]DSML[|｜](?:function|tool)_calls>")


def _read(place: Place) -> list[Written]:
    place.maybe(_OPEN)
    found = invokes(place)
    place.maybe(_CLOSE)
    return found


NOTATION = Notation(
    begins=tuple(f"<{bar}DSML{bar}{word}" for bar in "｜|" for word in ("function_calls>", "tool_calls>", "invoke ")),
    read=_read,
    samples=(
        Sample(
            '<｜DSML｜function_calls>\n<｜DSML｜invoke name="get_order">\n'
            '<｜DSML｜parameter name="id" string="true">17</｜DSML｜parameter>\n'
            '<｜DSML｜parameter name="full" string="false">true</｜DSML｜parameter>\n'
            "</｜DSML｜invoke>\n</｜DSML｜function_calls><｜end▁of▁sentence｜>",
            calls=[("get_order", {"id": "17", "full": True})],
        ),
        Sample(
            '<｜DSML｜invoke name="get_order">\n<｜DSML｜parameter name="id" string="true">A1</｜DSML｜parameter>\n'
            "</｜DSML｜invoke>",
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            'First the list.\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name="list_orders">\n</｜DSML｜invoke>\n'
            '<｜DSML｜invoke name="count_items">\n<｜DSML｜parameter name="kinds" string="false">["a"]'
            "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
            calls=[("list_orders", {}), ("count_items", {"kinds": ["a"]})],
            rest="First the list.",
        ),
    ),
)
