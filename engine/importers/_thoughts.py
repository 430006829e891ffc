"""Reasoning of a turn, under whichever name a format gives it, or in think tags at the start of its text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.importing.report import Notes

KEYS = (
    "reasoning_content",
    "reasoning",
    "thinking",
    "thought",
    "thoughts",
    "reasoning_text",
    "reasoning_details",
    "thinking_blocks",
)
TEXTS = ("thinking", "reasoning", "text", "summary", "content")
_TAGGED = re.compile(r"\A<(think|thinking)>\n?(.*?)\n?</\1>\n{0,2}", re.DOTALL)


def reasoning_in(said: Mapping[str, Any], notes: Notes) -> str | None:
    """Return what the keys of a message hold as reasoning; a second one that says something else is counted as lost."""
    found: str | None = None
    for key in KEYS:
        value = said.get(key)
        if value is None:
            continue
        text = thought_in(value)
        if text is None:
            notes.lose(f"messages.{key}", value)
        elif not found:
            found = text
            if not isinstance(value, str):
                notes.changed.add("reasoning_parts_joined")
        elif text and text != found:
            notes.lost.add(f"messages.{key}")
    return found


def thought_in(value: Any) -> str | None:
    """Return the text of a thought: a string, a block, or a list of them; None when it is in no known shape."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return next((text for key in TEXTS if (text := thought_in(value.get(key))) is not None), None)
    if isinstance(value, list):
        parts = [thought_in(part) for part in value]
        return None if None in parts or not parts else "\n".join(part for part in parts if part)
    return None


def tagged(text: str) -> tuple[str | None, str]:
    """Return (the thought in think tags at the start of a text or None, the rest)."""
    found = _TAGGED.match(text)
    return (found[2], text[found.end() :]) if found else (None, text)
