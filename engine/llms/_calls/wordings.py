"""Words around a call which say that it is only shown: an example, something told of, a question for leave.

Each pattern looks at a short stretch of text only, so that a long text costs no more than a short one.
"""

from __future__ import annotations

import re


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_MODAL = "(?:can|could|may|might|should|must|need to|have to)"
_ADVERB = r"(?:\w+ly\s+|then\s+|also\s+|just\s+)?"
_MAKE_A_CALL = (
    r"(?:call|send|us(?:e(?!d)|ing)|writ(?:e|ing)|invok(?:e|ing)|execut(?:e|ing)|run|mak(?:e|ing)|issu(?:e|ing)"
    r"|emit|output|type)(?:ing|ting|ning)?\b"
)
_ANYBODY = r"(?:you|one|we|they|users?|agents?|models?|assistants?)"
_SOURCE = r"(?:prompt|instructions|some(?:one|body)|docs?|documentation|manual|guide|tutorial|readme|developers?)"
_KIND = "(?:call|json|xml|output|following|this)"
_TO_THE_END = r"[^,;]*\Z"
"""A comma would begin another thought: "I cannot see it, so I run a search:" makes the call that follows."""

EXAMPLE = _any_of(
    r"\bexamples?\b|\bfor instance\b|\be\.g\.|\bsuch as:?\s*$|\billustrat|\bhypothetical|\bplaceholder",
    r"\blike (?:this|so)\s*(?:[:.]|$)|\b(?:something|looks?) like\s*:?\s*$",
    r"\b(?:what|how) (?:the|an?|such a|this|that|my|your) [^.!?\n]{0,40}\b(?:looks?|is (?:made|written|formed))\b",
    r"\b(?:call|json|request|input|output|usage) samples?\b",
    r"\bsample (?:call|json|request|input|output|usage)\b",
    r"\bexpected (?:call|output|answer|result|reply|response)\s*:\s*\Z",
    rf"\b{_KIND} (?:format|syntax|notation|schema|template|snippet)\b",
    r"\b(?:format|syntax|notation|schema) (?:is|looks)\b",
    r"\b(?:this|the following|such a) (?:shape|form|structure)\s*:",
    r"\bpseudo-?code\b|\bsnippets?\b|\bexcerpts?\b|\btemplate (?:that )?you\b|\byour (?:terminal|shell|console)\b",
    r"\bz\. ?B\.|\bBeispiel|\bso (?:sieht|sähe)\b|\bexempl[eo]|\bvoici comment\b|\bejemplo|\besempio",
    r"например|пример|例如|比如|示例|例子|样例|格式[如为是]|たとえば|例えば|예를 들어|예시",
)
"""An example is introduced, somewhere in the paragraph before the call."""

_COULD_BE_CALLED = (
    rf"\b(?:would|could|might)\s+(?:have\s+)?{_ADVERB}"
    rf"(?:{_MAKE_A_CALL}|called\b|sent\b|written\b|look like\b|be\s*:|be (?:called|sent)\b)",
    rf"\b{_ANYBODY}\s+{_MODAL}\s+(?:\w+ly\s+)?{_MAKE_A_CALL}",
    rf"\A\s*{_ANYBODY}\s+{_MODAL}\b[^,;]*:\s*\Z",
    r"\A\s*(?:please\s+|just\s+|simply\s+|then\s+|now\s+)?(?:copy|paste|type|enter|fill in|insert)\b",
    r"\A\s*in your (?:code|script)\b",
)
_MUST_NOT_BE_CALLED = (
    rf"(?:\b(?:never|not|avoid|without|instead of|rather than)|n['’]t)\s+(?:\w+ly\s+)?{_MAKE_A_CALL}",
    r"(?:\b(?:cannot|unable to|refuse to|not (?:allowed|permitted|able) to|wrong to|forbidden to)|\b(?:can|wo)n['’]t)"
    rf"\s+(?:\w+ly\s+)?(?:{_MAKE_A_CALL}|do\b|perform|answer|reply|respond|help with){_TO_THE_END}",
)
_WILL_BE_CALLED_LATER = (
    r"\A\s*(?:then\s+)?if\b",
    r"\A\s*(?:once|after|when|as soon as|unless)\s+(?:you|the (?:user|customer)|they)\b.*\b(?:I|we)"
    r"(?:['’](?:ll|d)|\s+(?:will|would|can|could))\b",
    rf"\A\s*(?:next time|tomorrow|later)\b{_TO_THE_END}",
)
_SAID_BEFORE = (
    rf"\b{_SOURCE}\b[^,;]{{0,60}}\b(?:says?|said|tells?|told|asks?|asked|instructs?|shows?|reads?)\b{_TO_THE_END}",
    rf"\b(?:asks?|asked|tells?|told|says?|said) (?:me |us |models? )?to {_MAKE_A_CALL}{_TO_THE_END}",
    r"\baccording to\b|\b(?:saw|watched|seen) me\b",
    r"\b(?:said|says?|wrote|writes?|sent|pasted|shows?|showed|contains?|contained|reads?|quot(?:es?|ed)|prints?"
    r"|printed|logs?|logged|returned|answered|called|made|used|tried|issued|call (?:is|was))\b[^.!?\n]{0,15}:\s*\Z",
    r"\b(?:was|were)\s*:\s*\Z",
    r"\b(?:becomes|translates (?:in)?to|corresponds to|is equivalent to)\s*:?\s*\Z",
)
TOLD = _any_of(*_COULD_BE_CALLED, *_MUST_NOT_BE_CALLED, *_WILL_BE_CALLED_LATER, *_SAID_BEFORE)
"""The sentence before the call tells of it."""

ASKS_FOR_LEAVE = _any_of(
    r"\b(?:shall|should|may|can|could) (?:i|we)\b",
    r"\b(?:do|would) you (?:want|like|prefer|agree)\b",
    r"\bis (?:that|this|it) (?:ok|okay|right|correct|fine|alright)\b",
    r"\b(?:ok|okay|agreed)\?\s*\Z",
)
"""The sentence before the call asks whether it may be made."""

SPEAKS_OF_IT = _any_of(
    r"\s*(?:this|that|it|these|those|here|above|the (?:above|call|json|request|tool|function|code|snippet|block|result)"
    r"|where|which|note|replace|in this|in the|you (?:can|could|may|would)|would|shall|should|do you|let me know"
    r"|please (?:confirm|let)|as you|but|is|was|because|although|however|when|if)\b",
    r"\s*(?:expected )?(?:output|result|response|observation|answer|returns?)\s*:",
    r"\s*</(?:code|pre|quote|blockquote|example|document|details)\b",
)
"""The words behind a call go on with its sentence, explain it, or give a result that the model made up."""
