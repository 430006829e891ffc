"""A text that its model did not end: the server says so, or it stops where nobody stops.

The finish reason decides. It says `length` where max_tokens were used up, and is believed then whatever the text looks
like. Where it says something else, or nothing, a text counts as cut only if its last word cannot end a sentence ("the",
"and", "your") and no mark follows, or if it ends in an open bracket or a comma behind such a word. Everything else that
looks unfinished is also how people write: a list without a full stop, "zip 49034", a file name, a colon before a file.
"""

from __future__ import annotations

import re

from engine.hygiene.findings import Context
from engine.hygiene.prose import LONGEST_QUOTE, Prose

_LENGTH = frozenset(
    (
        "length",
        "max_tokens",
        "max_output_tokens",
        "model_length",
        "token_limit",
        "max_length",
        "length_limit",
        "incomplete",
    )
)
_CALLS = frozenset(("tool_calls", "tool_use", "function_call"))
_MID_WAY = re.compile(
    r"(?<=[\w,;:) ])\s(?:the|a|an|and|or|your|our|my|their|its|because|whose|if|than|of|into|from|at)\Z"
    r"|(?<=\w),? (?:which|that|and|or|but) (?:is|are|was|will|has|have|can|the|a|an|your)\Z|\w \(\Z"
)
_SHORTEST = 40
"""Characters of a text that may count as cut without its server's word; what is shorter is typed by hand."""


def used_up(finish: str | None) -> bool:
    """Return whether a finish reason says that the reply used up its tokens."""
    return (finish or "").lower() in _LENGTH


def find(prose: Prose, context: Context) -> str | None:
    """Return the end of a text that was cut, or None."""
    text = prose.text.rstrip()
    if not text:
        return None
    cut = used_up(context.finish)
    if not cut and (context.finish or "").lower() not in _CALLS and len(text) >= _SHORTEST:
        cut = text[-1] in "tadrnyrseofmiu(hk" and _MID_WAY.search(text, len(text) - 24) is not None
    return " ".join(text[-LONGEST_QUOTE:].split()) if cut else None
