"""Foreign text and values, drawn so that they are shown and never interpreted."""

from __future__ import annotations


def literal(text: str) -> str:
    """Escape Markdown, so that a label or message shows `text` as it is and fetches nothing."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in text).replace("\n", "  \n")


_SPECIAL = frozenset("\\`*_{}[]()<>#+-.!|~$:&")
