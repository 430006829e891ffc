"""Results that no tool gave: a model writes what the tool would return, or tells of a call that nobody made."""

from __future__ import annotations

import re

from engine.hygiene.findings import Context
from engine.hygiene.phrases import Phrases, one_of
from engine.hygiene.prose import Prose, is_mention

_KIND = r"(?:results?|responses?|outputs?|returns?)"
_TAGS = re.compile(
    rf"<[|｜]?/?(?:tool|function|api)[_▁ -]?(?:call[_▁ ])?{_KIND}(?:[▁_](?:begin|start|section_begin))?[|｜]?>"
    r"|<(?:function_results|tool_outputs|observations?|execute_result|execution_result|ipython_output|"
    r"tool)>(?=\s*[\[{\w<])"
    r"|<result>(?=\s*[\[{])|<\|observation\|>|<\|tool_outputs_section_begin\|>|<start_of_turn>tool\b|<\|tool\|>"
    r"|<\|(?:im_start|start_header_id|role_start|header_start)\|>\s?(?:tool|ipython|function|observation)\b"
    r"|<\|start\|>\s?(?:functions\.)?[\w.]+ to=assistant|\[TOOL_RESULTS?\]|\[/?TOOL_RESPONSE\]"
    r"|<\|(?:START|BEGIN)_(?:TOOL_RESULT|OF_TOOL_RESULT)\|>"
)
_FENCE = re.compile(
    rf"^[ \t]*```[ \t]*(?:(?:tool|function|api)[_-]{_KIND}|observation)\b", re.IGNORECASE | re.MULTILINE
)
_DATA = re.compile(r"\A[`*_\s]{0,4}[\[{]")
_JSON = re.compile(
    r"\{\s{0,20}\"(?:tool_response|tool_results?|tool_outputs?|function_response|function_results?|observation|"
    r"tool_call_id)\""
    r"\s{0,5}:|[\"']role[\"']\s{0,3}:\s{0,3}[\"'](?:tool|function|ipython|observation)[\"']",
    re.IGNORECASE,
)
_JSON_PAIR = re.compile(
    r"\"(?:tool|function|name|tool_name)\"\s{0,3}:\s{0,3}\"(?P<tool>[\w.-]{1,80})\"[^\"]{0,9}"
    r"(?:\"(?:arguments|parameters|args|input)\"[^\n]{0,200}?)?\"(?:results?|outputs?|responses?)\"\s{0,3}:"
)
_BOLD = r"(?:\*{1,3}|_{1,2})?"
_LABEL = Phrases(
    (
        "tool function api",
        r"^[ \t>]{0,4}[#*_\[(→>=-]{0,4}[ \t]?(?:\(?(?:simulated|mock|example|expected|the) ?\)?[ \t])?"
        rf"(?:(?:tool|function|api)(?: call)?[ _](?:{_KIND}|returned)(?: (?:of|from) \W?[\w.]{{1,60}}\W?)?"
        rf"|{_KIND} (?:of|from) (?:the )?(?:tool|function|api)(?: call)?"
        r"|(?:tool|function) \(?[\w.]{1,60}\)? (?:returned|responded|output|result))"
        rf"(?:[ \t]?\([^)\n]{{1,80}}\))?[\])]?{_BOLD}[ \t]?(?:[:：→]|=>|->|$|"
        rf"(?=[\[{{])){_BOLD}[ \t]*(?P<said>[^\n]{{0,200}})",
    )
)
_UNNAMED = re.compile(
    rf"^[ \t>]{{0,4}}{_BOLD}{_KIND}{_BOLD}[ "
    rf"\t]?[:：]{_BOLD}\s{{0,3}}(?P<said>(?:\{{\s{{0,9}}\"|\[\s{{0,9}}[{{\"])[^\n]{{0,200}})"
    r"|\b[a-z]{2,30}(?:_[a-z]{1,20}){1,5}\([^()\n]{0,200}\)\s{0,3}(?:=>|->|→|returns?|returned|:)?\s{0,3}"
    r"(?P<data>\{\s{0,9}\"[^\n]{0,200}|\[\s{0,9}\{[^\n]{0,200})",
    re.IGNORECASE | re.MULTILINE,
)
_OBSERVED = re.compile(
    rf"^[ \t>]{{0,4}}[*_#\[]{{0,4}}[ \t]?observation(?: \d{{1,2}})?[\])]?{_BOLD}[ \t]?[:：]{_BOLD}[ "
    rf"\t]*(?P<said>[^\n]{{0,300}})",
    re.IGNORECASE | re.MULTILINE,
)
_ACTED = re.compile(
    r"^[ \t>*_#\[]{0,6}(?:action(?: input)?|thought)(?: \d{1,2})?[*_\]]{0,3}[ \t]?[:：]", re.IGNORECASE | re.MULTILINE
)
_TELLS = Phrases(
    (
        "tool call",
        r"\bthe (?:tool|(?:tool|function|api) call) (?:returned|responded with|gave back|outputs?|response (?:is|"
        r"was))\b",
    ),
    (
        "simulate simulated simulating mock mocked hypothetical assume assuming pretend pretending say imagine",
        r"\b(?:simulated?|simulating|mock(?:ed)?|hypothetical|assum(?:e|ing)|pretend(?:ing)?|let's (?:say|assume)|"
        r"imagine)\b"
        rf"[^.\n]{{0,40}}\b(?:tool|function|api|call)\b[^\n]{{0,60}}\b{_KIND}",
    ),
)
_DOING = one_of(
    r"""calls? calling executes? executing invok(?:es?|ing) quer(?:y|ies) querying runs? running
    fetch(?:es|ing) retriev(?:es?|ing) looks?\sup looking\sup checks? checking search(?:es|ing) verif(?:y|ies)
    verifying access(?:es|ing) pull(?:s|ing)\sup updat(?:es?|ing) process(?:es|ing) cancel(?:s|ing|ling)
    book(?:s|ing)"""
)
_THINGS = one_of(
    """tool function api database system record records account order details calendar inventory file customer patient
    availability information refund return appointment"""
)
_ACTS_OUT = re.compile(
    r"(?:^|(?<=[.!?…:\n])\s{0,2})[\[(*_]{1,2}\s?"
    r"(?=[^\])*\n]{0,200}(?:\b(?:the|your|our|for|in|with|my|this)\b|\.\.\.|…|\d))"
    rf"(?:now )?{_DOING}\b[^\])*\n]{{0,80}}\b{_THINGS}\b[^\])*\n]{{0,60}}[\])*_]",
    re.IGNORECASE | re.MULTILINE,
)


def find(prose: Prose, context: Context) -> str | None:
    """Return the place of a result that stands in a text though no tool gave it, or None.

    What a tool of this dialogue did return may be quoted. A lab may write "Observation:"; it is a result only among
    Thought and Action lines, or before data.
    """
    if context.role == "judge":
        return None
    found = _in_code(prose, context) or _marked(prose) or _labelled(prose, context) or _told(prose, context)
    return found and prose.quote(*found.span())


def _in_code(prose: Prose, context: Context) -> re.Match[str] | None:
    """Find a fence for results, and a call with its result as JSON, also in a fence."""
    if "```" in prose.text and (fence := _FENCE.search(prose.text)):
        return fence
    pair = _JSON_PAIR.search(prose.text) if "{" in prose.text else None
    return pair if pair and pair["tool"] in context.tools else None


def _marked(prose: Prose) -> re.Match[str] | None:
    """Find a tag, or a JSON message, for results."""
    text = prose.plain
    for match in _TAGS.finditer(text) if "<" in text or "[" in text else ():
        if not is_mention(text, *match.span()):
            return match
    return _JSON.search(text) if "{" in text or "role" in text else None


def _labelled(prose: Prose, context: Context) -> re.Match[str] | None:
    """Find "Tool result: ...", a call followed by data, and "Observation: ..." of a chain of actions."""
    text = prose.plain
    label = _LABEL.search(prose, text)
    if label:
        said = label["said"].strip() or text[label.end() : label.end() + 300].strip()[:200]
        if said and not context.returned(said.strip('`*_ "')):
            return label
    if "{" in text and context.role == "assistant" and context.tools and "json" not in context.asked():
        for match in _UNNAMED.finditer(text):
            if not context.returned(match["said"] or match["data"]):
                return match
    return _observed(text) if "bservation" in text or "BSERVATION" in text else None


def _observed(text: str) -> re.Match[str] | None:
    acted = _ACTED.search(text) is not None
    for match in _OBSERVED.finditer(text):
        said = match["said"] or text[match.end() : match.end() + 50].lstrip()
        if acted or _DATA.match(said):
            return match
    return None


def _told(prose: Prose, context: Context) -> re.Match[str] | None:
    """Find a call that the text tells of, with its result, though no tool of the dialogue was called so."""
    called = {turn.name for turn in context.earlier if turn.role == "tool"}
    if context.role == "assistant":
        for tool in context.tools:
            if tool and tool in prose.text and tool not in called and (match := _told_of(tool, prose.text)):
                return match
    if not called and context.tools and (match := _TELLS.search(prose)):
        return match
    is_acted = context.role == "assistant" and any(mark in prose.said for mark in "[(*_")
    return _ACTS_OUT.search(prose.said) if is_acted else None


def _told_of(tool: str, text: str) -> re.Match[str] | None:
    name = re.escape(tool)
    return re.search(
        rf"\b{name}\b[`'\"]?(?:\([^)\n]{{0,200}}\))?[`'\"]?[ \t]*(?:\*\*)?(?:(?:tool|function|call)[ \t])?"
        r"(?:(?:with|for|on) [^.\n]{0,80}? )?(?:and (?:it|I) |and (?:the \w+ )?)?"
        r"(?:returned|returns|responded|gave|says|said|shows|showed|reported|confirmed|got|received|results?\b|"
        r"responses?\b|"
        r"outputs?\b|→|=>|->|\n+[ \t]*(?:```\w*\n)?[\[{])"
        rf"|\b(?:results?|responses?|outputs?|reply) (?:of|from) (?:the )?[`'\"]?{name}\b",
        text,
        re.IGNORECASE,
    )
