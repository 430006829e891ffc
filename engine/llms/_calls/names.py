"""The name of a tool in a call, cleaned of what models and servers leave around it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_BEHIND = re.compile(r"\s*(?:<\|?|\(|\{|:\s*\d+\s*$)")
"""What ends a name: a control token, a bracket, the number of a call (`find:0`)."""
_CHANNEL = re.compile(r"\s*(?:json|code|commentary|analysis|final)\Z")
"""What stays of harmony behind a name where a server takes its tokens out."""
_AROUND = " \t\r\n\"'`“”‘’*,;:()[]|"
_LONGEST = 300
_SPACES = re.compile(r"\s+")


def names_a_tool(text: str, tools: Iterable[str]) -> bool:
    """Return whether a text has the name of an offered tool, maybe with spaces for its underscores."""
    return any(name in text or ("_" in name and name.replace("_", " ") in text) for name in tools)


def offered_name(written: str, tools: Collection[str]) -> str | None:
    """Return the offered tool that a written name means, None when it means none.

    Cleaned are `functions.find`, `default_api.find`, `tool.find`, `find<|channel|>commentary`, `find json`, `find:0`,
    `"find"`, ` find `, `find()`, and spaces inside (`get order`). A name that is offered as it is written
    stays so.
    """
    if written in tools:
        return written
    if len(written) > _LONGEST:
        return None
    end = _BEHIND.search(written, 1)
    plain = (written[: end.start()] if end else written).strip(_AROUND)
    last = re.split(r"[./:]|->", plain)[-1].strip(_AROUND)
    alone = _CHANNEL.sub("", last)
    for name in (plain, last, _SPACES.sub("_", plain), _SPACES.sub("", plain), _SPACES.sub("_", last), alone):
        if name in tools:
            return name
    return None
