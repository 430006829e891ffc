"""A simulated person that speaks of its part: its persona, its prompt, what it may tell and when, the assistant."""

from __future__ import annotations

import re

from engine.hygiene.findings import Context
from engine.hygiene.phrases import Phrases
from engine.hygiene.prose import Prose
from engine.hygiene.scratch import PARTY

_ASSISTANT = r"\bthe (?:assistant|agent|bot|chatbot|ai)\b(?! (?:manager|director|store|coach|professor|buyer)\b)"
_ASSISTANTS = "assistant agent bot chatbot ai"
_DONE = r"(?:asked|confirmed|answered|told|provided|verified|completed|resolved|done)"
_SAID = Phrases(
    (
        "persona character scenario role roleplay simulation goal request instruction instructions prompt profile",
        r"\b(?:my|this|the) (?:persona|character|scenario|role-?play|simulation|hidden goal|next request|"
        r"instructions?|prompt)"
        r"(?:'s)? (?:is|says?|states?|wants|requires|describes?|asks?|tells?|doesn't|gives?|would|here|allows?)\b"
        r"|\b(?:according to|based on|per|given) (?:my|the) (?:persona|prompt|scenario|goal|instructions?|character|"
        r"profile|"
        r"role|system prompt)\b"
        r"|\b(?:this (?:role-?play|simulation|scenario|persona)|the (?:role-?play|persona)|my persona|system prompt)\b"
        r"|\bthe goal (?:is to|here is|says|states)\b",
    ),
    ("simulator simulated", r"\b(?:user simulator|simulated user)\b"),
    (
        "until unless when",
        r"\bi (?:should|must|shouldn't|should not|must not|can't|won't|will not|need to|am not (?:allowed|"
        r"supposed) to|will|"
        r"have to) (?:not |only |just )?(?:reveal|disclose|withhold|hold back|mention|volunteer|give away|give|"
        r"provide|say|tell|"
        r"share|make)\b[^.\n]{0,60}\b(?:until|unless|only (?:if|when)|when) (?:i(?:'m| am) )?(?:it'?s? )?"
        r"(?:asked|prompted|the (?:assistant|agent))",
    ),
    ("asked", r"\b(?:until|unless|only (?:if|when)) (?:i(?:'m| am) )?asked\b"),
    (
        "hidden secret private",
        r"\b(?:my|the) (?:hidden|secret|private) (?:info|information|details?|part|values?|goal|facts?)\b",
    ),
    ("character", r"\bin character\b"),
    (
        "play",
        r"\bplay along\b|\bplay the (?:part|role)\b|\bplay an? \w+ (?:customer|user|person|patient|guy|woman|man)\b",
    ),
    (
        "playing roleplaying acting impersonating simulating",
        r"\bi(?:'m| am) (?:playing|role-?playing|acting as|impersonating|simulating)\b(?! (?:the )?(?:piano|guitar|"
        r"violin|chess|"
        r"tennis|football|soccer|golf|cards|games?|music|sports?|in|at|with|on|for|it)\b)",
    ),
    ("next_request same_request gave_up", r"\b(?:next_request|same_request|gave_up)\b"),
    (
        "mention reveal bring disclose volunteer",
        r"\b(?:won't|will not|shouldn't|should not|not going to|must not|mustn't) (?:mention|reveal|bring up|disclose|"
        r"volunteer)\b",
    ),
    (
        "act behave sound talk speak write type respond reply",
        r"\b(?:should|need to|must|have to|going to|i'll|will) (?:act|behave|sound|talk|speak|write|type|respond|"
        r"reply) "
        r"(?:like (?:a|an|the|my|someone)|natural|casual|frustrated|impatient|human|in an? \w+ (?:way|tone|manner|"
        r"style)|"
        r"as (?:the|a|my) (?:user|persona|character|customer would))",
    ),
    ("pretend pretending", r"\bpretend(?:ing)? (?:to be|that i(?:'m| am))\b"),
    (
        "as",
        rf"\bas (?:an?|the) (?:\w+ ){{0,2}}{PARTY}, i (?:should|need to|must|'ll|will|have to)\b"
        r"|\bas the (?:user|customer|patient|caller|client), i (?:would|want|have)\b",
    ),
    (
        "here",
        r"\A\W{0,3}(?:sure[,!]? )?here(?:'s| is) (?:my|the|a|what i(?:'d| would)?) (?:\w+ ){0,2}(?:message|response|"
        r"reply|say)\b"
        r"[^\n]{0,40}[:：]",
    ),
    ("think", r"\blet me think about (?:how|what) (?:to|i should) (?:respond|phrase|say|answer|reply|word)"),
    (
        _ASSISTANTS,
        rf"{_ASSISTANT} (?:is asking|asks|has (?:now |already )?{_DONE}|wants|needs|verified|confirmed|"
        r"asked (?:for|me|about|whether|which|what|if)|just asked)\b[^.!?\n]{0,120}[.!?,;]? ?(?:so )?"
        r"(?:i|we) (?:should|need to|must|have to|will now|can now|now (?:need|have))\b",
    ),
    (
        _ASSISTANTS,
        r"\b(?:i|we) (?:should|need to|must|have to|will|can|'ll) (?:now |just |also )?(?:answer|tell|give|ask|"
        r"respond|reply|"
        rf"confirm|provide|thank|remind)(?: to| with)? {_ASSISTANT}",
    ),
    (
        _ASSISTANTS,
        rf"\A\W{{0,4}}(?:okay|ok|alright|so|hmm+|good|great|now|right)?[,. ]{{0,3}}{_ASSISTANT} (?:is asking|asks|"
        rf"wants|needs|"
        rf"asked|just|didn't|did not|hasn't|has not|confirmed|answered|provided|resolved|has (?:now |"
        rf"already )?{_DONE})\b",
    ),
    (
        "first second third next last final other",
        r"\bi(?: can| should| will|'ll| need to| must) (?:now |then )?(?:make|ask|state|move on to|bring up|present|"
        r"do) my "
        r"(?:first|second|third|next|last|final|other) (?:request|question|issue|task)\b"
        r"|\bmy (?:first|next|second|last|final|third) (?:request|message|question|task) (?:is|should|was|will)\b"
        r"[^.\n]{0,80}\b(?:assistant|agent|ask|about|make)",
    ),
    (
        "request",
        r"\b(?:i|we) (?:should|need to|must) (?:now )?(?:make|move on to|state|start with|begin with|go to) (?:my|"
        r"the|this) "
        r"(?:first|next|second|last) request\b",
    ),
)


def find(prose: Prose, context: Context) -> str | None:
    """Return the place where a simulated person speaks of its part, or None."""
    if context.role != "user":
        return None
    found: re.Match[str] | None = _SAID.search(prose)
    return found and prose.quote(*found.span())
