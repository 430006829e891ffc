"""What the files of this folder share: what a notation says of itself, and the place in a text where it reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.llms._calls.arguments import python_value
from engine.reading.json_value import first
from engine.types import Tool

Tools = Mapping[str, Tool | None]
"""The tools that are offered, by name; None for one of which nothing else is known."""
Shown = Sequence[tuple[str, Mapping[str, Any]]]
"""Calls as a sample shows them: names and arguments."""
_SPACE = re.compile(r"\s*")


class NotWritten(Exception):
    """What stands at this place is not in the notation."""


@dataclass(frozen=True)
class Broken:
    """Text that should be JSON and is none. `closed`: what the notation puts behind it is there, so nothing was cut."""

    text: str
    closed: bool


@dataclass(frozen=True)
class Written:
    """A call as it stands in a text. `arguments`: an object, a text of one, or `Broken`; values of an object that have
    no type of their own are `Text` (bare_texts.py). `name` is None where the whole call is broken JSON."""

    name: str | None
    arguments: Any


class Place:
    """A place in a text, moved on by reading. `tools` are those that may be called; `cut`: the text is not whole."""

    def __init__(self, text: str, at: int, tools: Tools, *, cut: bool = False) -> None:
        self.text, self.at, self.tools, self.cut = text, at, tools, cut

    def space(self) -> None:
        """Pass over white space."""
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def sees(self, *signs: str) -> bool:
        """Return whether one of these texts, which may also be none, stands behind the white space here."""
        found = _SPACE.match(self.text, self.at)
        return self.text.startswith(signs, found.end() if found else self.at)

    def takes(self, *signs: str) -> bool:
        """Pass over one of these texts and the white space before it, if it stands here."""
        for sign in signs:
            if self.sees(sign):
                self.space()
                self.at += len(sign)
                return True
        return False

    def needs(self, *signs: str) -> None:
        """Pass over one of these texts and the white space before it. Raises NotWritten when none stands here."""
        if not self.takes(*signs):
            raise NotWritten

    def closes(self, *signs: str) -> None:
        """Pass over a sign that closes a call. At the end of a text it may be missing, for servers that stop at it take
        it away; not so where the text was cut. Raises NotWritten."""
        if not self.takes(*signs) and not self.ended:
            raise NotWritten

    def match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """Pass over what a pattern matches here. Raises NotWritten."""
        found = pattern.match(self.text, self.at)
        if found is None:
            raise NotWritten
        self.at = found.end()
        return found

    def maybe(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Pass over what a pattern matches here, if anything."""
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found

    def until(self, *signs: str) -> str | None:
        """Return the text up to the nearest of these texts, and stand before that; None when none follows."""
        ends = [end for sign in signs if (end := self.text.find(sign, self.at)) >= 0]
        if not ends:
            return None
        found, self.at = self.text[self.at : min(ends)], min(ends)
        return found

    def text_to(self, closer: str, *followers: str) -> str:
        """Return the text up to a closing sign, and stand behind it; one that neither a follower nor the end of the
        text follows belongs to the text. Raises NotWritten when there is none."""
        begun, end = self.at, self.text.find(closer, self.at)
        while end >= 0:
            self.at = end + len(closer)
            if self.over or self.sees(*followers):
                return self.text[begun:end]
            end = self.text.find(closer, self.at)
        raise NotWritten

    @property
    def over(self) -> bool:
        """Whether nothing but white space follows."""
        found = _SPACE.match(self.text, self.at)
        return found is not None and found.end() == len(self.text)

    @property
    def ended(self) -> bool:
        """Whether the text is whole and nothing but white space follows."""
        return not self.cut and self.over

    def value(self, *closers: str) -> Any:
        """Return the JSON value or Python literal here, which one of these texts or the end of the text must follow.

        Text up to there that is neither is `Broken`. Of a value with words behind it those are left alone.
        """
        self.space()
        begun = self.at
        try:
            value, self.at = first(self.text, begun)
            if self.over or self.sees(*closers) or self._words_follow(*closers):
                return value
        except ValueError:
            pass
        self.at = begun
        body = self.until(*closers)
        closed = body is not None
        if body is None:
            body, self.at = self.text[begun:], len(self.text)
        try:
            return python_value(body)
        except ValueError:
            return Broken(body, closed)

    def _words_follow(self, *closers: str) -> bool:
        """Return whether more than brackets, quotes and commas stand before one of these texts."""
        behind = Place(self.text, self.at, self.tools)
        following = behind.until(*closers)
        return any(map(str.isalnum, self.text[self.at :] if following is None else following))


def without_layout(text: str) -> str:
    """Return a value without the line breaks of a layout that puts it on lines of its own."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "\n" else text


@dataclass(frozen=True)
class Sample:
    """A reply as a server left it. `calls`: what it means, by name and arguments; `rest`: the text that stays."""

    text: str
    calls: Shown
    rest: str = ""


@dataclass(frozen=True)
class Notation:
    """How a family writes a call.

    begins: the texts that a call, or a group of calls, begins with; looking for them must be cheap. read: reads one
    call or group from there on and moves the place behind it; raises NotWritten when there is none. bare: no sign of
    its own shows that it is a call, so it must stand at the beginning of a line or behind the end of a sentence.
    alone: it counts only where nothing else is said.
    """

    begins: Sequence[str]
    read: Callable[[Place], list[Written]]
    samples: Sequence[Sample]
    bare: bool = False
    alone: bool = False
