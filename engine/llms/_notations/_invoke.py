"""<invoke name="NAME"> with a <parameter name="..."> for each argument; families put a prefix before both words.

Values have no type of their own, unless `string="true"` or `string="false"` says what they are.
"""

from __future__ import annotations

import re
from typing import Any

from engine.llms._calls.bare_texts import StringText, Text
from engine.llms._calls.notation import NotWritten, Place, Written, without_layout
from engine.reading.json_value import loads

_PREFIX = r"((?:[\w.-]{1,40}:)?|[|｜]DSML[|｜])"
_OPEN = re.compile(rf"\s*<{_PREFIX}invoke ([^<>]{{1,300}})>")
_PARAMETER = re.compile(rf"\s*<{_PREFIX}parameter ([^<>]{{1,300}})>")
_NAME = re.compile(r"name *= *[\"']?([^\"']{1,200})")
_IS_STRING = re.compile(r"string *= *[\"']?(true|false)")


def invokes(place: Place) -> list[Written]:
    """Read one invoke or several. Raises NotWritten."""
    found = [_invoke(place)]
    while _OPEN.match(place.text, place.at):
        found.append(_invoke(place))
    return found


def _invoke(place: Place) -> Written:
    prefix, said = place.match(_OPEN).groups()
    given: dict[str, Any] = {}
    while found := place.maybe(_PARAMETER):
        text = place.text_to(f"</{prefix}parameter>", f"<{prefix}parameter", f"</{prefix}invoke>")
        given[_name(found[2])] = _value(text, _IS_STRING.search(found[2]))
    place.closes(f"</{prefix}invoke>")
    return Written(_name(said), given)


def _name(attributes: str) -> str:
    """Return the name in the attributes of a tag. Raises NotWritten."""
    found = _NAME.search(attributes)
    if found is None:
        raise NotWritten
    return found[1].strip()


def _value(text: str, is_string: re.Match[str] | None) -> Any:
    if is_string and is_string[1] == "true":
        return StringText(text)
    if is_string:
        try:
            return loads(text)
        except ValueError:
            return Text(text)
    return Text(without_layout(text))
