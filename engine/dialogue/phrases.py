"""Adds a persona's opening and closing to a request, so that the whole reads as one message."""

from __future__ import annotations

import re

_GREETED = re.compile(r"(hi|hello|hey|hiya|good (morning|afternoon|evening|day)|dear|morning|evening)\b", re.IGNORECASE)
_COMMON = re.compile(
    r"(a|an|any|are|at|can|check|could|did|do|does|for|from|get|has|have|how|in|is|it|let|may|my|on|one|our|please|show|"
    r"tell|that|the|there|they|this|was|we|what|when|where|which|who|why|will|with|would|you|your)\b",
    re.IGNORECASE,
)


def with_opening(opening: str, request: str) -> str:
    """Return the request after the opening, unchanged when it greets already. After a comma, a common first word
    begins in lower case."""
    if not opening or _GREETED.match(request):
        return request
    if opening.endswith(",") and _COMMON.match(request) and not request[:2].isupper():
        request = request[0].lower() + request[1:]
    return f"{opening} {request}"


def with_closing(request: str, closing: str) -> str:
    """Return the request before the closing, unchanged when it says thanks already."""
    if not closing or "thank" in request.lower():
        return request
    stop = "" if request[-1:] in ".!?…:;,)" else "."
    return f"{request}{stop} {closing}"
