"""<function=NAME>...</function>: what stands between is parameters in tags of their own, or one JSON object."""

from __future__ import annotations

import re
from typing import Any

from engine.llms._calls.bare_texts import Text
from engine.llms._calls.notation import Place, Written

_OPEN = re.compile(r"\s*<function=\s*[\"']?([^\s>\"'<]{1,200})[\"']?\s*>")
_PARAMETER = re.compile(r"\s*<parameter=([^>\n]{1,200})>\n?")
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
        text = place.text_to(_PARAMETER_CLOSE, "<parameter=", _CLOSE)
        texts[found[1].strip(" \"'")] = Text(text.removesuffix("\n"))
    place.closes(_CLOSE)
    return Written(name, texts)
