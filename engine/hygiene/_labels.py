"""Thoughts behind labels: "Thought: ... Final Answer: ...", "Here is my thought process: ...", <answer>, JSON keys."""

from __future__ import annotations

import json
import re

_MARKS = r"[ \t]{0,3}(?:\#{1,6}[ \t]{0,3}|>[ \t]{0,3})?(?:\*{1,3}|_{1,2})?[\[(]?"
_END = r"[\])]?(?:\*{1,3}|_{1,2})?[ \t]{0,2}"
_THINKING = (
    r"(?:(?:my |the |internal |inner |hidden |private )?(?:thoughts?|thinking|thought process|thinking process|"
    r"reasoning|reasoning process|reasoning steps|chain[- ]of[- ]thought|monologue|scratch ?pad)"
    r"|here (?:is|are) my (?:thought process|thoughts|reasoning(?: steps| process)?|thinking(?: process)?)"
    r"|思考过程|思考|推理过程|推理)"
)
_ANSWERING = (
    r"(?:(?:my |the )?final (?:answer|response|reply|output|message)|(?:my |the )?(?:answer|response|reply)"
    r"(?: to (?:the )?(?:user|customer|person))?|here is my (?:final )?(?:response|answer|reply)"
    r"|最终(?:答案|回答|回复|答复)|回答|回复|答复)"
)
_COLON = r"(?:[:：](?:\*{1,3}|_{1,2})?|(?:\*{1,3}|_{1,2})?[:：])"
_LABEL = re.compile(rf"\s*{_MARKS}{_THINKING}(?:{_COLON}{_END}|{_END}{_COLON}|{_END}\n)[ \t]*", re.IGNORECASE)
_ANSWER = re.compile(
    rf"^{_MARKS}{_ANSWERING}(?:{_COLON}{_END}|{_END}{_COLON}|{_END}$)[ \t]*", re.IGNORECASE | re.MULTILINE
)
_FINAL = re.compile(rf"\s*{_MARKS}final (?:answer|response|reply){_END}{_COLON}{_END}[ \t]*", re.IGNORECASE)
_ACTS = re.compile(r"^[ \t*_>]*(?:action(?: input)?|observation)[ \t*_]*[:：]", re.IGNORECASE | re.MULTILINE)
_ASIDE = re.compile(
    r"(?:^|(?<=[.!?。！？\n])[ \t]?|(?<=[.!?]\s))"
    r"(?P<open>[\[(（{]|\*{1,2}\(?)[ \t]?"
    r"(?:internal(?:ly)?(?: (?:note|thoughts?|monologue|reasoning))?|inner (?:thoughts?|monologue)|thinking|"
    r"thoughts?|thinks|"
    r"reasoning|my (?:thoughts?|reasoning)|思考|心想|内心)[ \t]?[:：][ \t]?"
    r"(?P<thought>[^\[\](){}（）*\n]{1,1500})(?P<close>\)?\*{1,2}|[\])）}])",
    re.IGNORECASE,
)
_CLOSES = {"[": "]", "(": ")", "（": "）", "{": "}", "*": "*", "**": "**", "*(": ")*", "**(": ")**"}
_WRAPPED = (
    (re.compile(r"<(answer|final[_ ]?answer)>", re.I), re.compile(r"</(?:answer|final[_ ]?answer)>", re.I)),
    (
        re.compile(r"<\|?(?:begin_of_solution|START_RESPONSE)\|?>"),
        re.compile(r"<\|?(?:end_of_solution|END_RESPONSE)\|?>"),
    ),
    (re.compile(r"\[BEGIN FINAL RESPONSE\]"), re.compile(r"\[END FINAL RESPONSE\]")),
    (re.compile(r"<\|begin_of_box\|>"), re.compile(r"<\|end_of_box\|>")),
)
_WRAPPED_AFTER = re.compile(
    r"\A\s*<(?P<name>output|response|reply|result|final|final_response|message|conclusion|summary|content)>"
    r"(?P<said>.*?)(?:</(?P=name)>\s*)?\Z",
    re.DOTALL | re.IGNORECASE,
)
_THOUGHT_KEYS = frozenset(
    """thought thoughts thinking reasoning reasoning_content analysis scratchpad chain_of_thought internal_thought
    internal_thoughts inner_monologue rationale""".split()  # noqa: SIM905
)
_ANSWER_KEYS = frozenset(
    """answer final_answer response reply message content text output final final_response""".split()  # noqa: SIM905
)


def cut_labels(text: str, *, thought: bool = False) -> tuple[str, list[str]] | None:
    """Return (the answer, the thoughts before it), or None. `thought`: a thought was cut from the text before, so that
    a label or wrapper of the answer alone is a leftover of it.

    A chain of Action and Observation lines is left whole: what it observed was not observed, and must be found.
    """
    label = _LABEL.match(text)
    if label and not _ACTS.search(text):
        answer = _ANSWER.search(text, label.end())
        if answer and text[answer.end() :].strip():
            return text[answer.end() :].strip(), [text[label.end() : answer.start()]]
    final = _FINAL.match(text) or (_ANSWER.match(text) if thought else None)
    if final and text[final.end() :].strip():
        return text[final.end() :].strip(), []
    return None


def cut_asides(text: str) -> tuple[str, list[str]] | None:
    """Return (the text without "(thinking: ...)" and its like, the thoughts), or None."""
    thoughts = list[str]()

    def take(match: re.Match[str]) -> str:
        if _CLOSES.get(match["open"]) != match["close"]:
            return match[0]
        thoughts.append(match["thought"])
        return " "

    rest = _ASIDE.sub(take, text)
    return (rest.strip(), thoughts) if thoughts else None


def cut_wrapper(text: str, *, thought: bool = False) -> tuple[str, list[str]] | None:
    """Return (what an answer's wrapper holds, what stands before it as thoughts), or None."""
    for opens, closes in _WRAPPED:
        start = opens.search(text)
        if start is None:
            continue
        end = closes.search(text, start.end())
        before, after = text[: start.start()], text[end.end() :] if end else ""
        if after.strip() or "</" in before or re.search(r"<\w+>", before) or text[start.end() :].lstrip()[:1] == "<":
            return None
        said = text[start.end() : end.start() if end else len(text)].strip()
        label = _LABEL.match(before)
        return (said, [before[label.end() :] if label else before]) if said else None
    inside = _WRAPPED_AFTER.match(text) if thought else None
    return (inside["said"].strip(), []) if inside and inside["said"].strip() else None


def cut_keys(text: str) -> tuple[str, list[str]] | None:
    """Return (answer, thoughts) of a JSON object that holds just these two, or None."""
    bare = text.strip()
    if not (bare.startswith("{") and bare.endswith("}")):
        return None
    try:
        read = json.loads(bare)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict) or not all(isinstance(value, str) for value in read.values()):
        return None
    thoughts = [value for key, value in read.items() if key.lower() in _THOUGHT_KEYS]
    answers = [value for key, value in read.items() if key.lower() in _ANSWER_KEYS]
    if not thoughts or len(answers) != 1 or len(thoughts) + 1 != len(read):
        return None
    return answers[0].strip(), thoughts
