"""The frame that DeepSeek V3 and V3.1 share: a section of calls, each between tokens of its own.

The tokens hold full-width bars and low blocks; servers and small models write | and _ in their place.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.llms._calls.notation import NotWritten, Place, Written

BEGINS = tuple(
    f"<{bar}tool{low}call{s}{low}begin{bar}>" for bar in ("｜", "|") for low in ("▁", "_") for s in ("s", "")
)
CALL_ENDS = tuple(f"<{bar}tool{low}call{low}end{bar}>" for bar in ("｜", "|") for low in ("▁", "_"))
SEPARATOR = r"<[|｜]tool[▁_]sep[|｜]>"
_SECTION = re.compile(r"\s*<[|｜]tool[▁_]calls[▁_]begin[|｜]>")
_SECTION_END = re.compile(r"\s*<[|｜]tool[▁_]calls[▁_]end[|｜]>")
_CALL = re.compile(r"\s*<[|｜]tool[▁_]call[▁_]begin[|｜]>")


def section(place: Place, one: Callable[[Place], Written]) -> list[Written]:
    """Read a section of calls, each as `one` reads it. Raises NotWritten."""
    place.maybe(_SECTION)
    found: list[Written] = []
    while place.maybe(_CALL):
        found.append(one(place))
        place.closes(*CALL_ENDS)
    if not found:
        raise NotWritten
    place.maybe(_SECTION_END)
    return found
