"""JSON without any sign around it.

    {"name": "get_order", "arguments": {"id": "A1"}}

Written by Llama 3 (with `parameters`), xLAM, Watt-Tool and any model whose server has taken the family's tags away or
whose template knows no tools. Also a list of such objects, {"tool_calls": [...]}, several one behind the other, and
what LangChain ({"action": ..., "action_input": ...}) and GPT ({"tool_uses": [...]}) have in their place.
"""

from __future__ import annotations

import re

from engine.llms._calls.json_calls import calls_in
from engine.llms._calls.notation import Broken, Notation, NotWritten, Place, Sample, Written
from engine.reading.json_value import first

_BETWEEN = re.compile(r"[\s,;]*")
_STRAY = re.compile(r"\s*[}\]][\s}\]]*\Z")
_CALL = re.compile(r"\[?\s*\{\s*[\"'“]?(?:name|tool|tool_name)[\"'”]?\s*:")


def _read(place: Place) -> list[Written]:
    begun = place.at
    try:
        value, place.at = first(place.text, begun)
    except ValueError:
        if not _CALL.match(place.text, begun):
            raise NotWritten from None
        place.at = len(place.text)
        return [Written(None, Broken(place.text[begun:], closed=False))]
    found = calls_in(value, marked=False)
    if _STRAY.match(place.text, place.at):
        place.at = len(place.text)
        return [Written(None, Broken(place.text[begun:], closed=False))]
    place.maybe(_BETWEEN)
    return found


NOTATION = Notation(
    begins=("{", "["),
    read=_read,
    samples=(
        Sample('{"name": "get_order", "parameters": {"id": "A1"}}', calls=[("get_order", {"id": "A1"})]),
        Sample(
            'I look. [{"name": "get_order", "arguments": {"id": "A1"}}, {"name": "list_orders", "arguments": {}}]',
            calls=[("get_order", {"id": "A1"}), ("list_orders", {})],
            rest="I look.",
        ),
        Sample('{"action": "get_order", "action_input": {"id": "A1"}}', calls=[("get_order", {"id": "A1"})]),
        Sample(
            '{"tool_uses": [{"recipient_name": "functions.get_order", "parameters": {"id": "A1"}}]}',
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            '{"type": "function", "function": {"name": "get_order", "arguments": "{\\"id\\": \\"A1\\"}"}}',
            calls=[("get_order", {"id": "A1"})],
        ),
    ),
    bare=True,
)
