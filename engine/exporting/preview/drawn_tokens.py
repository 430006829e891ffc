"""A row as the tokens that a model would read, each with whether it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.exporting.chat_template import REFUSALS
from engine.exporting.preview.drawn_rows import Row, Rule, chat, texts, tools_of
from engine.exporting.tokenizer import ChatTokenizer, Span


class DrawnTokens(NamedTuple):
    """The tokens of one row. `trained` is None where the template writes earlier turns otherwise once later ones are
    there, so that their places are unknown; a problem says in a sentence why there are no tokens, or no marks."""

    tokens: tuple[str, ...] = ()
    trained: tuple[bool, ...] | None = None
    problem: str = ""

    @property
    def trained_count(self) -> int | None:
        """The number of trained tokens; None where it is unknown."""
        return None if self.trained is None else sum(self.trained)


_NO_CHAT = "This format has no messages that a chat template reads."
_REFUSED = "The chat template refuses this row"
_UNSTABLE = "The chat template writes earlier turns otherwise once later ones are there, so no mask can be drawn."


def drawn_tokens(row: Row, tokenizer: ChatTokenizer, rule: Rule | None = None) -> DrawnTokens:
    """Return the tokens of a row: of its text, or of its messages as the tokenizer's template writes them."""
    written = texts(row)
    if written is not None:
        return _of_texts(written, tokenizer)
    found = chat(row, rule)
    if found is None:
        return DrawnTokens(problem=_NO_CHAT)
    messages, marks = found
    tools = tools_of(row)
    try:
        whole = tokenizer.text(messages, tools)
        places = _trained_places(whole, messages, marks, tools, tokenizer)
    except REFUSALS as error:
        return DrawnTokens(problem=f"{_REFUSED}: {str(error)[:200] or type(error).__name__}.")
    spans = tokenizer.spans(whole)
    if places is None:
        return DrawnTokens(_pieces(whole, spans), None, _UNSTABLE)
    return DrawnTokens(_pieces(whole, spans), _marks(spans, places))


def _of_texts(written: Sequence[tuple[str, bool]], tokenizer: ChatTokenizer) -> DrawnTokens:
    tokens: list[str] = []
    trained: list[bool] = []
    for text, mark in written:  # trainers encode prompt and completion each by itself
        pieces = _pieces(text, tokenizer.spans(text))
        tokens += pieces
        trained += [mark] * len(pieces)
    return DrawnTokens(tuple(tokens), tuple(trained))


def _trained_places(
    whole: str, messages: list[dict[str, object]], marks: list[bool], tools: list[object], tokenizer: ChatTokenizer
) -> list[Span] | None:
    """Return the places of trained messages in the whole text; None where what stands before one is written otherwise
    when it is the end."""
    found: list[Span] = []
    for place, is_trained in enumerate(marks):
        if not is_trained:
            continue
        asked = messages[place].get("role") == "assistant"  # of its header only the text behind it is trained
        before = tokenizer.text(messages[:place], tools, prompt=asked)
        until = whole if place == len(messages) - 1 else tokenizer.text(messages[: place + 1], tools)
        if not whole.startswith(until) or not until.startswith(before):
            return None
        found.append((len(before), len(until)))
    return found


def _marks(spans: Sequence[Span], places: Sequence[Span]) -> tuple[bool, ...]:
    """Return for each token whether it begins in one of the places, both in the order of the text."""
    found: list[bool] = []
    at = 0
    for start, _ in spans:
        while at < len(places) and places[at][1] <= start:
            at += 1
        found.append(at < len(places) and places[at][0] <= start)
    return tuple(found)


def _pieces(text: str, spans: Sequence[Span]) -> tuple[str, ...]:
    """Return the text of each token with what stands before it in no token, so that the pieces give the text.

    Several tokens may make one character; it stands with the first of them, and the others are empty."""
    found: list[str] = []
    at = 0
    for _, end in spans:
        found.append(text[at : max(at, end)])
        at = max(at, end)
    if found and at < len(text):
        found[-1] += text[at:]
    return tuple(found)
