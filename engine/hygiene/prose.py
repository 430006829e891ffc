"""A text as the checks read it: code is blanked out, because what stands there is shown and not said."""

from __future__ import annotations

import re
from functools import cached_property

LONGEST_QUOTE = 120

_FENCE = re.compile(r"(?m)^[ \t>]*(`{3,}|~{3,})([^\n`]*)$")
_INLINE = re.compile(r"(?<![\w`])(`{1,2})(?![\s`])[^`\n]{1,300}(?<!\s)\1(?![\w`])")
_QUOTED = re.compile(r'"[^"\n]{1,600}"|“[^”\n]{1,600}”|«[^»\n]{1,600}»|„[^“”\n]{1,600}[“”]|「[^」\n]{1,600}」')
YOU = re.compile(r"\b(?:you|your|yours|you'(?:re|ll|ve|d))\b", re.IGNORECASE)
_NOUN = re.compile(
    r"[\"'”’`)]?[ ](?:tags?|elements?|tokens?|markers?|blocks?|sections?|brackets?|components?|nodes?|placeholders?|"
    r"symbols?|characters?)\b|(?:标签|标记)"
)
_TO_YOU = frozenset(("you", "your", "yours"))
MARKS = {ord(mark): " " for mark in "!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~"}
_QUOTES = "\"'“”‘’«»„「」"


class Prose:
    """A text, and its forms that the kinds share. Each is made when it is first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def plain(self) -> str:
        """The text with code blanked out by spaces: as long as the text, lines end where they did."""
        return without_code(self.text) if "`" in self.text or "~~~" in self.text else self.text

    @cached_property
    def said(self) -> str:
        """`plain` with what stands in quotation marks blanked out too."""
        plain = self.plain
        return _QUOTED.sub(_blank, plain) if any(mark in plain for mark in '"“«„「') else plain

    @cached_property
    def words(self) -> str:
        """`said` with straight apostrophes, for patterns of words; as long as the text."""
        said = self.said
        return said.replace("’", "'") if "’" in said else said

    @cached_property
    def lowered(self) -> str:
        """`plain` in lower case, to look for words; places in it are not those of the text."""
        return self.plain.lower().replace("’", "'")

    @cached_property
    def order(self) -> list[str]:
        """The words of `words` in order, parted at every mark of ASCII but the underscore."""
        return self.words.translate(MARKS).split()

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The words that are in the text, in small letters."""
        return frozenset(self.words.lower().translate(MARKS).split())

    @cached_property
    def addresses(self) -> bool:
        """Whether the text speaks to somebody."""
        return not _TO_YOU.isdisjoint(self.vocabulary)

    def quote(self, start: int, end: int) -> str:
        """Return the place with a little before it, at most LONGEST_QUOTE characters, on one line."""
        room = max(0, LONGEST_QUOTE - (end - start))
        first = max(0, start - room // 3)
        return " ".join(self.text[first : first + LONGEST_QUOTE].split())


def without_code(text: str) -> str:
    """Return the text with closed fences and code inside lines blanked out by spaces."""
    pieces, position = list[str](), 0
    for start, end in code_spans(text):
        pieces += text[position:start], _blanked(text[start:end])
        position = end
    return "".join((*pieces, text[position:])) if pieces else text


def code_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each closed fence and of each piece of code inside a line, in order."""
    fences = _fences(text)
    spans, position = list[tuple[int, int]](), 0
    for start, end in (*fences, (len(text), len(text))):
        spans += [match.span() for match in _INLINE.finditer(text, position, start)]
        if end > start:
            spans.append((start, end))
        position = end
    return spans


def _fences(text: str) -> list[tuple[int, int]]:
    found, opened = list[tuple[int, int]](), None
    for mark in _FENCE.finditer(text) if "```" in text or "~~~" in text else ():
        if opened is None:
            opened = mark
        elif mark[1].startswith(opened[1]) and not mark[2].strip():
            found.append((opened.start(), mark.end()))
            opened = None
    return found


def is_mention(text: str, start: int, end: int) -> bool:
    """Return whether a tag or token at this place is spoken of: it stands in quotation marks, or before "tag"."""
    if start > 0 and end < len(text) and text[start - 1] in _QUOTES and text[end] in _QUOTES:
        return True
    return _NOUN.match(text, end) is not None


def _blank(match: re.Match[str]) -> str:
    return _blanked(match[0])


def _blanked(text: str) -> str:
    return "".join("\n" if char == "\n" else " " for char in text) if "\n" in text else " " * len(text)
