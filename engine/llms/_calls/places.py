"""Whether a call at some place of a text is made there, or only spoken of. Pure.

A model makes a call and then waits for its result, so a call is made at the end of a text, or is all of it; words
before it are usual. What stands in the middle of words is quoted, whatever tags it wears. At the end, too, a call is
quoted where it stands inside other marks (a thought that is not over, another call that is not over, a code span, a
quotation), and where the words before it introduce an example or tell of a call. Those words are a list, for no reader
of text is sure here: a call that is taken for an example costs one more question to the model, and an example that is
executed costs a false record.
"""

from __future__ import annotations

import re

_CLOSED_BY = {
    "<think": "</think",
    "<thought": "</thought",
    "<thinking": "</thinking",
    "<reasoning": "</reasoning",
    "<reflection": "</reflection",
    "<scratch": "</scratch",
    "<analysis": "</analysis",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<example": "</example",
    "<tool_response": "</tool_response",
    "<parameter": "</parameter",
    "<｜DSML｜parameter": "</｜DSML｜parameter",
    "<arg_value": "</arg_value",
    "<invoke": "</invoke",
    "<function=": "</function",
    "<!--": "-->",
}
"""Marks inside which nothing is called, with what ends them."""
_TEXT_MARKS = ("```", "~~~", "<escape>", '<|"|>')
"""Marks that begin and end alike."""
_BEFORE_QUOTED = "\"'`“„‘«([{,="
_PARAGRAPH, _SENTENCE = 600, 300
"""Characters before a call that are looked at."""
_EXAMPLE = re.compile(
    "|".join(
        (
            r"\bexamples?\b|\bfor instance\b|\be\.g\.|\bsuch as:?\s*$|\billustrat|\bhypothetical|\bplaceholder",
            r"\blike (?:this|so)\s*(?:[:.]|$)|\b(?:something|looks?) like\s*:?\s*$|\bpseudo-?code\b",
            r"\bsample (?:call|json|request|input|output|usage)\b",
            r"\b(?:call|json|xml|output|following|this) (?:format|syntax|notation|schema|template)\b",
            r"\b(?:format|syntax|notation|schema) (?:is|looks)\b",
            r"\bz\. ?B\.|\bBeispiel|\bexempl[eo]|\bejemplo|\besempio|например|пример",
            r"例如|比如|示例|例子|样例|格式[如为是]|たとえば|例えば|예를 들어|예시",
        )
    ),
    re.IGNORECASE,
)
"""An example is introduced, somewhere in the paragraph before the call."""
_ACT = (
    r"(?:call|send|us(?:e(?!d)|ing)|writ(?:e|ing)|invok(?:e|ing)|execut(?:e|ing)|run|mak(?:e|ing)|issu(?:e|ing)"
    r"|emit|output|type)(?:ing|ting|ning)?\b"
)
_ACTORS = r"(?:you|one|we|they|users?|agents?|models?|assistants?)"
_TOLD = re.compile(
    "|".join(
        (
            rf"\b(?:would|could|might)\s+(?:\w+ly\s+|then\s+|also\s+|just\s+)?"
            rf"(?:{_ACT}|look like\b|be\s*:|be (?:called|sent)\b)",
            rf"\b{_ACTORS}\s+(?:can|may|should|must|need to|have to)\s+(?:\w+ly\s+)?{_ACT}",
            rf"(?:\b(?:never|not|avoid|without|instead of|rather than)|n['’]t)\s+(?:\w+ly\s+)?{_ACT}",
            r"\A\s*(?:then\s+)?if\b",
            r"\b(?:said|says?|wrote|writes?|sent|pasted|shows?|showed|contains?|contained|reads?|quot(?:es?|ed)|prints?"
            r"|printed|logs?|logged|returned|answered|called|made|used|tried|issued|call (?:is|was))\b"
            r"[^.!?\n]{0,15}:\s*\Z",
        )
    ),
    re.IGNORECASE,
)
"""The sentence before the call tells what could be called, must not be called, or was said before."""
_SENTENCE_END = re.compile(r"[.!?。！？](?=\s)|\n")
_SPEAKS_OF_IT = re.compile(
    r"\s*(?:this|that|it|these|those|here|above|the (?:above|call|json|request|tool|function|code|snippet|block|result)"
    r"|where|which|note|replace|in this|in the|you (?:can|could|may|would)|would|shall|should|do you|let me know"
    r"|please (?:confirm|let)|as you)\b",
    re.IGNORECASE,
)


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
    led = line.rstrip()
    if line.lstrip().startswith(">") or line.replace("```", "").count("`") % 2:
        return True
    if bare and sum(map(before.count, "{[")) > sum(map(before.count, "}]")):  # inside another value, which is broken
        return True
    return bool(led) and (led[-1] in _BEFORE_QUOTED or (bare and led[-1].isalnum()))


def introduced(before: str) -> bool:
    """Return whether the words that lead up to a call introduce an example, or tell of a call."""
    paragraph = before.rstrip().rpartition("\n\n")[2][-_PARAGRAPH:]
    if _EXAMPLE.search(paragraph):
        return True
    return _TOLD.search(_last_sentence(paragraph[-_SENTENCE:])) is not None


def _last_sentence(paragraph: str) -> str:
    ends = [found.end() for found in _SENTENCE_END.finditer(paragraph.rstrip())]
    return paragraph[ends[-1] :] if ends else paragraph


def spoken_of(after: str) -> bool:
    """Return whether the words behind a fenced call go on with its sentence, ask about it, explain it or call it an
    example."""
    if after.partition("\n")[0].strip():
        return True
    paragraph = after.lstrip(" \n\t`").partition("\n\n")[0][:_PARAGRAPH]
    return "?" in paragraph or "？" in paragraph or bool(_SPEAKS_OF_IT.match(paragraph) or _EXAMPLE.search(paragraph))
