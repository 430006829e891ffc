"""What is left of the form a reply was written in: fences, JSON, escapes, labels, calls, markup without content."""

from __future__ import annotations

import json
import re
from typing import Any

from engine.hygiene import _untagged_calls
from engine.hygiene.findings import Context
from engine.hygiene.prose import Prose
from engine.hygiene.roles import SPEAKERS, SPOKEN, is_sentence

_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})", re.MULTILINE)
_WRAPPERS = frozenset(
    """message content response text answer reply output status about assistant assistant_response final
    final_answer say said user user_message utterance result_text role thought thoughts reasoning thinking
    type""".split()  # noqa: SIM905
)
_SPEAKS = frozenset(
    """message content response text answer reply output assistant assistant_response final final_answer say said
    user user_message utterance result_text""".split()  # noqa: SIM905
)
_CALLS = (
    {"name", "arguments"},
    {"name", "parameters"},
    {"tool", "arguments"},
    {"function", "arguments"},
    {"tool_calls"},
)
_KEY = re.compile(
    r"\A[\s`{]*[\"'](?:message|content|response|text|answer|reply|output|status|about|final_answer|"
    r"user_message)[\"']\s{0,3}:\s{0,3}[\"'\[{]"
    r"|[\"'],?\s{0,9}[\"'](?:status|about|role)[\"']\s{0,3}:\s{0,3}[\"']\w{1,20}[\"']\s*\}?\s*\Z"
    r"|^[ \t*_]{0,4}(?:status|about)[*_]{0,2}:[*_ ]{0,3}\W?(?:continue|satisfied|gave_up|next_request|"
    r"same_request)\W{0,3}$",
    re.IGNORECASE | re.MULTILINE,
)
_ESCAPED = re.compile(
    r"(?<=[.!?,;:)\w*])\\n\\n|\\n\\n(?=[A-Z*#\d-])|(?<=[.!?,)])\\n(?=[A-Z*#\d-])|(?<=[.!?,:)])(?:\\r)?\\n(?=[-*\d])|"
    r"(?<=[A-Za-z])\\u[0-9a-fA-F]{4}|(?:\\u[0-9a-fA-F]{4}){2}"
    r"|(?<!\\)\\\"[^\"\\\n]{1,200}\\\""
)
_LONE = re.compile(
    r"\A\s*[{\[}\]]\s*$|^[ \t]*(?:[\"']?\s?[}\]]{1,4}[,;]?|\"\s?,?)\s*\Z|[\"'”]\s?\}+\s*\Z", re.MULTILINE
)
_EMPTY = re.compile(
    r"^[ \t]*(?:\#{1,6}|\*\*[ \t]*\*\*|\*{3,4}|__[ \t]*__|!?\[[ \t]*\]\([ \t]*\)|"
    r"[-*+][ \t]*(?=\n[ \t]*[-*+][ \t]*(?:\n|\Z))|\|(?:[ \t]*\|)+)[ \t]*$",
    re.MULTILINE,
)
_NOTHING = frozenset(
    ("null", "undefined", "nan", "[object object]", "{}", "[]", '""', "''", "```", "...", "…", '"', "n/a}")
)
_UNFILLED = re.compile(r"\[object Object\]|\{\{\s{0,3}\w[\w.]{0,40}\s{0,3}\}\}|\{%-? ?(?:if|for|endif|endfor)\b")
_TEMPLATES = re.compile(r"template|placeholder|jinja|variable|\bslot", re.IGNORECASE)
_BLANK = re.compile(
    r"[\[<{](?:insert |enter |your |my |the )?(?:order (?:number|id)|e-?mail(?: address)?|phone(?: number)?|(?:full |"
    r"first |last )?name|"
    r"(?:date of )?birth ?(?:date|day)?|(?:post|zip) ?code|account (?:number|id)|address|member number|"
    r"customer id|invoice (?:number|id))(?: here)?[\]>}]",
    re.IGNORECASE,
)
_OWN = {
    "assistant": re.compile(
        r"\A\W{0,5}(?:assistant|ai|bot|chatbot|ai assistant|助手|assistant(?:'s)? (?:response|reply)|response|"
        r"reply)(?:\*{1,3}|[\])]|"
        r"_{1,2})?[ \t]?[:：]",
        re.IGNORECASE,
    ),
    "user": re.compile(
        r"\A\W{0,5}(?:user|human|customer|用户|message|my message|user(?:'s)? (?:message|reply|response))(?:\*{1,3}|"
        r"[\])]|_{1,2})?[ \t]?[:：]",
        re.IGNORECASE,
    ),
}
_PERSON = re.compile(r"\b(?:i|i'm|i'll|i've|you|your|my|me|we|please|thanks)\b", re.IGNORECASE)
_WANTS_JSON = re.compile(r"json|\bdict|\bapi\b|payload|schema|格式", re.IGNORECASE)


def find(prose: Prose, context: Context) -> str | None:
    """Return the place of a leftover, or None. A judge answers in JSON, which is read elsewhere."""
    if context.role == "judge":
        return None
    text, bare = prose.text, prose.text.strip()
    if bare.lower() in _NOTHING:
        return bare or None
    place = _fence(text) or _wrapped(bare, context) or _untagged_calls.find(prose, context.tools)
    place = place or _in_words(prose, context)
    return place and prose.quote(*place)


def _fence(text: str) -> tuple[int, int] | None:
    """Find a fence that is opened and never closed, or closed and never opened."""
    if "```" not in text and "~~~" not in text:
        return None
    opened: re.Match[str] | None = None
    for mark in _FENCE.finditer(text):
        if opened is None:
            opened = mark
        elif mark[1].startswith(opened[1]):
            opened = None
    if opened:
        return opened.span()
    stray = re.search(r"(?<=\S)[ \t]*```\s*\Z", text)
    return stray.span() if stray and not _FENCE.search(text, text.rfind("\n") + 1) and text.count("```") % 2 else None


def _wrapped(bare: str, context: Context) -> tuple[int, int] | None:
    """Find a text that is JSON though nobody asked for it, or half of it."""
    if not bare or (bare[0] not in "{[\"'`}]" and bare[-1] not in "}]\"'`"):
        return None
    whole = (0, min(len(bare), 60))
    inner = re.sub(r"\A```\w*\s*|\s*```\Z", "", bare) if bare.startswith("```") else bare
    if not inner:  # a fence around nothing
        return whole
    value = _json(inner)
    if isinstance(value, str):
        escaped = "\\" in inner
        return (
            whole if escaped or context.role == "user" or (_PERSON.search(value) and len(value.split()) > 3) else None
        )
    if isinstance(value, dict):
        return whole if value and _is_wrapper(value, context) else None
    if isinstance(value, list):
        asked = _WANTS_JSON.search(context.policy + context.asked())
        return (
            whole
            if not asked
            and value
            and all(isinstance(one, str | dict) and one for one in value)
            and context.role == "user"
            else None
        )
    if inner[0] in "{[" and re.match(r"[{\[]\s*(?:[\"'{\[]|\Z)", inner) and not _balanced(inner):
        return whole
    if inner[0] in "}]":
        return (0, 1)
    return None


def _json(text: str) -> Any:
    if not text or text[0] not in '{["':
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_wrapper(value: dict[str, Any], context: Context) -> bool:
    if any(keys <= value.keys() for keys in _CALLS):
        return True
    if _WANTS_JSON.search(context.asked()) or _WANTS_JSON.search(context.policy):
        return False
    keys = {str(key).lower() for key in value}
    return (keys <= _WRAPPERS and bool(keys & _SPEAKS)) or context.role == "user"


def _balanced(text: str) -> bool:
    """Return whether brackets of a text close each other, as in code or in a list in prose."""
    plain = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    return plain.count("{") == plain.count("}") and plain.count("[") == plain.count("]")


def _in_words(prose: Prose, context: Context) -> tuple[int, int] | None:
    text = prose.plain
    found = _ROLE_LINE[context.role].match(text)
    if found is None and (":" in text or "：" in text):
        found = _own_header(text, context.role) or (None if _is_json(text) else _KEY.search(text))
    if found is None and "\\" in text:
        found = _ESCAPED.search(text)
    if found is None and any(mark in text for mark in '{}[]"'):
        found = _lone(text) or _unfilled(text, context)
        if found is None and context.role == "user":
            found = None if _TEMPLATES.search(text) else _BLANK.search(text)
    if found is None and ("#" in text or "*" in text or "[" in text or "__" in text or "|" in text or "\n-" in text):
        found = _EMPTY.search(text)
    if found is None and "<" in text and context.role == "user":
        found = _BLANK.search(text)
    return found.span() if found else None


_ROLE_LINE = {
    "assistant": re.compile(r"\A\s*(?:assistant|model|gpt|bot)[ \t]*\n(?=\s*\S)", re.IGNORECASE),
    "user": re.compile(r"\A\s*(?:user|human)[ \t]*\n(?=\s*\S)", re.IGNORECASE),
    "judge": re.compile(r"\A\s*(?:assistant|model|judge)[ \t]*\n(?=\s*\S)", re.IGNORECASE),
}
"""The name of the speaker alone on the first line, which a chat template left there."""


def _own_header(text: str, role: str) -> re.Match[str] | None:
    """Find the speaker's own name before its message ("Assistant: Your order ..."), which no field of a record is."""
    header = _OWN[role].match(text)
    if header is None:
        return None
    said = text[header.end() :].strip(" *_\n").partition("\n")[0].rstrip()
    names_speaker = header[0].strip("\"'*_[]():： \t").lower() in SPEAKERS
    return header if SPOKEN.match(said) or (names_speaker and is_sentence(said)) else None


def _unfilled(text: str, context: Context) -> re.Match[str] | None:
    """Find a place of a template that was never filled in, unless templates are what is talked about."""
    found = _UNFILLED.search(text)
    return found if found and not _TEMPLATES.search(text + context.asked()) else None


def _is_json(text: str) -> bool:
    return isinstance(_json(text.strip()), dict)


def _lone(text: str) -> re.Match[str] | None:
    """Find a bracket or a quotation mark alone on the first or last line, which nothing in the text opens or closes."""
    match = _LONE.search(text)
    if match is None:
        return None
    is_quote = '"' in match[0] and not set(match[0]) & set("{}[]")
    return match if (text.count('"') % 2 if is_quote else not _balanced(text)) else None
