"""gpt-oss: a message of the harmony format that is addressed to a tool.

    <|start|>assistant<|channel|>commentary to=functions.get_order <|constrain|>json<|message|>{"id": "A1"}<|call|>
    assistantcommentary to=functions.get_order json{"id": "A1"}

Written by gpt-oss 20b and 120b; the second is what a server leaves that takes control tokens out. The address may also
stand before the channel. A message without an address is a thought or an answer, never a call.
"""

from __future__ import annotations

import re

from engine.llms._calls.notation import Notation, NotWritten, Place, Sample, Written

_HEAD = re.compile(
    r"(?:<\|start\|>\s*)?(?:assistant\s*)?(?:to=(?P<before>[^\s<{]{1,200})\s*)?(?:<\|channel\|>\s*)?"
    r"(?:commentary|analysis|final)\s*(?:to=(?P<behind>[^\s<{]{1,200})\s*)?(?:<\|channel\|>\s*(?:commentary|analysis)\s*)?"
    r"(?:<\|constrain\|>\s*)?(?:json|code)?\s*(?:<\|message\|>\s*)?"
)
_ENDS = ("<|call|>", "<|end|>", "<|return|>")
_NEXT = ("<|start|>", "<|channel|>", "assistantcommentary", "assistantanalysis")


def _read(place: Place) -> list[Written]:
    found = place.match(_HEAD)
    name = found["before"] or found["behind"]
    if name is None:
        raise NotWritten
    given = {} if place.ended or place.sees(*_ENDS) else place.value(*_ENDS, *_NEXT)
    place.takes(*_ENDS)
    return [Written(name, given)]


NOTATION = Notation(
    begins=("<|start|>", "<|channel|>", *_NEXT[2:], "commentary to=", "analysis to="),
    read=_read,
    samples=(
        Sample(
            '<|channel|>commentary to=functions.get_order <|constrain|>json<|message|>{"id":"A1"}<|call|>',
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample(
            "<|start|>assistant to=functions.set_note<|channel|>commentary json<|message|>"
            '{"id":"A1","text":"<b>{x}</b>"}<|call|>',
            calls=[("set_note", {"id": "A1", "text": "<b>{x}</b>"})],
        ),
        Sample(
            "<|channel|>commentary to=functions.list_orders<|channel|>commentary <|constrain|>json<|message|>{}",
            calls=[("list_orders", {})],
        ),
        Sample('assistantcommentary to=functions.get_orderjson{"id": "A1"}', calls=[("get_order", {"id": "A1"})]),
    ),
)
