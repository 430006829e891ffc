"""Names of people and things in an answer that stand nowhere before it. They only warn: no rule tells a nickname, a
brand or a heading from an invented name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.judging.claims.evidence import Evidence

_TITLED = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Prof)\.? [A-Z][\w'’-]+")
_TWO_WORDS = re.compile(r"(?<![.!?:\n*] )(?<!^)\b[A-Z][a-z'’-]+ [A-Z][a-z'’-]+\b")
_CALENDAR = re.compile(
    r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\b(?:January|February|March|April|May|June|July|August|September|"
    r"October|November|December)\b"
)


def unknown_names(text: str, evidence: Evidence) -> Iterator[tuple[str, int]]:
    """Yield (name, place) for each name of two words, or with a title, that nothing before the answer holds."""
    for pattern in (_TITLED, _TWO_WORDS):
        for found in pattern.finditer(text):
            last = found[0].split()[-1].lower()
            if last not in evidence.text and not _CALENDAR.search(found[0]):
                yield found[0], found.start()
