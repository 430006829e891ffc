"""Many patterns over one text, fast: a pattern is tried only where one of its words stands in the text."""

from __future__ import annotations

import re

from engine.hygiene.prose import Prose


class Phrases:
    """Patterns without letter case, each with words in small letters of which any match holds one.

    The words are parted by spaces, without marks and apostrophes; Chinese ones are looked for as parts of the text.
    """

    def __init__(self, *groups: tuple[str, str]) -> None:
        self._groups = []
        for words, pattern in groups:
            compiled = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
            look = compiled.match if pattern.startswith(r"\A") else compiled.search
            listed = frozenset(words.split())
            self._groups.append((listed, tuple(word for word in listed if not word.isascii()), look))

    def search(self, prose: Prose, text: str | None = None) -> re.Match[str] | None:
        """Return the first match of the first pattern that has one, in the words of a text or in a part of them."""
        text, held = prose.words if text is None else text, prose.vocabulary
        for words, parts, look in self._groups:
            if not words.isdisjoint(held) or (parts and any(part in text for part in parts)):
                found = look(text)
                if found:
                    return found
        return None


def one_of(words: str) -> str:
    """Return the pattern for any of the words, which spaces part."""
    return f"(?:{'|'.join(words.split())})"
