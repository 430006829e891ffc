"""Find the reasoning of a turn: under any of the keys that formats use, or in think tags at the start of its text."""

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
    """Return the reasoning under the first key of a message that holds one; a differing one under another key is noted
    as lost."""
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
    """Return the text of a string, an object with one of TEXTS, or a list of these; None for any other shape."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return next((text for key in TEXTS if (text := thought_in(value.get(key))) is not None), None)
    if isinstance(value, list):
        parts = [thought_in(part) for part in value]
        return None if None in parts or not parts else "\n".join(part for part in parts if part)
    return None


def split_think_tags(text: str) -> tuple[str | None, str]:
    """Return (the text in think tags at the start, or None, and the rest)."""
    found = _TAGGED.match(text)
    return (found[2], text[found.end() :]) if found else (None, text)
