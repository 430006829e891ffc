"""A speaker that also speaks for the other: "User: ... Assistant: ...", a role header at the end, a user that helps."""

from __future__ import annotations

import re

from engine.hygiene.findings import Context
from engine.hygiene.phrases import Phrases, one_of
from engine.hygiene.prose import MARKS, Prose

_USER = r"user|human|customer|client|caller|patient|shopper|person|simulated user|用户|顾客|客户|人类"
_ASSISTANT = (
    r"assistant|ai|bot|chatbot|agent|model|support(?: agent| assistant)?|ai assistant|ai model|"
    r"customer (?:service|support)(?: agent)?|representative|operator|gpt|chatgpt|claude|助手|客服|机器人"
)
_NAMED = frozenset(
    """user human customer client caller patient shopper person assistant ai bot chatbot agent model support
    representative operator gpt chatgpt claude inst instruction you""".split()  # noqa: SIM905
)
_BOLD = r"(?:\*{1,3}|_{1,2})?"
_MARKS = rf"[ \t]{{0,3}}(?:-{{2,3}}[ \t])?(?:\#{{1,6}}[ \t]?)?(?:[-*•>][ \t]){{0,2}}{_BOLD}[\[(<\"]?"
_NUMBER = r"(?:turn )?\d{0,2}[.:) ]{0,2}"
_ASIDE = r"(?:'s)?(?: (?:reply|response|message|turn|input|query))?(?:[ \t]?\([\w ,']{1,30}\))?"
_SAYS = rf"[\])>\"]?{_BOLD}[ \t]?(?:[:：]|->|=>|(?:says|replies|asks|responds):){_BOLD}"
_HEADER = re.compile(
    rf"^{_MARKS}{_NUMBER}(?:the )?(?P<role>{_USER}|{_ASSISTANT}){_ASIDE}{_SAYS}[ \t]*(?P<said>[^\n]{{0,300}})",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE = re.compile(
    rf"(?<=[.!?…\"”)])[ \t]{{1,3}}(?P<role>{_USER}|{_ASSISTANT}):[ \t]{{0,3}}(?P<said>[A-Z\"'][^\n]{{3,300}})",
    re.IGNORECASE,
)
_HEADING = re.compile(
    rf"^[ \t]{{0,3}}(?:\#{{1,6}}[ \t]?|\*\*|<\|?/?|\[)(?P<role>{_USER}|{_ASSISTANT}|instruction|response)"
    r"(?:\*\*|\|?>|\])?:?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_YOU_AND_ME = re.compile(
    r"^\W{0,4}(?:you:[^\n]{2,300}\n+\W{0,4}(?:me|i):|me:[^\n]{2,300}\n+\W{0,4}you:)", re.IGNORECASE | re.MULTILINE
)
_TAGGED = re.compile(
    rf"<(?P<role>{_USER}|{_ASSISTANT})(?:_message|_turn|_response|_query)?>(?P<said>[^<]{{1,300}})</(?P=role)",
    re.IGNORECASE,
)
_JSON = re.compile(
    r"[\"'](?:role|from|speaker)[\"']\s{0,3}:\s{0,3}[\"'](?P<role>user|human|assistant|gpt|customer|agent|system)[\"']",
    re.IGNORECASE,
)
_TOKENS = re.compile(
    r"(?:<\|im_start\|>|<\|start\|>|<start_of_turn>|<\|turn>|<\|start_header_id\|>|<\|role_start\|>|"
    r"<\|header_start\|>)\s{0,2}"
    r"(?P<role>user|human|system|assistant|model)\b"
    r"|<[|｜](?:start_of_)?(?P<role2>user|human|system|assistant|User|Assistant|USER_TOKEN|CHATBOT_TOKEN)(?:_start)?[|"
    r"｜]>"
    r"|(?P<role3>\[INST\])|^\#{2,3} ?(?P<role4>Instruction|Human|User):[ \t]*$",
    re.MULTILINE,
)
_FIRST = one_of(
    r"""i\b i' im\b my\b can\b could\b would\b hi\b hello\b hey\b yes\b no\b ok okay\b sure\b thanks?\b thx\b
    please\b what\b how\b when\b where\b which\b who\b why\b is\b are\b do\b does\b did\b let\b great\b good\b
    perfect\b sorry\b wait\b and\b but\b it\b that\b the\b you\b your\b we\b there\b of\scourse\b certainly\b
    absolutely\b unfortunately\b alright\b hmm also\b actually\b this\b then\b so\b cancel\b book\b check\b
    show\b tell\b give\b send\b got\b need\b want\b here\b not\b never\b oh\b one\b well\b welcome\b after\b
    before\b if\b just\b done\b"""
)
SPOKEN = re.compile(
    rf"\A[\"'“*_ ]{{0,3}}(?:{_FIRST}|[\u4e00-\u9fff][^\n]{{0,40}}[的了吗呢吧您我你请谢好是])", re.IGNORECASE
)
"""How a message begins, and the value of a field does not ("Customer: Lavender Court")."""
SPEAKERS = frozenset(("user", "human", "assistant", "ai", "bot", "chatbot"))
"""Roles that at the start of a text stand before a message; others are names of fields as well."""
_FIELD = re.compile(r"[ \t>*_•-]{0,6}[^\W\d_][^:\n]{0,30}[:：](?!//)")
"""A line that begins with the name of a field, or of a speaker."""
_SHOWN = (
    r"transcript|dialog|conversation|\bchat (?:log|history)|excerpt|\bscript|interview|role-?play|minutes|对话|记录"
)
_WANTED = re.compile(_SHOWN)
_ANNOUNCED = re.compile(
    rf"(?:{_SHOWN}|\bchat\b|\blog\b|\bnotes?\b|example|sample|recording|\bquote|\bthread|survey|ticket|review|exchange|"
    r"\bfaq\b)[^\n]{0,80}[:：][*_ ]{0,3}$",
    re.IGNORECASE | re.MULTILINE,
)
_DONE = one_of(
    """cancelled canceled processed updated booked rescheduled refunded changed moved issued approved sent
    shipped confirmed placed located verified applied initiated"""
)
_HELPS = Phrases(
    (
        "help assist service assistance",
        r"\bhow (?:can|may|could) i (?:help|assist|be of (?:help|service|assistance)) ?(?:you|to you)?"
        r"(?: (?:today|further|with that))?\s?[?!.]"
        r"|\bi(?:'d| would| will|'ll|'m| am)? ?(?:be )?(?:happy|glad|more than happy|here) to (?:help|"
        r"assist)(?: you)?\b"
        r"(?! (?:my|him|her|them|out))"
        r"|\bi can (?:certainly |definitely |absolutely )?(?:help|assist) you\b",
    ),
    (
        "else",
        r"\bis there anything else (?:(?:that )?i can|you(?:'d| would) like (?:me )?|you need (?:help|assistance))"
        r"|\b(?:anything|something) else i can (?:help|assist|do for) you?\b",
    ),
    (
        "thank thanks",
        r"\bthank(?:s| you) for (?:contacting|reaching out to|calling|choosing|shopping with)\b"
        r"|\bthank(?:s| you) for (?:providing|confirming|verifying|sharing) (?:your|that information|those details)\b",
    ),
    (
        "order birth postcode code name number id address",
        r"\b(?:could|can|would|may) (?:you|i) (?:please |kindly )?(?:provide|share|confirm|verify|give|tell|"
        r"have)(?: me)?"
        r"(?: with)? your (?:\w+ ){0,2}(?:order number|date of birth|(?:billing )?(?:post|zip) ?code|full name|"
        r"member number|"
        r"customer id|account number|invoice number|member id|employee id|e-?mail address and)\b",
    ),
    (
        "your",
        r"(?:\A|[.!]\s)i(?:'ve| have)? (?:now |just |successfully |gone ahead and )?(?:looked up|"
        rf"{_DONE}) your\b|(?:\A|[.!]\s)your (?:\w+ ){{1,3}}(?:has|have) been (?:successfully )?{_DONE}\b"
        r"|\b(?:i'll|i will) need your\b",
    ),
    (
        "your for",
        r"\b(?:let me|i'll|i will) (?:quickly |just )?(?:look up|look into|pull up|check|verify|find|see|"
        r"take care of|handle|"
        r"process|cancel|book|arrange) (?:your\b|(?:\w+ ){1,4}for you\b)|\bfor you(?:r convenience)? (?:right away|"
        r"now)[.!]",
    ),
    ("moment", r"\bone moment,? (?:please )?while i\b"),
    (
        "proceed started assist",
        r"\bto (?:proceed|get started|assist you)[^.!?\n]{0,30}\b(?:i'll|i will|please|could you)\b",
    ),
    ("您好 你好 服务", r"(?:您好|你好)[，,！!]?(?:请问)?有什么(?:可以|能)(?:帮|为)|很高兴为您服务"),
)


def find(prose: Prose, context: Context) -> str | None:
    """Return the place where a text speaks for another side, or None. A judge may quote the dialogue."""
    if context.role == "judge":
        return None
    found: tuple[int, int] | None = None
    if _may_have_headers(prose):
        found = _headed(prose, context)
    if found is None and context.role == "user":
        helps = _HELPS.search(prose)
        found = helps.span() if helps else None
    return found and prose.quote(*found)


def _may_have_headers(prose: Prose) -> bool:
    text = prose.plain
    if not any(mark in text for mark in (":", "：", "<", "[", "#", "**", "=>", "->")):
        return False
    return not text.isascii() or not _NAMED.isdisjoint(prose.lowered.translate(MARKS).split())


def _headed(prose: Prose, context: Context) -> tuple[int, int] | None:
    text = prose.plain
    for pattern in (_TOKENS, _JSON, _TAGGED):
        for match in pattern.finditer(text):
            if _foreign(_role(match), context) and not context.returned(match[0]):
                return match.span()
    heads = [*_HEADER.finditer(text), *_INLINE.finditer(text)]
    several = len({_role(match) for match in heads}) > 1
    for match in heads:
        if _foreign(_role(match), context) and _is_line(match, text, several) and not _is_quoted(match, text, context):
            return match.span()
    if "ou:" in text and "e:" in text and (both := _YOU_AND_ME.search(text)) and not _is_quoted(both, text, context):
        return both.span()
    for match in _HEADING.finditer(text):
        if _foreign(_role(match), context) and _is_turn(match, text) and not _is_quoted(match, text, context):
            return match.span()
    return None


def _role(match: re.Match[str]) -> str:
    return next(value for name, value in match.groupdict().items() if name.startswith("role") and value).lower()


def _foreign(role: str, context: Context) -> bool:
    """Return whether a header names another speaker than the one who speaks."""
    is_assistant = re.fullmatch(_ASSISTANT + r"|response|chatbot_token|model", role) is not None
    return is_assistant if context.role == "user" else not is_assistant


def _is_line(match: re.Match[str], text: str, several: bool) -> bool:
    """Return whether a header is a turn of a talk and no field of a record ("Customer: Lavender Court"); `several`:
    more than one role has a header."""
    said = match["said"].strip()
    if not said:
        return not text[match.end() :].strip() and not _fields_before(text, match.start())
    if SPOKEN.match(said):
        return True
    return is_sentence(said) and (several or _ends_the_talk(match, text))


def _ends_the_talk(match: re.Match[str], text: str) -> bool:
    """Return whether a header is that of a speaker on the last line, below words that are neither a field nor announce
    one."""
    before = text[: match.start()].rstrip().rpartition("\n")[2]
    alone = match["role"].lower() in SPEAKERS and not text[match.end() :].strip() and match.re is _HEADER
    return alone and bool(before) and not before.endswith((":", "：")) and _FIELD.match(before) is None


def is_sentence(line: str) -> bool:
    """Return whether a line ends like a sentence and has at least three words, as few values of fields do."""
    return line[-1:] in (".", "!", "?") and len(line.split()) > 2


def _fields_before(text: str, start: int) -> bool:
    """Return whether the line before a place is a field without a value, as in a form to fill in."""
    return text[:start].rstrip()[-1:] == ":"


def _is_turn(match: re.Match[str], text: str) -> bool:
    """Return whether a heading that is only a role stands before a message, or at the end."""
    rest = text[match.end() :].lstrip()
    return not rest or SPOKEN.match(rest) is not None


def _is_quoted(match: re.Match[str], text: str, context: Context) -> bool:
    """Return whether a talk is shown: asked for, announced by a line, in a block of quotes, or read from a file."""
    start, end = text.rfind("\n", 0, match.start() + 1) + 1, text.find("\n", match.end())
    if text.startswith(">", start):
        before = text.rfind("\n", 0, max(0, start - 1)) + 1
        if text.startswith(">", before if start else -1) or (end >= 0 and text.startswith(">", end + 1)):
            return True
    if _WANTED.search(context.asked()) or context.returned(match[0].strip()):
        return True
    announced = _ANNOUNCED.search(text)
    return announced is not None and announced.end() <= match.start()
