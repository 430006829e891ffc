"""What a profile says of a model, in a few words each, with what they mean for a batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from engine.types import Profile


class Word(NamedTuple):
    """`good` is False for what costs something, None for what is not known or neither good nor bad."""

    text: str
    meaning: str
    good: bool | None


_TOOLS = {
    True: Word("tools", "It called the tool and used the result, so it can play the assistant.", True),
    False: Word("no tools", "It cannot play the assistant of tasks that need tools.", False),
    None: Word("tools not known", "The test call did not show whether it calls tools.", None),
}
_PARALLEL = {
    "together": Word("several calls at once", "One message holds several calls where a request needs them.", True),
    "one_by_one": Word("one call at a time", "It did not put two calls into one message when asked to.", False),
    "broken": Word(
        "breaks on several calls", "It is asked for one call at a time, unless its settings allow several.", False
    ),
    None: Word("several calls not known", "The test call did not show whether one message may hold several.", None),
}
_SCHEMA = {
    True: Word("JSON schema", "Judges and simulated users get their replies in the right form.", True),
    False: Word(
        "no JSON schema", "Judges and simulated users ask for their form in words; some replies are lost.", False
    ),
    None: Word("JSON schema not known", "The test call did not show whether it keeps to a schema.", None),
}
_THINKING = {
    "field": Word("thinks", "Its thoughts come apart from the text. They count against the most tokens.", None),
    "text": Word(
        "thinks in the text", "Its thoughts are cut out of the text. They count against the most tokens.", None
    ),
    "none": Word("no thoughts", "No reply of the test call held thoughts.", None),
}
_IDS = {
    "own": Word("own call ids", "Its server gives each call an id.", None),
    "own_nine": Word("call ids of nine characters", "Its server gives each call an id in Mistral's form.", None),
    "ours": Word("no call ids", "Its server gives calls no id, so Turnwright numbers them.", None),
}


def profile_words(profile: Profile) -> Iterator[Word]:
    """Yield the words for what is known, and for tools, several calls and JSON schema also that they are not known. A
    fault stands behind the meaning."""
    faults = profile.faults
    yield _with_fault(_TOOLS[profile.tools], faults.get("tools"))
    yield _with_fault(_PARALLEL[profile.parallel], faults.get("parallel"))
    yield _with_fault(_SCHEMA[profile.json_schema], faults.get("json_schema"))
    if profile.thinking is not None:
        yield _THINKING[profile.thinking]
    if profile.ids is not None:
        yield _IDS[profile.ids]
    if profile.context_length is not None:
        yield Word(f"context {profile.context_length:,}", "Tokens that a dialogue and its next answer may have.", None)
    if profile.refused:
        names = ", ".join(profile.refused)
        yield Word(f"without {names}", "The server does not take these, so they are not sent.", None)


def profile_line(profile: Profile) -> str:
    """Return the words on one line."""
    return ", ".join(word.text for word in profile_words(profile))


def _with_fault(word: Word, fault: str | None) -> Word:
    return word if fault is None else word._replace(meaning=f"{word.meaning} {fault}")
