"""<function=NAME>...</function>: what stands between is parameters in tags of their own, or one JSON object.

Llama leaves out the end of the first tag (<function=NAME{...}), and small models that of a parameter.
"""

from __future__ import annotations

import re
from typing import Any

from engine.llms._calls.bare_texts import Text
from engine.llms._calls.notation import NotWritten, Place, Written

_OPEN = re.compile(r"\s*<function=\s*[\"']?([^\s>\"'<{]{1,200}?)[\"']?\s*(?:>|=?\s*(?=\{))")
_PARAMETER = re.compile(r"\s*<parameter=([^>\n]{1,200})>\n?")
_NEXT = re.compile(r"\n<parameter=[^>\n]{1,200}>\n")
_CLOSE, _PARAMETER_CLOSE = "</function>", "</parameter>"


def function(place: Place) -> Written:
    """Read one function in tags. Raises NotWritten."""
    name = place.match(_OPEN)[1]
    if place.sees("{"):
        given: Any = place.value(_CLOSE)
        place.takes(_CLOSE)
        return Written(name, given)
    texts: dict[str, Text] = {}
    while found := place.maybe(_PARAMETER):
        texts[found[1].strip(" \"'")] = Text(_value(place).removesuffix("\n"))
    place.closes(_CLOSE)
    return Written(name, texts)


def _value(place: Place) -> str:
    """Read a value up to its closing tag; where no value after it has one either, up to the next tag. Raises NotWritten
    when the next parameter has a closing tag, because then nobody can tell where this one ends."""
    begun = place.at
    try:
        text = place.text_to(_PARAMETER_CLOSE, "<parameter=", _CLOSE)
    except NotWritten:
        place.at = begun
        unclosed = place.until("\n<parameter=", "\n</function>")
        if unclosed is None or place.cut:
            raise
        return unclosed
    if _NEXT.search(text):
        raise NotWritten
    return text
