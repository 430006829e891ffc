"""Control tokens of chat templates inside texts: a template writes them as they are, and a reader may take them for its
own marks."""

from __future__ import annotations

import re
from typing import Any

from engine.exporting.dialogue import Turns

_CONTROL = re.compile(r"<\|[A-Za-z_]+\|>|</?(?:tool_call|tool_response|think)>")


def holds_control_tokens(turns: Turns) -> bool:
    """Return whether a text, a thought or an argument of a call holds such a token."""
    return any(
        in_value(turn.content)
        or in_value(turn.reasoning)
        or any([in_value(call.arguments) for call in turn.tool_calls])
        for turn in turns
    )


def in_value(value: Any) -> bool:
    """Return whether a JSON value holds such a token in a text or key."""
    if isinstance(value, str):
        return "<" in value and _CONTROL.search(value) is not None
    if isinstance(value, dict):
        return any([in_value(key) or in_value(one) for key, one in value.items()])
    return isinstance(value, list) and any([in_value(one) for one in value])
