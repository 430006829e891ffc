"""Reads the verdicts in a judge's reply, in the form that was asked for and in forms that mean the same beyond doubt.

Asked for is {criterion: {reason, evidence, answer}}. Read as well are bare answers ({criterion: "yes"}), verdicts
inside another object or list ({"verdicts": [{"id": criterion, "answer": "no"}]}), and criteria spelled with capitals,
spaces or hyphens. What says neither yes nor no, or both, is no verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = ("id", "criterion", "criterion_id", "name", "key", "question")
"""Fields in which an entry of a list names its criterion."""
_ANSWERS = ("answer", "verdict", "result", "response", "judgement", "judgment", "value", "met", "passed")
_REASONS = ("reason", "reasoning", "explanation", "rationale", "justification", "why")
_EVIDENCE = ("evidence", "turns", "indexes", "indices")
_DEPTH = 4
"""How deep the verdicts may be wrapped."""
_YES, _NO = re.compile(r"\b(yes|true)\b", re.IGNORECASE), re.compile(r"\b(no|not|false)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Verdict:
    """The answer to one question, with its reason ("" where none was given) and the turns that show it."""

    yes: bool
    reason: str = ""
    evidence: tuple[int, ...] = ()


def read_verdicts(data: Mapping[str, Any] | None, text: str, criteria: Collection[str]) -> dict[str, Verdict]:
    """Return the verdicts on these criteria, by criterion, that are clear in a reply: `data` is the JSON object that
    was found in it, `text` the whole. A criterion with two different answers is left out."""
    known = {_plain(criterion): criterion for criterion in criteria}
    listed = _list_at_the_top(text)
    return _collected(data if listed is None else listed, known)


def _collected(value: Any, known: Mapping[str, str]) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    torn = set()
    for criterion, verdict in _verdicts_in(value, known, _DEPTH):
        if criterion in found and found[criterion].yes is not verdict.yes:
            torn.add(criterion)
        found.setdefault(criterion, verdict)
    return {criterion: verdict for criterion, verdict in found.items() if criterion not in torn}


def _verdicts_in(value: Any, known: Mapping[str, str], depth: int) -> Iterator[tuple[str, Verdict]]:
    if depth == 0:
        return
    if isinstance(value, list):
        for entry in value:
            yield from _verdicts_in(entry, known, depth - 1)
    if not isinstance(value, dict):
        return
    named = next((known[_plain(value[name])] for name in _NAMES if _plain(value.get(name)) in known), None)
    if named is not None:
        if (verdict := _verdict(value)) is not None:
            yield named, verdict
        return
    for key, entry in value.items():
        criterion = known.get(_plain(key))
        if criterion is None:
            yield from _verdicts_in(entry, known, depth - 1)
        elif (verdict := _verdict(entry)) is not None:
            yield criterion, verdict


def _verdict(entry: Any) -> Verdict | None:
    """Return what an entry says, None when that is not clear."""
    if not isinstance(entry, dict):
        yes = _as_yes(entry)
        return None if yes is None else Verdict(yes, reason=_rest(entry))
    yes = _as_yes(next((entry[name] for name in _ANSWERS if name in entry), None))
    if yes is None:
        return None
    reason = next((entry[name] for name in _REASONS if isinstance(entry.get(name), str)), "")
    evidence: list[Any] = next((entry[name] for name in _EVIDENCE if isinstance(entry.get(name), list)), [])
    numbers = tuple(index for index in evidence if isinstance(index, int) and not isinstance(index, bool))
    return Verdict(yes, reason.strip(), numbers)


def _as_yes(answer: Any) -> bool | None:
    """Return whether an answer says yes, None when it says neither or both. A sentence must begin with the word."""
    if isinstance(answer, bool):
        return answer
    if not isinstance(answer, str):
        return None
    text = answer.strip().lstrip("*\"'` ")
    yes, no = _YES.match(text), _NO.match(text)
    if yes is None and no is None:
        return None
    if (_NO if yes else _YES).search(text):
        return None
    return yes is not None


def _rest(answer: Any) -> str:
    """Return the words behind a bare answer, such as "yes: the record shows it"; "" where there are none."""
    return "" if not isinstance(answer, str) else re.sub(r"^\W*\w+[\W_]*", "", answer.strip()).strip()


def _plain(name: Any) -> str:
    """Return a name without differences of case, spaces, hyphens and marks around it; "" for what is no text."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") if isinstance(name, str) else ""


def _list_at_the_top(text: str) -> list[Any] | None:
    """Return the JSON list of objects that stands in a text before any other object; None without one."""
    start, first = text.find("["), text.find("{")
    while 0 <= start < first:
        try:
            found, _ = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
            return found
        start = text.find("[", start + 1)
    return None
