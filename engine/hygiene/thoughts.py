"""Cuts thoughts out of a text, where a known form says where they begin and end.

Known are tags in every spelling (_tags.py), channels (_harmony.py), and labels, asides, wrappers and JSON keys
(_labels.py). Scratch text in words whose border is not clear is left in the text, and scratch.py finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.hygiene._harmony import cut_channels
from engine.hygiene._labels import cut_asides, cut_keys, cut_labels, cut_wrapper
from engine.hygiene._tags import cut_blocks, cut_tags

_HINTS = (
    *("think", "thought", "reason", "reflect", "scratch", "monolog", "rationale", "deliberation", "internal", "inner"),
    *(
        "<|",
        "<ctrl9",
        "analysis",
        "final",
        "<answer",
        "<plan",
        "[begin",
        "思考",
        "推理",
        "心想",
        "内心",
        "cot>",
        "here is my",
    ),
    "here are my",
)
_MOST_PASSES = 40

_Cut = tuple[str, list[str]] | None


@dataclass(frozen=True)
class Thoughts:
    """A text without the thoughts that were in it. `reasoning` joins them, None where there were none; `found` says
    whether anything was cut, be it only an empty thought or the wrapper of an answer."""

    text: str
    reasoning: str | None = None
    found: bool = False


def split(text: str) -> Thoughts:
    """Return the text and its thoughts, apart. A text without thoughts comes back as it is, the same object.

    What an unclosed thought leaves may be "". Splitting a split text changes nothing.
    """
    lowered = text.lower()
    if not any(hint in lowered for hint in _HINTS):
        return Thoughts(text)
    thoughts, rest, found = list[str](), text, False
    for _ in range(_MOST_PASSES):
        cut = next((cut for cut in _cuts(rest, found) if cut is not None and cut[0] != rest), None)
        if cut is None:
            break
        rest, found = cut[0], True
        thoughts += cut[1]
    else:  # so many thoughts inside each other are nothing but noise
        thoughts, rest = [*thoughts, rest], ""
    reasoning = joined_thoughts(*(thought.strip() for thought in thoughts))
    return Thoughts(rest, reasoning, True) if found else Thoughts(text)


def joined_thoughts(*thoughts: str | None) -> str | None:
    """Return thoughts as one text, None when all are empty."""
    return "\n\n".join(thought for thought in thoughts if thought) or None


def _cuts(text: str, found: bool) -> Iterator[_Cut]:
    """Yield what each form cuts out of a text, as far as it is asked for."""
    forms: tuple[Callable[[str], _Cut], ...] = (cut_channels, cut_tags, cut_blocks, cut_keys, cut_asides)
    for form in forms:
        yield form(text)
    yield cut_labels(text, thought=found)
    yield cut_wrapper(text, thought=found)
