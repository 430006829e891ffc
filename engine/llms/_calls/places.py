"""Tell whether a call at some place of a text is made there, or only shown. Pure.

A model makes a call and then waits for its result. So a call is made when it ends the text, or is all of it; words
before it are usual. A call with words behind it is quoted, whatever tags it has. A call at the end is quoted too where
it stands inside other marks (a thought, another call, a code span, a quotation), and where the words before it
introduce an example, ask for leave, or tell of a call. Those words are lists, because no rule can be sure here. A call
that is taken for an example costs one more question to the model; an example that is executed makes a false record.
The lists are in wordings.py.
"""

from __future__ import annotations

import re

from engine.hygiene.thoughts import split
from engine.llms._calls.wordings import ASKS_FOR_LEAVE, EXAMPLE, SPEAKS_OF_IT, TOLD

_CLOSED_BY = {
    "<think": "</think",
    "<thought": "</thought",
    "<reasoning": "</reasoning",
    "<reflection": "</reflection",
    "<scratch": "</scratch",
    "<analysis": "</analysis",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<example": "</example",
    "<quote": "</quote",
    "<blockquote": "</blockquote",
    "<code": "</code",
    "<pre>": "</pre>",
    "<document": "</document",
    "<tool_response": "</tool_response",
    "<parameter": "</parameter",
    "<｜DSML｜parameter": "</｜DSML｜parameter",
    "<arg_value": "</arg_value",
    "<invoke": "</invoke",
    "<function=": "</function",
    "<!--": "-->",
}
"""Marks inside which nothing is called, with what ends them. engine/hygiene knows thoughts in all other spellings."""
_TEXT_MARKS = ("```", "~~~", "<escape>", '<|"|>')
"""Marks that begin and end alike."""
_BEFORE_QUOTED = "\"'`“„‘«([{,="
_PARAGRAPH, _SENTENCE = 600, 300
"""Characters before a call that are looked at."""
_INDENTED_CODE = 4
"""Spaces before a line that make it code in Markdown."""
_USER_LINE = re.compile(r"^[ \t]*(?:\*\*)?(?:User|Human)(?:\*\*)?:", re.MULTILINE)
_ASSISTANT_LINE = re.compile(r"^[ \t]*(?:\*\*)?(?:Assistant|AI|Bot)(?:\*\*)?:", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?。！？](?=\s)|\n")
_LIST_ITEM = re.compile(r"(?:[-*•+]|\d{1,3}[.)])\s*\Z")
_ADDRESS = re.compile(r"[\w\s<|>]{0,60}\bto=[\w.]{1,200}[\w\s<|>]{0,60}")
"""How a message of the harmony format to a tool begins, which ends a thought before it."""
_MARKER = "turnwright9call"
"""A word that no text holds, put where a call stands."""


def only_quoted(text: str, start: int, *, bare: bool = False) -> bool:
    """Return whether a call that begins at this place, and runs to the end of its text, is only quoted there.

    bare: nothing shows that it is a call but its words, so that it must not stand inside a sentence.
    """
    return enclosed(text, start, bare=bare) or introduced(text[:start])


def enclosed(text: str, start: int, *, bare: bool = False) -> bool:
    """Return whether a call at this place stands inside other marks, or in a line that quotes it."""
    before = text[:start]
    return _inside(before) or _in_line(before, bare)


def _inside(before: str) -> bool:
    """Return whether a mark before the call is still open."""
    if any(before.count(mark) % 2 for mark in _TEXT_MARKS):
        return True
    return any(before.rfind(begin) > before.rfind(end) for begin, end in _CLOSED_BY.items())


def _in_line(before: str, bare: bool) -> bool:
    """Return whether the line that leads up to the call quotes it, or has it as a part of a sentence."""
    line = before[before.rfind("\n") + 1 :]
    words = line.rstrip()
    if line.lstrip().startswith(">") or line.replace("```", "").count("`") % 2:
        return True
    if bare and sum(map(before.count, "{[")) > sum(map(before.count, "}]")):  # inside another value, which is broken
        return True
    if bare and not words and len(line) >= _INDENTED_CODE and before.strip():
        return True
    return bool(words) and (words[-1] in _BEFORE_QUOTED or (bare and words[-1].isalnum()))


def in_thought(before: str, call: str, after: str = "") -> bool:
    """Return whether a call between these words belongs to a thought, also to one whose opener or closer is missing."""
    address = _ADDRESS.match(call)
    if _MARKER not in split(f"{before}{address[0] if address else ''}{_MARKER}").text:
        return True
    return bool(after.strip()) and _MARKER not in split(f"{_MARKER}\n{after.lstrip()}").text


def introduced(before: str) -> bool:
    """Return whether the words that lead up to a call introduce an example, ask for leave, or tell of a call."""
    if _played(before):
        return True
    paragraph = before.rstrip().rpartition("\n\n")[2][-_PARAGRAPH:]
    if EXAMPLE.search(paragraph):
        return True
    sentence = _last_sentence(paragraph[-_SENTENCE:])
    if sentence.rstrip().endswith(("?", "？")):
        return ASKS_FOR_LEAVE.search(sentence) is not None
    return TOLD.search(sentence) is not None


def _played(before: str) -> bool:
    """Return whether a call stands in a line of the user, or of the assistant in a dialogue that the model plays."""
    user = _USER_LINE.search(before)
    if user is None:
        return False
    return "\n" not in before[user.end() :] or _ASSISTANT_LINE.search(before, user.end()) is not None


def _last_sentence(paragraph: str) -> str:
    ends = [found.end() for found in _SENTENCE_END.finditer(paragraph.rstrip())]
    return paragraph[ends[-1] :] if ends else paragraph


def in_list(before: str) -> bool:
    """Return whether the line that leads up to a fence is an item of a list."""
    return _LIST_ITEM.search(before[before.rfind("\n") + 1 :]) is not None


def spoken_of(after: str) -> bool:
    """Return whether the words behind a fenced call go on with its sentence, ask about it, explain it or call it an
    example."""
    if after.partition("\n")[0].strip():
        return True
    paragraph = after.lstrip(" \n\t`").partition("\n\n")[0][:_PARAGRAPH]
    return "?" in paragraph or "？" in paragraph or bool(SPEAKS_OF_IT.match(paragraph) or EXAMPLE.search(paragraph))
