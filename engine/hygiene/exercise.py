"""A person that speaks of the exercise: names of tools and their arguments, calls to make, marks that stop the talk."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

_MARK = re.compile(
    r"\#{2,}\s?[A-Z][A-Z_ -]{2,30}\#*"
    r"|[<\[{(|*]{1,2}\s?/?(?:STOP|END|DONE|EXIT|QUIT|EOF|FINISHED|COMPLETED?|TERMINATED?|TRANSFER(?:RED)?|"
    r"OUT[-_ ]OF[-_ ]SCOPE|END[-_ ](?:OF[-_ ])?(?:CHAT|CONVERSATION|DIALOG(?:UE)?|TALK)|"
    r"TASK[-_ ](?:DONE|COMPLETED?|FINISHED)|"
    r"(?:CONVERSATION|CHAT|DIALOG(?:UE)?)[-_ ](?:OVER|ENDED|DONE|END))\s?[>\]})|*]{1,2}"
    r"|\A\W*(?:STOP|END|DONE|EXIT|TERMINATE|EOF)\W*\Z|(?<=[.!?\s])(?:STOP|TERMINATE|EOF|OUT[-_]OF[-_]SCOPE)\W{0,3}\Z"
    r"|(?:^|\s)/(?:stop|end|exit|quit|done)\b"
)
_JSON = re.compile(r"[{\[]\s*[\"']\w[\w -]{0,40}[\"']\s*:|[\"'](?:message|status|about|arguments|tool_calls)[\"']\s*:")
_SPOKEN_OF = re.compile(
    r"\b(?:tool|function|api)[ -]?calls?\b|\bcall(?:ing)? (?:the|your|a) (?:\w+[ _]){0,3}(?:tool|api|endpoint)s?\b"
    r"|\b(?:use|using|invoke|run|with) (?:the|your) (?:\w+[ _]){0,3}tools?\b(?! (?:box|kit|bar))"
    r"|\b(?:in|for) this (?:exercise|benchmark|simulation|test case|evaluation|scenario)\b"
    r"|\b(?:reference|expected|ground[- ]truth|gold(?:en)?) (?:answer|chain|trajectory|calls?|solution|actions?)\b"
    r"|\b(?:system prompt|hidden tests?|test harness|user simulator|role-?play)\b"
    r"|\bthe (?:next|first|second|right|correct) (?:tool|function|call) (?:is|to|would|should)\b",
    re.IGNORECASE,
)


_WORD = re.compile(r"\w+")
_CALLED = re.compile(r"\(|['\"`]? (?:tool|function|api|endpoint)s?\b", re.IGNORECASE)
"""What stands behind a name that is meant as one of a tool, though it is an everyday word too."""


class Exercise:
    """What a person in one task cannot know: the names of tools, of their arguments, of modes and templates (`words`).
    A name that stands in a text of the person's `own` is no secret. No pattern is compiled for a task."""

    def __init__(self, words: Collection[str], own: str) -> None:
        self._own = own.lower()
        names = {word.lower() for word in words if word and word.lower() not in self._own}
        self._compound = {name for name in names if "_" in name}
        self._joined = {_camel(word) for word in words if word.lower() in names and "_" in word}
        self._spoken = {name.replace("_", " ") for name in names}

    def find(self, text: str, said: Sequence[str] = ()) -> str | None:
        """Return the place where a text speaks of the exercise, None where it does not. What the assistant has `said`
        may be said back."""
        found = self._name(text)
        if found is None and (spoken := _SPOKEN_OF.search(text)) is not None:
            found = spoken[0]
        return found if found is not None and not self._given(found, said) else None

    def _name(self, text: str) -> str | None:
        """Return the first name of the exercise in a text."""
        for word in _WORD.findall(text):
            if ("_" in word and word.lower() in self._compound) or word in self._joined:
                return str(word)
        lowered = text.lower()
        for called in _CALLED.finditer(lowered):
            before = lowered[: called.start()]
            for name in self._spoken:
                if before.endswith(name) and not before[: -len(name)][-1:].isalnum():
                    return text[called.start() - len(name) : called.end()]
        return None

    def _given(self, found: str, said: Sequence[str]) -> bool:
        found = found.strip().lower()
        return found in self._own or any(found in one.lower() for one in said)

    def mark(self, text: str, said: Sequence[str] = ()) -> str | None:
        """Return a mark that stops the talk, or a piece of JSON, that neither the person's own texts nor the assistant
        have."""
        for pattern in (_MARK, _JSON):
            for found in pattern.finditer(text):
                if not self._given(found[0], said):
                    return found[0].strip()
        return None


def _camel(name: str) -> str:
    first, *others = [part for part in name.split("_") if part]
    return first + "".join(part[:1].upper() + part[1:] for part in others)
