"""What servers and providers say when they refuse a call, and the kind of fault that it stands for.

The texts are those that vLLM, SGLang, llama.cpp, Ollama, OpenAI, Azure, Anthropic, Gemini, Mistral, DeepSeek, Qwen and
OpenRouter are known to give (from their documentation and issues; not tried live). Most exact first: vLLM's answer to a
`max_tokens` that is too large speaks of the context length as well.
"""

from __future__ import annotations

import re

from engine.errors import ModelFault

_TOKENS = r"max_(?:completion_|output_|new_)?tokens\W"
_TEXTS: tuple[tuple[ModelFault, tuple[str, ...]], ...] = (
    (
        "tool_parser",
        (
            r"--enable-auto-tool-choice",
            r"--tool-call-parser",
            r"--jinja\b",
            r"tool[-_ ]?call[-_ ]?parser",
            r"(?:does not|doesn't|do not) support (?:the use of )?(?:tools?\b|tool[- _]?(?:use|call))",
            r"(?:does not|doesn't|do not) support function[- _]?call",
            r"no endpoints found that support tool use",
            r"`?tools?`? (?:is|are) not supported",
            r"(?:tool|function)[- _]?(?:calling|use|choice) is not supported",
        ),
    ),
    (
        "max_tokens",
        (
            _TOKENS + r"[^.]{0,60}(?:too (?:large|high|big)|exceeds?|at most|(?:less|greater) than|> ?\d)",
            _TOKENS + r"[^.]{0,60}(?:must be|should be|cannot (?:be|exceed)|maximum (?:allowed|value))",
            r"maxOutputTokens[^.]{0,60}(?:must|range|exceed)",
            r"supports at most \d+ completion tokens",
        ),
    ),
    (
        "context_length",
        (
            r"context_length_exceeded",
            r"exceed_context_size",
            r"string_above_max_length",
            r"context[-_ ](?:length|window|size)",
            r"maximum (?:context|input|prompt) (?:length|tokens)",
            r"(?:prompt|input|request|messages?)(?: token count)?[^.]{0,40}too (?:long|large)",
            r"too many (?:input |prompt )?tokens",
            r"(?:exceed|(?:longer|larger|more) than)[^.]{0,60}model'?s? (?:context|maximum)",
            r"(?:exceed|(?:longer|larger|more) than)[^.]{0,60}(?:max(?:imum)?[-_ ]model[-_ ]len|number of tokens)",
            r"input token count",
            r"reduce the length of the (?:messages|prompt|input)",
        ),
    ),
    (
        "quota",
        (
            r"insufficient[-_ ](?:quota|balance|credits?|funds)",
            r"exceeded your current quota",
            r"quota[-_ ]exceeded",
            r"credit balance is too low",
            r"(?:out of|not enough|no (?:more|remaining)|requires? more) credits?",
            r"billing[-_ ](?:hard[-_ ]limit|not[-_ ]active)",
            r"check your plan and billing",
            r"payment required",
            r"(?:spend(?:ing)?|monthly|usage) limit (?:has been )?(?:reached|exceeded)",
            r"account (?:is )?(?:suspended|(?:in )?arrears)",
        ),
    ),
    (
        "moderated",
        (
            r"content[-_ ](?:filter|policy|management)",
            r"ResponsibleAI",
            r"moderation",
            r"flagged",
            r"(?:blocked|rejected|refused|prohibited)[^.]{0,60}(?:safety|policy|content)",
            r"safety (?:system|setting|filter|reason)",
            r"data_inspection_failed",
            r"prohibited[-_ ]content",
            r"sensitive content",
            r"usage polic(?:y|ies)",
        ),
    ),
)
_PATTERNS = tuple((kind, re.compile("|".join(texts), re.IGNORECASE)) for kind, texts in _TEXTS)
_AT: dict[ModelFault, frozenset[int]] = {
    "tool_parser": frozenset((400, 404, 422, 500, 501)),
    "max_tokens": frozenset((400, 422)),
    "context_length": frozenset((400, 413, 422, 500)),
    "quota": frozenset((400, 402, 403, 429)),
    "moderated": frozenset((400, 403, 422, 451)),
}
"""The HTTP statuses at which each is said. llama.cpp gives 500 for a prompt that does not fit, OpenRouter 404 where no
provider takes tools; at 429 "request too large" speaks of tokens in a minute."""


def said_kind(status: int, text: str) -> ModelFault | None:
    """Return the kind of fault that the text of a refusal with this HTTP status names, None when it names none."""
    return next((kind for kind, words in _PATTERNS if status in _AT[kind] and words.search(text)), None)
