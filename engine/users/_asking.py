"""What an assistant's text wants from the person. Patterns for English; a question mark works in any language."""

from __future__ import annotations

import re

_ASKS = re.compile(
    r"\b(please (provide|tell|share|give|send|let me know|specify|state)|could you|can you|may i have|"
    r"(i|i'll|we|we'll) (will )?need (your|the|to know)|what is|what's|let me know)\b",
    re.IGNORECASE,
)
_CONFIRMS = re.compile(
    r"\b(shall i|should i|do you want me to|would you like me to|please confirm|do you confirm|can you confirm|"
    r"could you confirm|go ahead\?|proceed\?|is (that|this) (correct|right|ok|okay))",
    re.IGNORECASE,
)


def asks(text: str) -> bool:
    """Return whether a text ends with a question or asks for something."""
    return text.rstrip(" \"'*_)").endswith("?") or bool(_ASKS.search(text))


def wants_confirmation(text: str) -> bool:
    """Return whether a text asks for a yes before it goes on."""
    return bool(_CONFIRMS.search(text))
