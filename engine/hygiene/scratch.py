"""Thinking in words, without a tag: talk about the user as a third person, about what to answer, about rules to follow.

Such a text has no clear border, so it is found and not cut. No single word tells it: an answer may say "the customer",
"let me check" or "we need to". Some phrases nobody says to the other; the rest counts only together.
"""

from __future__ import annotations

import re

from engine.hygiene.findings import Context
from engine.hygiene.phrases import Phrases, one_of
from engine.hygiene.prose import YOU, Prose

PARTY = one_of("user human customer client patient caller person requester shopper colleague")
_ASKS = (
    r"(?:(?:is|was) (?:now )?(?:asking|requesting|trying|looking|claiming|saying|frustrated|upset|angry|confirming|"
    r"greeting)|"
    r"wants|asked|asks|said|says|has (?:asked|provided|given|confirmed|requested|now|not|already|just)|provided|"
    r"provides|"
    r"gave|gives|mentioned|mentions|would like|'d like|needs|confirmed|requested|requests|wrote|seems|appears|just|"
    r"only|"
    r"hasn't|haven't|(?:did not|didn't|doesn't|does not) (?:provide|give|specify|mention|say|ask|include|state|want|"
    r"tell))"
)
_TALKS = (
    r"(?:respond|reply|answer|ask|tell|inform|apologi[sz]e|explain|thank|greet|verify|confirm|refuse|decline|help|"
    r"assist|"
    r"offer|remind|acknowledge|guide|look up|identify|authenticate|check)"
)
_MUST = r"(?:should|need to|must|have to)"
_WILL = (
    r"(?:should|need to|needs to|must|have to|'ll need to|will need to|can|could|shouldn't|'d better|will|'ll|might)"
)
_OPENING = r"(?:okay|ok|alright|all right|hmm+|so|well|right|let's see|first|now|good|great|wait|yes|ah|got it)"
_OPENED = rf"\A\W{{0,4}}{_OPENING}[,.:;!…\- ]+(?:so[, ]+|but[, ]+|now[, ]+)?"
_FROM_START = r"(?:\A|[.!?\n] {0,2})"
_NO_YOU = r"(?![^.!?\n]{0,160}\byou)"
_PERSONS = "user human customer client patient caller person requester shopper colleague"

_NEVER_SAID = Phrases(
    (_PERSONS, rf"{_OPENED}(?:the|this) {PARTY}(?:'s)? (?:name is|{_ASKS})"),
    ("user human", rf"{_OPENED}(?:the|this) (?:user|human)(?:'s| is| has)\b"),
    ("human", rf"\bthe human {_ASKS}\b"),
    (
        _PERSONS,
        rf"\bi {_MUST} (?:\w+ ){{0,2}}?(?:explain|tell|inform|ask|apologi[sz]e|respond|reply|offer|remind|let|"
        rf"clarify|verify|"
        rf"confirm) (?:\w+ ){{0,4}}?(?:to |for |with |from )?the {PARTY}\b"
        r"(?! (?:manager|service|desk|department|number|id|name|list))",
    ),
    (
        "user human",
        rf"\b(?:(?:i|we) ?{_WILL}|let me|let's|time to|now to|ready to) (?:\w+ ){{0,2}}?{_TALKS} (?:back )?(?:to |"
        rf"for |with )?(?:the|this|"
        rf"that) "
        r"(?:user|human)\b",
    ),
    (
        "user human customer",
        rf"^\W{{0,3}}(?:\d{{1,2}}[.)]|[-*•])[ \t](?:first,? )?{_TALKS}(?: to| for)? the (?:user|human|customer)\b",
    ),
    ("identity", rf"\b(?:i|we) {_MUST} (?:first )?(?:verify|check|confirm) (?:the )?identity\b"),
    (
        "read reread analyze analyse parse understand break consider interpret process",
        r"\b(?:let me|let's|i should|i need to|we need to|first,?) (?:first )?(?:re-?read|analy[sz]e|parse|understand|"
        r"break down|consider|interpret|process) (?:the|this|their) (?:[\w']+ )?(?:request|question|message|query|"
        r"prompt|"
        r"conversation|input|situation)\b",
    ),
    (
        "short brief concise polite friendly natural simple clear professional helpful",
        rf"\b(?:i|we) {_MUST} (?:keep|make) (?:it|this|my|the) ?(?:response|answer|reply|message)? ?(?:as )?"
        r"(?:short|brief|concise|polite|friendly|natural|simple|clear|professional|helpful)\b",
    ),
    ("note", r"\bnote to self\b"),
    (
        "instructions prompt",
        r"\b(?:let me|i should|i need to|i must) (?:double[- ]?check|check|re-?read|review|recall|follow) (?:the|my) "
        rf"(?:instructions|system prompt|prompt)\b{_NO_YOU}",
    ),
    (
        "kindly politely gently clearly briefly nicely",
        rf"\bi {_MUST} (?:say|phrase|put|word|explain) (?:that|this|it) (?:kindly|politely|gently|clearly|briefly|"
        rf"nicely)\b",
    ),
    ("refuse comply", rf"\bi {_MUST} (?:politely )?(?:refuse|comply)\b(?! (?:this|that|your|it|the|with))"),
    (
        "produce output craft comply generate formulate answer respond",
        r"\b(?:we|i) (?:need to|should|must) (?:now |just |simply )?(?:produce|output|craft|comply|generate a|"
        r"formulate|"
        r"answer (?:in|with|as|politely|concisely|briefly)|respond (?:in|with|as|to|politely|concisely|briefly)|"
        r"respond[.:])",
    ),
    (
        "respond answer reply call decide determine figure parse",
        rf"{_FROM_START}we {_MUST} (?:respond|answer|reply|call|decide|determine|figure out|parse)\b{_NO_YOU}",
    ),
    (
        "response answer",
        r"\b(?:let me|let's|i'll|i will|i should|i need to|time to|now to|i can now|need to) (?:now )?"
        r"(?:craft|formulate|compose|draft|write|phrase|construct|prepare|give) (?:out )?(?:a|an|the|my|"
        r"this) (?:\w+ ){0,2}?"
        r"(?:response|answer)\b(?! (?:to|for) (?:the )?(?:supplier|them|him|her|you|this e?-?mail)|"
        r"[^.!?\n]{0,60}\byou)",
    ),
    (
        "think reason analyze analyse",
        r"\blet(?: me|'s|s) (?:think (?:step|this through|through)|reason through|"
        r"analy[sz]e (?:the|this) (?:request|user|query|situation|message))",
    ),
    ("step", r"\b(?:think|thinking|reason|reasoning) step[- ]by[- ]step\b(?! with you)"),
    (
        "response reply answer",
        r"^\W{0,4}(?:draft|possible|candidate|final|my|user's|assistant's) (?:response|reply|answer)\W{0,3}:"
        r"|\b(?:the|my) (?:final )?(?:response|answer|reply) (?:should|must|needs to) (?:be|include|mention|state|"
        r"contain|not|"
        r"sound|follow)\b",
    ),
    (
        "something",
        r"\b(?:i|we)(?:'ll| will| should| need to| must| can| have to)? (?:now |first |also )?(?:say|answer|respond|"
        r"reply|write)"
        r" something (?:like|along)\b",
    ),
    (
        "character",
        r"\b(?:stay|staying|remain|keep|be|speak|respond|act|acting|break|breaking) (?:\w+ )?(?:in|"
        r"out of) (?:my )?character\b",
    ),
    (
        "simulated virtual fictional role roleplay roleplaying part",
        rf"\b(?:as|since|because) (?:i am |i'm )?(?:the |a |an )?(?:simulated|virtual|fictional|"
        rf"role-?play\w*) {PARTY}\b"
        r"|\b(?:role|part) of (?:the|a) (?:user|customer|patient|caller|client)\b",
    ),
    (
        "supposed meant instructed pretending playing roleplaying simulating",
        r"\bi(?:'m| am) (?:supposed|meant|instructed|pretending|role-?playing|playing|simulating)"
        r" (?:to (?:be|play|act|pretend|simulate|role-?play|respond|only)|as|the (?:role|part)|"
        r"an? (?:user|customer|patient|role))\b",
    ),
    (
        "用户 客户 顾客",
        r"用户(?:想|要求|询问|问|说|需要|提供|希望|提到|似乎)[^。]{0,80}(?:我需要|我应该|我得|我要|让我|我先|根据政策|根据规则|调用)"
        r"|\A\W{0,3}(?:好的|嗯|首先|那么)[，,。\s]{0,2}(?:这个|该|这位)?(?:用户|客户|顾客)",
    ),
    (
        "nutzer benutzer kunde utilisateur usuario usuário utente",
        r"\A\W{0,3}(?:okay|ok|also|gut|nun|bien|vale|bueno|alors|bon|hmm)?[, ]{0,2}(?:der (?:nutzer|benutzer|kunde)|"
        r"l'utilisateur|el usuario|o usuário|l'utente) "
        r"(?:möchte|will|fragt|hat|veut|demande|souhaite|quiere|pide|pregunta|quer|pede|vuole|chiede)",
    ),
    (
        "thought thoughts thinking reasoning monologue scratchpad scratch 思考 推理",
        r"\A\W{0,6}(?:(?:my |internal |inner |hidden )?(?:thoughts?|thinking|thought process|thinking process|"
        r"reasoning(?: process| steps)?|monologue)|chain[- ]of[- ]thought|scratch ?pad|思考(?:过程)?|"
        r"推理(?:过程)?)\W{0,4}[:：\n]",
    ),
)
"""What nobody says to the other: one such phrase is enough."""
_THE_USER = Phrases(
    (
        "user human",
        rf"\b(?:the|this) (?:user|human)(?:'s (?:request|question|query|issue|concern|intent|input)| {_ASKS})\b",
    ),
    ("user", rf"{_FROM_START}user (?:{_ASKS}|greets|asks)\b"),
)
_USER_IS = Phrases(("user", r"\b(?:the|this) user(?:'s| is| has| was)\b"))
_THE_CUSTOMER = Phrases(
    (
        _PERSONS,
        r"\b(?:the|this) (?:customer|client|patient|caller|person|shopper|colleague)"
        rf"(?:'s (?:request|identity|question|message)| {_ASKS})\b",
    ),
    (
        "they",
        r"(?:\A|[.!?\n]\s{0,3})(?:so |okay,? |now )?they(?:'re asking|'ve| are asking|'d like| want| asked| provided|"
        r" gave|"
        r" didn't| have not| haven't| mentioned)\b",
    ),
)
_MUST_DO = Phrases(
    (
        "should must better need have",
        r"\bi(?: should| must|'d better| had better| need to| have to)\b(?! (?:know|have told|add|mention|say|admit))",
    ),
)
_NOTES = Phrases(
    (
        "need must should have",
        rf"{_FROM_START}(?:need to|must|should|have to|need) (?:not )?(?:now |first )?(?:verify|ask|check|respond|"
        rf"answer|reply|"
        r"call|use|follow|refuse|decline|keep|provide|apologi[sz]e|be (?:brief|polite|concise|"
        r"careful))\b[^.!?\n]{0,120}[.\n]",
    ),
    (
        "politely briefly concisely directly",
        rf"{_FROM_START}(?:so |then |now )?(?:refuse|decline|respond|answer|reply|ask|explain|apologi[sz]e)"
        r" (?:politely|briefly|concisely|directly)\b[^.!?\n]{0,80}[.\n]",
    ),
    (
        "wait",
        r"\b(?:but |oh )?wait[,.…—-]+ ?(?:maybe|perhaps|no\b|actually|is there|but\b|the user|i (?:should|need|think|"
        r"must))",
    ),
)
"""Notes for oneself: sentences without a subject ("Need to verify. Refuse politely."), and second thoughts."""
_MULLS = Phrases(
    (
        "should need must have can could will ll",
        r"(?:\A|[.!?\n]\s{0,3})(?:so |but |maybe |perhaps |then |first,? |now |next,? |therefore,? |thus,? )?"
        rf"(?:i|we) ?(?:should|need to|must|have to|can|could|will|'ll)\b{_NO_YOU}",
    ),
    (
        "hmm wait let",
        r"(?:\A|[.!?\n]\s{0,3})(?:hmm|wait|but wait|actually, wait|let me (?:check|see|look|verify|think|recall)|"
        rf"let's (?:check|see|look|verify))\b{_NO_YOU}",
    ),
)
_RULES = Phrases(
    (
        "policy instructions rules guidelines prompt",
        r"\b(?:according to|per|as per|following|check|based on) (?:the )?(?:policy|instructions|rules|guidelines|"
        r"system prompt)\b"
        r"|\bthe (?:policy|instructions|rules|guidelines|system prompt|prompt) (?:say|state|require|tell|allow|"
        r"mention|don't|"
        rf"doesn't|only)|{_FROM_START}policy(?: says?| states?| requires?|:)|\b(?:look at|consult|review|"
        rf"apply) the policy\b",
    ),
    (
        "tool tools function just",
        r"\bno tools? (?:call )?(?:is |are )?needed\b|\b(?:function|tool) call\b|\bcall the \w+ (?:tool|function)|"
        r"\b(?:need|have|use) (?:the|a) tool\b|\bjust answer\b",
    ),
)
_OPENS = re.compile(rf"\A\W{{0,4}}{_OPENING}\b[,.:;!…]", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n]{1,400}[.!?\n]*")
_CALLS = (
    r"\b(?:need to|should|must|have to|let me|let's|i'll|i will|i can|going to|first,?) (?:first |now )?"
    r"(?:call|use|invoke|run|query|try) (?:the )?\W?(?:functions\.)?"
)


def find(prose: Prose, context: Context) -> str | None:
    """Return the place where a text thinks aloud, or None. A judge may: only its verdict is read."""
    if context.role == "judge":
        return None
    found = _NEVER_SAID.search(prose) or _names_a_tool(prose, context)
    if found is None and context.role == "assistant":
        found = _of_third_person(prose)
    return found and prose.quote(*found.span())


def _of_third_person(prose: Prose) -> re.Match[str] | None:
    """Find talk about the person, together with a second sign; of customers and the like only in sentences that speak
    to nobody, since an answer may well be about a customer."""
    third = _THE_USER.search(prose)
    if third and (any(sign.search(prose) for sign in (_MULLS, _RULES, _NOTES)) or _OPENS.match(prose.words)):
        return third
    user_is = _USER_IS.search(prose)
    if user_is and _RULES.search(prose) and _MUST_DO.search(prose):
        return user_is
    if not (third or _THE_CUSTOMER.search(prose) or _NOTES.search(prose)):
        return None
    alone = _unaddressed(prose.words) if prose.addresses else prose.words
    if notes := _NOTES.search(prose, alone):
        return _NOTES.search(prose) or notes
    about = _THE_CUSTOMER.search(prose, alone)
    mulls = _MULLS.search(prose, alone) and (_RULES.search(prose, alone) or _OPENS.match(alone))
    if about and (mulls or _MUST_DO.search(prose, alone)):
        return _THE_CUSTOMER.search(prose) or about
    return None


def _unaddressed(text: str) -> str:
    """Return the sentences of a text that speak to nobody."""
    return "".join(one for one in _SENTENCE.findall(text) if not YOU.search(one))


def _names_a_tool(prose: Prose, context: Context) -> re.Match[str] | None:
    """Find "I need to call get_order", in a text that says nothing to the person."""
    if prose.addresses:
        return None
    named = [tool for tool in context.tools if tool and tool in prose.words]
    return re.search(f"{_CALLS}(?:{'|'.join(map(re.escape, named))})", prose.words, re.IGNORECASE) if named else None
