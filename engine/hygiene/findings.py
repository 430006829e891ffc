"""What is found in a text, and what is known of the talk it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.hygiene.prose import Prose
from engine.types import Turn

Reason = Literal[
    "leaked_thinking",
    "played_both_sides",
    "invented_result",
    "refused",
    "wrong_language",
    "cut_off",
    "special_tokens",
    "leftovers",
    "invented_value",
    "names_the_exercise",
]
Role = Literal["assistant", "user", "judge"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a text. `quote` is the place, at most LONGEST_QUOTE characters."""

    reason: Reason
    quote: str


@dataclass(frozen=True)
class Context:
    """What is known of the talk, so that nothing is taken for a fault that belongs there.

    `role` is who speaks. `tools` are the names of the tools that it may call. `earlier` are the turns before the text:
    what a tool really returned is no invention, and what the person asked for is no leftover. `finish` is the finish
    reason of the reply, None where the server says nothing. `language` is the ISO 639-1 code of the batch. `names` are
    values of the talk that may be in any language: people, titles, addresses. `declines` is True where the task wants
    this request declined.
    """

    role: Role
    tools: frozenset[str] = frozenset()
    policy: str = ""
    earlier: Sequence[Turn] = ()
    finish: str | None = None
    language: str = "en"
    names: Collection[str] = ()
    declines: bool = False

    def asked(self) -> str:
        """Return the last message of the person in lower case, "" where there is none."""
        return next((turn.content.lower() for turn in reversed(self.earlier) if turn.role == "user"), "")

    def returned(self, text: str) -> bool:
        """Return whether a result of a tool, or a message of the person, holds this text."""
        return bool(text) and any(text in turn.content for turn in self.earlier if turn.role in ("tool", "user"))


Check = Callable[[Prose, Context], str | None]
"""One kind: returns the place where a text is wrong, or None."""
