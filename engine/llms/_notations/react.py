"""ReAct: lines of thought, action and input; the result comes in the next message.

    Thought: I need the order.
    Action: get_order
    Action Input: {"id": "A1"}
    Observation:

Written by any model that is prompted so. The input of a tool with one parameter may be that alone. Where an observation
follows, the model has made up the result, and nothing of it is a call. LangChain also has one fenced object in place of
name and input: {"action": "get_order", "action_input": {"id": "A1"}}.
"""

from __future__ import annotations

import re
from typing import Any

from engine.llms._calls.bare_texts import Text
from engine.llms._calls.notation import Broken, Notation, NotWritten, Place, Sample, Written
from engine.reading.schema import properties_of

_HEAD = re.compile(r"Action:([^\n`{]{1,200})\n\s*Action Input:")
_OBJECT = re.compile(r"Action:\s*```(?:json)?\s*(?=\{)")
_FENCE = re.compile(r"\s*```(?:json)?\s*\n")
_RESULT, _NEXT = "Observation:", "Action:"


def _read(place: Place) -> list[Written]:
    if place.at and place.text[place.at - 1] != "\n":
        raise NotWritten
    found = place.maybe(_HEAD)
    written = _written(place) if found is None else Written(found[1].strip(), _given(place, found[1].strip()))
    place.takes(_RESULT)
    return [written]


def _written(place: Place) -> Written:
    place.match(_OBJECT)
    given = place.value("```")
    place.needs("```")
    if not isinstance(given, dict) or given.keys() != {"action", "action_input"}:
        raise NotWritten
    return Written(str(given["action"]), given["action_input"])


def _given(place: Place, name: str) -> Any:
    if place.maybe(_FENCE):
        given = place.value("```")
        place.needs("```")
        return given
    given = {} if place.ended or place.sees(_RESULT) else place.value(_RESULT, _NEXT)
    if isinstance(given, dict):
        return given
    text = given.text if isinstance(given, Broken) else str(given)
    tool = place.tools.get(name)
    names = [] if tool is None else list(properties_of(tool.parameters))
    if len(names) == 1 and "\n" not in text.strip() and not text.lstrip().startswith("{"):
        return {names[0]: Text(text.strip().strip("\"'"))}
    return given if isinstance(given, Broken) else Broken(text, closed=True)


NOTATION = Notation(
    begins=("Action:",),
    read=_read,
    samples=(
        Sample(
            'Thought: I need the order.\nAction: get_order\nAction Input: {"id": "A1"}\nObservation:',
            calls=[("get_order", {"id": "A1"})],
            rest="Thought: I need the order.",
        ),
        Sample("Action: find_person\nAction Input: Ann Lee", calls=[("find_person", {"name": "Ann Lee"})]),
        Sample(
            'Action:\n```json\n{"action": "get_order", "action_input": {"id": "A1"}}\n```',
            calls=[("get_order", {"id": "A1"})],
        ),
    ),
)
