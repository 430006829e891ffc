"""Reads what a model says as a person, however well it keeps the form: JSON, misspelled or broken, or text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel

Status = Literal["satisfied", "continue", "gave_up", "transferred", "out_of_scope", "impossible"]
About = Literal["next_request", "same_request"]
STATUSES: tuple[Status, ...] = get_args(Status)
ABOUTS: tuple[About, ...] = get_args(About)
SCHEMA: dict[str, Any] = {
    "title": "user_message",
    "type": "object",
    "properties": {
        "message": {"type": "string"},
        "status": {"type": "string", "enum": [*STATUSES]},
        "about": {"type": "string", "enum": [*ABOUTS]},
    },
    "required": ["message", "status", "about"],
    "additionalProperties": False,
}
_STATUS_WORDS: Mapping[str, Status] = {
    "done": "satisfied",
    "complete": "satisfied",
    "completed": "satisfied",
    "finished": "satisfied",
    "resolved": "satisfied",
    "stop": "satisfied",
    "end": "satisfied",
    "ended": "satisfied",
    "happy": "satisfied",
    "go_on": "continue",
    "ongoing": "continue",
    "in_progress": "continue",
    "open": "continue",
    "waiting": "continue",
    "pending": "continue",
    "give_up": "gave_up",
    "left": "gave_up",
    "frustrated": "gave_up",
    "unsatisfied": "gave_up",
    "dissatisfied": "gave_up",
    "transfer": "transferred",
    "not_possible": "impossible",
}
_ABOUT_WORDS: Mapping[str, About] = {
    "next": "next_request",
    "new": "next_request",
    "new_request": "next_request",
    "first_request": "next_request",
    "same": "same_request",
    "current_request": "same_request",
    "answer": "same_request",
}
_NEAR = 0.72
"""How alike a misspelled word must be to the right one, from 0 to 1: "satisified", "nextrequest"."""
_FIELDS = ("message", "status", "about")
_FIELD = re.compile(
    r"^\W{0,3}(message|status|about)\W{0,3}[:=][ \t*\"']{0,4}(.*?)[ \t*\"']{0,4}$", re.IGNORECASE | re.MULTILINE
)


class Reply(BaseModel):
    """A message, whether the talk goes on, and whether the message makes the next request (None: it does not say)."""

    message: str = ""
    status: Status = "continue"
    about: About | None = None


def reply_of(data: Any, text: str) -> Reply:
    """Return the reply in the JSON that was found, else in the text."""
    if isinstance(data, Mapping):
        inner = next((value for value in data.values() if isinstance(value, Mapping)), None)
        fields = _fields(data) or (_fields(inner) if inner is not None else {})
        if fields:
            return _reply(fields)
    return _reply_in(text)


def _fields(data: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the fields by their right names."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        near = [key] if key in _FIELDS else difflib.get_close_matches(_word(key), _FIELDS, 1, _NEAR)
        if near and near[0] not in found:
            found[near[0]] = value
    return found


def _reply(fields: Mapping[str, Any]) -> Reply:
    message = fields.get("message")
    status = _nearest(fields.get("status"), STATUSES, _STATUS_WORDS)
    about = _nearest(fields.get("about"), ABOUTS, _ABOUT_WORDS)
    return Reply(message=message if isinstance(message, str) else "", status=status or "continue", about=about)


def _nearest(given: Any, right: tuple[str, ...], known: Mapping[str, str]) -> str | None:
    """Return the right word for one that may be misspelled; None when it may be any."""
    word = _word(given) if isinstance(given, str) else ""
    if word in right or word in known:
        return known.get(word, word)
    near = difflib.get_close_matches(word, right, 1, _NEAR) if word else []
    return near[0] if near else None


def _word(given: Any) -> str:
    return re.sub(r"\W+", "_", str(given).strip().lower()).strip("_")


def _reply_in(text: str) -> Reply:
    """Return the reply in a text that is not the JSON that was asked for: fields on lines, the `message` of a broken
    object, a bare status, or the text itself without code fences."""
    text = re.sub(r"```\w*", "", text).strip()
    found = re.search(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)', text)
    if found:
        return Reply(message=found.group(1))
    if text.startswith("{"):
        return Reply()
    fields = {name.lower(): value for name, value in _FIELD.findall(text)}
    if "message" in fields and len(fields) > 1:
        return _reply(fields)
    bare = _word(text)
    if bare in STATUSES or bare.removeprefix("status_") in STATUSES:
        return Reply(status=bare.removeprefix("status_"))
    return Reply(message=text)
