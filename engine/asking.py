"""What an assistant's text wants from the person. Patterns for English; a question mark works in any language."""

from __future__ import annotations

import re

_ASKS = re.compile(
    r"\b(please (provide|tell|share|give|send|let me know|specify|state)|could you|can you|may i have|"
    r"(i|i'll|we|we'll) (will )?(need|require) (an?|your|the|to know|more)|what is|what's|let me know)\b",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"[^.!?\n]*\b((any|some)thing else|(what|how) else|(can|may) i (help|assist) you further|"
    r"(more|else) i can (do|help)|(if|should) you (have|need|want) (any|more|further|other|something)|"
    r"(any|more|further|other) (questions|help|assistance))\b[^.!?\n]*[.!?]*",
    re.IGNORECASE,
)
_CONFIRMS = re.compile(
    r"\b(shall i|should i|do you want me to|would you like me to|please confirm|do you confirm|can you confirm|"
    r"could you confirm|go ahead\?|proceed\?|is (that|this) (correct|right|ok|okay))",
    re.IGNORECASE,
)


def asks(text: str) -> bool:
    """Return whether a text ends with a question or asks for something. An offer of more help is no question."""
    text = _COURTESY.sub("", text)
    return text.rstrip(" \n\"'*_)").endswith("?") or bool(_ASKS.search(text))


def wants_confirmation(text: str) -> bool:
    """Return whether a text asks for a yes before it goes on. An offer of more help asks for none."""
    return bool(_CONFIRMS.search(_COURTESY.sub("", text)))
