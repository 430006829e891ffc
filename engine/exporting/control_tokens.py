"""Control tokens of models inside the texts of a dialogue, such as `<|im_end|>` in a result.

A template that puts such a text among its own tokens makes a turn end there, and some tokenizers read it as the token.
Formats that write calls and results as text of their own escape them; the others leave them as they are, since their
consumer renders the text, so the report names them.

Two sets of tokens are looked for. `control_tokens` finds those of any model that may read the rows, and names them.
`holds_own_tokens` asks for those that our own forms of text write themselves; it decides what a row looks like, so a
token added to it changes rows that have left before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from engine.exporting.dialogue import Turns
from engine.exporting.json import dumps
from engine.types import RecordTurn

_ANGLED = re.compile(
    r"<[|\uff5c][A-Za-z0-9_\u2581 ]{1,40}[|\uff5c]>"
    r"|<(?:/?(?:tools?|tool_call|tool_response|tool_responses|think|s)|start_of_turn|end_of_turn|bos|eos)>"
)
"""ChatML, Llama 3, gpt-oss, DeepSeek (full-width bars), Hermes, Qwen, Llama 2, Gemma."""
_BRACKETED = re.compile(r"\[/?(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|SYSTEM_PROMPT)\]")
"""Mistral and Llama 2."""
_ENDS = (b"INST]", b"TOOL_CALLS]", b"TOOL_RESULTS]", b"AVAILABLE_TOOLS]", b"SYSTEM_PROMPT]")
_OWN = re.compile(r"<\|[A-Za-z_]+\|>|</?(?:tool_call|tool_response|think)>")
"""ChatML and Hermes."""


def may_hold_tokens(body: bytes) -> bool:
    """Return whether a stored body can hold a control token at all; far cheaper than looking at its texts."""
    return b"<" in body or any([end in body for end in _ENDS])  # all of them rare, and the longer the faster


def control_tokens(turns: Sequence[RecordTurn]) -> list[str]:
    """Return the control tokens inside messages, reasoning and arguments of calls, each once, sorted."""
    found: set[str] = set()
    for turn in turns:
        for text in _texts(turn):
            if "<" in text:  # looking for one character costs far less than a pattern
                found.update(_ANGLED.findall(text))
            if "]" in text:
                found.update(_BRACKETED.findall(text))
    return sorted(found)


def _texts(turn: RecordTurn) -> Iterator[str]:
    yield turn.content
    if turn.reasoning:
        yield turn.reasoning
    for call in turn.tool_calls:
        yield dumps(call.arguments)


def holds_own_tokens(turns: Turns) -> bool:
    """Return whether a text, a thought or an argument of a call holds a token of our own forms of text."""
    for turn in turns:
        if "<" in turn.content and value_holds_own_tokens(turn.content):
            return True
        if turn.reasoning and value_holds_own_tokens(turn.reasoning):
            return True
        for call in turn.tool_calls:
            if "<" in str(call.arguments) and value_holds_own_tokens(call.arguments):
                return True
    return False


def value_holds_own_tokens(value: Any) -> bool:
    """Return whether a JSON value holds such a token in a text or key."""
    if isinstance(value, str):
        return "<" in value and _OWN.search(value) is not None
    if isinstance(value, dict):
        return any([value_holds_own_tokens(key) or value_holds_own_tokens(one) for key, one in value.items()])
    return isinstance(value, list) and any([value_holds_own_tokens(one) for one in value])
