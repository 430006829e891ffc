"""ReAct: lines of thought, action and input; the result comes in the next message.

    Thought: I need the order.
    Action: get_order
    Action Input: {"id": "A1"}
    Observation:

Written by any model that is prompted so. The input of a tool with one parameter may be that alone. Where an observation
follows, the model has made up the result, and nothing of it is a call. LangChain also has one fenced object in place of
name and input: {"action": "get_order", "action_input": {"id": "A1"}}. Some models count the lines (Action 1:), or
write the call as Python.
"""

from __future__ import annotations

import re
from typing import Any

from engine.llms._calls.bare_texts import Text
from engine.llms._calls.notation import Broken, Notation, NotWritten, Place, Sample, Written
from engine.llms._calls.python_calls import python_calls
from engine.reading.schema import properties_of

_HEAD = re.compile(r"Action(?: \d{1,2})?:([^\n`{]{1,200})\n\s*Action Input(?: \d{1,2})?:")
_PYTHON = re.compile(r"Action(?: \d{1,2})?:\s*(?=[\w.]{1,200}\()")
_OBJECT = re.compile(r"Action:\s*```(?:json)?\s*(?=\{)")
_FENCE = re.compile(r"\s*```(?:json)?\s*\n")
_OBSERVATION = re.compile(r"\s*Observation(?: \d{1,2})?:")
_RESULT, _BEGINS = "Observation:", ("Action:", *(f"Action {number}:" for number in range(1, 10)))


def _read(place: Place) -> list[Written]:
    if place.at and place.text[place.at - 1] != "\n":
        raise NotWritten
    if found := place.maybe(_HEAD):
        calls = [Written(found[1].strip(), _given(place, found[1].strip()))]
    elif place.maybe(_PYTHON):
        calls = python_calls(_line(place))
    else:
        calls = [_written(place)]
    place.maybe(_OBSERVATION)
    return calls


def _line(place: Place) -> str:
    """Read what is left of a line."""
    text = place.until("\n")
    if text is None:
        text, place.at = place.text[place.at :], len(place.text)
    return text


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
    given = {} if place.ended or place.sees(_RESULT) else place.value(_RESULT, "Observation ", *_BEGINS)
    if isinstance(given, dict):
        return given
    text = given.text if isinstance(given, Broken) else str(given)
    tool = place.tools.get(name)
    names = [] if tool is None else list(properties_of(tool.parameters))
    if len(names) == 1 and "\n" not in text.strip() and not text.lstrip().startswith("{"):
        return {names[0]: Text(text.strip().strip("\"'"))}
    return given if isinstance(given, Broken) else Broken(text, closed=True)


NOTATION = Notation(
    begins=_BEGINS,
    read=_read,
    samples=(
        Sample(
            'Thought: I need the order.\nAction: get_order\nAction Input: {"id": "A1"}\nObservation:',
            calls=[("get_order", {"id": "A1"})],
            rest="Thought: I need the order.",
        ),
        Sample(
            'Action 1: get_order\nAction Input 1: {"id": "A1"}\nObservation 1:',
            calls=[("get_order", {"id": "A1"})],
        ),
        Sample('Action: get_order(id="A1")', calls=[("get_order", {"id": "A1"})]),
        Sample("Action: find_person\nAction Input: Ann Lee", calls=[("find_person", {"name": "Ann Lee"})]),
        Sample(
            'Action:\n```json\n{"action": "get_order", "action_input": {"id": "A1"}}\n```',
            calls=[("get_order", {"id": "A1"})],
        ),
    ),
)
