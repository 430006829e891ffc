"""A refusal in words that has nothing to do with the talk: "I'm sorry, but I can't assist with that."

A refusal that the talk calls for gives a reason of its domain or says what is possible instead, as the shipped policies
ask; or a tool has just refused; or the policy holds the very words. What is left is a text that only refuses, one that
speaks of guidelines that no policy of a shop has, and one that says what an AI cannot do.
"""

from __future__ import annotations

import re
from functools import lru_cache

from engine.hygiene.findings import Context
from engine.hygiene.phrases import Phrases
from engine.hygiene.prose import LONGEST_QUOTE, Prose

_CANNOT = (
    r"(?:can(?:'t|not| not)|could(?:n't| not)|(?:am |'m )(?:not able|unable|not allowed|not permitted|not comfortable)|"
    r"'m afraid i can(?:'t|not)|(?:won't|will not)(?: be able)?|(?:must |have to )?(?:respectfully |politely )?"
    r"(?:decline|refuse)|do not|don't)"
)
_IDENTITY = Phrases(
    (
        "ai llm language artificial",
        r"\b(?:as|since i'?m|because i'?m|being|(?:i'?m|i am)(?: just| only| merely)?) (?:just |only )?an? (?:large )?"
        r"(?:ai|artificial intelligence|language|llm)(?:[- ](?:language )?model|[- ]assistant|[- ]chatbot|"
        r"[- ]powered \w+|"
        rf" program)?\b[^.!?\n]{{0,120}}?\b(?:i )?(?:{_CANNOT}|don't have|do not have|lack|not capable|have no|"
        rf"cannot have)\b"
        r"|\bas an ai\b(?! team| company| engineer)",
    ),
    ("作为", r"作为(?:一个|一名)?(?:AI|人工智能|大?语言模型)"),
)
_SAFETY = Phrases(
    ("openai anthropic", r"\b(?:openai|anthropic)\b"),
    (
        "guidelines programming training safety policy policies values ethics principles",
        r"\bmy (?:ethical |safety |content |programming |usage |core )?(?:guidelines|programming|training|safety \w+|"
        r"content policy|values|ethics|principles)\b|\b(?:content|usage|safety|ethical|community) (?:policy|policies|"
        r"guidelines)\b",
    ),
    (
        "harmful illegal unethical inappropriate offensive dangerous explicit malicious",
        r"\b(?:harmful|illegal|unethical|inappropriate|offensive|dangerous|explicit|"
        r"malicious) (?:or \w+ )?(?:content|activit\w+|"
        r"purposes?|behaviou?r|requests?|actions?|information|use)\b",
    ),
    ("promote promotes promoted", r"\bpromote[sd]? (?:harm|violence|hate|illegal)"),
)
_REFUSES = re.compile(
    rf"\bi(?: |\b)[^.!?\n]{{0,20}}?{_CANNOT}\b|\b(?:goes|go|is|be) against\b|\bviolat\w+", re.IGNORECASE
)
_SORRY = (
    r"(?:(?:i'?m|i am|we'?re|my) (?:really |very |so |truly |sincere(?:st)? )?(?:sorry|apologies|afraid)|sorry|"
    r"apologies|"
    r"unfortunately|regrettably|i (?:sincerely )?apologi[sz]e|thank you for your (?:request|message|question|"
    r"understanding)|"
    r"i (?:understand|appreciate) (?:your|that|the) [^.!?\n,]{1,50})"
)
_BUT = (
    r"(?:[,.;:! —–-]{1,4}(?:but|however|unfortunately|and|that|for that|about that|"
    r"for (?:the|any) (?:inconvenience|confusion))?)"
)
_WHAT = (
    r"(?:(?:you )?(?:with |in |to |on )?(?:any of )?(?:that|this|it|such|your|these|those)(?: (?:kind|type|"
    r"sort) of)?(?: \w+)?"
    r"(?: (?:request|question|task|inquiry|query|matter|topic|action|thing|role-?play|conversation|discussion|chat|"
    r"scenario|"
    r"exercise|interaction)s?)?|such (?:a )?(?:request|requests|content|things?)|you)"
)
_DOES = (
    r"(?:assist|help|comply|fulfil+|continue|proceed|engage|participate|do|provide|answer|respond|accommodate|complete|"
    r"carry out|support|process|discuss|talk about|generate|create)"
)
_BEGINS = re.compile(
    rf"\A\W{{0,3}}(?:(?:oh|hmm|ah|okay|ok|hello|hi|"
    rf"hey)[,.! ]{{1,3}})?{_SORRY}?{_BUT}{{0,3}}[, ]{{0,3}}(?:but )?(?:that )?"
    rf"(?:i|we)(?: |(?='))(?:really |simply |just )?{_CANNOT}",
    re.IGNORECASE,
)
_ENDS = re.compile(
    rf"(?: (?:to|with|from|at this time|right now|currently|anymore|"
    rf"in))?\s?(?:be able to )?(?:to )?(?:{_DOES})?(?:ing)? ?{_WHAT}?"
    r"(?: (?:for you|at this time|at the moment|right now|today|further|here|anymore|any further|as requested|"
    r"request)){0,4}"
    r"(?:,? (?:sorry|i'm afraid|unfortunately))?\s?[.!…]*\s*\Z",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"\A\W{0,2}(?:很?抱歉|对不起|不好意思|非常抱歉)?[，,。！! ]{0,3}(?:但)?我(?:无法|不能|没办法|没有办法)"
    r"(?:为您|帮您|协助您?|满足|回答|提供|完成|处理|继续|帮助您?)?[^，,。！!]{0,12}[。！!]?\s*\Z"
)
_COURTESY = re.compile(
    r"(?:\A|(?<=[.!?]))\s*[^.!?\n]{0,40}\b(?:(?:any|some)thing else|(?:what|how) else|let me know|feel free|"
    r"happy to (?:help|"
    r"assist) with|(?:other|more|further) (?:questions|requests|help|assistance)|if you have|reach out|"
    r"thank you for (?:your )?"
    r"understanding|hope you understand|(?:sorry|apologi[sz]e) for (?:the|any|this) (?:inconvenience|confusion|"
    r"trouble))\b"
    r"[^.!?\n]{0,160}[.!?]*",
    re.IGNORECASE,
)
_OF_MODELS = re.compile(
    r"assist|help|comply|fulfil|engage|request|continue|role-?play|conversation|无法|不能", re.IGNORECASE
)
_LONGEST = 420
"""Characters of a text that may only refuse, with its courtesies; what is longer says more."""
_WHAT_ARE_YOU = re.compile(r"\b(?:bot|robot|human|machine|real person|an ai)\b|人工|机器人")


def find(prose: Prose, context: Context) -> str | None:
    """Return the place of a refusal that the talk does not call for, or None."""
    found = _identity(prose, context) or _safety(prose) or _bare(prose, context)
    if found is None or _in_policy(prose.text[slice(*found)], context.policy):
        return None
    return prose.quote(*found)


def _identity(prose: Prose, context: Context) -> tuple[int, int] | None:
    """Find what an AI cannot do; no refusal where the person asked whether it is one."""
    match = _IDENTITY.search(prose)
    return match.span() if match and not _WHAT_ARE_YOU.search(context.asked()) else None


def _safety(prose: Prose) -> tuple[int, int] | None:
    """Find a sentence that refuses for the sake of a model maker's rules."""
    match, text = _SAFETY.search(prose), prose.words
    if match is None:
        return None
    start = max(text.rfind(mark, 0, match.start()) for mark in ".!?\n") + 1
    end = min((place for mark in ".!?\n" if (place := text.find(mark, match.end())) >= 0), default=len(text))
    return match.span() if _REFUSES.search(text[start:end]) else None


def _bare(prose: Prose, context: Context) -> tuple[int, int] | None:
    """Find a text that only refuses. A person may not know something, which is no refusal."""
    text = prose.words
    if len(text) > _LONGEST or not (_BEGINS.match(text) or "我" in text):
        return None
    if context.declines or (context.role == "assistant" and _tool_refused(context)):
        return None
    rest = _COURTESY.sub("", text).strip()
    if context.role == "user" and not _OF_MODELS.search(rest):
        return None
    begins = _BEGINS.match(rest)
    only = (begins and _ENDS.match(rest, begins.end())) or _CHINESE.match(rest)
    return (0, min(len(prose.text), LONGEST_QUOTE)) if only else None


def _tool_refused(context: Context) -> bool:
    """Return whether a tool refused since the person last spoke."""
    for turn in reversed(context.earlier):
        if turn.role == "user":
            return False
        if turn.role == "tool" and turn.fault is not None:
            return True
    return False


def _in_policy(said: str, policy: str) -> bool:
    """Return whether the policy holds these words, so that it asks for them."""
    words = _words(said)
    return words.count(" ") > 2 and words in _words(policy)


@lru_cache(maxsize=64)
def _words(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.lower().replace("’", "'")))
