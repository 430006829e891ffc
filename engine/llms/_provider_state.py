"""What a provider wants back with its own replies: thoughts, signed thinking, thought signatures.

A state is made of pieces of the wire: {"message": {fields of the assistant message}, "calls": [{fields of its n-th
call}, or None]}, each key only where it holds something. It stands beside a turn and goes back to the provider that it
came from, never into an id, a text or an export.

Signed state goes back with every message that had it. Thoughts in plain text go back with messages that call tools, in
the field that the server used; once one of them had thoughts, the others get the field with an empty text (DeepSeek
refuses the request without it). A provider that signs its thoughts gets no plain ones. What else a server wants or
refuses is learned from its refusals (`Form.taught`).

The rules are those that the providers document. They were proven against doubles of these rules, not tried live;
OpenRouter's has no double.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import ModelError
from engine.llms._calls.arguments import too_deep
from engine.reading.json_value import leaves, without_surrogates

State = Mapping[str, Any]
States = Mapping[int, State]
"""States by the index of their turn."""
Send = Callable[[dict[str, Any]], Awaitable[Any]]

_PLAIN = ("reasoning_content", "reasoning")
"""Fields with thoughts as text: DeepSeek and most servers; newer vLLM and OpenRouter."""
_SIGNED = ("thinking_blocks", "reasoning_details", "extra_content")
"""Fields that a provider can verify: Anthropic through litellm; OpenRouter; Gemini's OpenAI address, in calls too."""
_LITELLM = "provider_specific_fields"
"""Where litellm keeps the signatures of Gemini."""
_FIELDS = frozenset((*_PLAIN, *_SIGNED, _LITELLM))
_IN_ID = "__thought__"
"""What litellm puts between the id of a call and its signature."""
_SHORTEST_SECRET, _SHORTEST_PART = 20, 12


def state_of(message: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the state of a reply, None where it has none. `entries` are the message's calls as the server gave them.
    What is nested too deeply to be stored is left out."""
    if _FIELDS.isdisjoint(message) and all(_has_no_state(entry) for entry in entries):
        return None
    fields = {name: message[name] for name in _PLAIN if isinstance(message.get(name), str) and message[name]}
    fields |= {name: message[name] for name in _SIGNED if message.get(name)}
    if signatures := _of_litellm(message, "thought_signatures"):
        fields[_LITELLM] = {"thought_signatures": signatures}
    calls = [_call_fields(entry) for entry in entries]
    found: dict[str, Any] = {"message": fields} if fields else {}
    if any(calls):
        found["calls"] = calls
    return without_surrogates(found) if found and not too_deep(found) else None


def id_alone(given: str) -> str:
    """Return the id of a call without the signature that litellm, or its proxy, puts into it."""
    return given.split(_IN_ID, 1)[0] if _IN_ID in given else given


def _has_no_state(entry: Mapping[str, Any]) -> bool:
    return _FIELDS.isdisjoint(entry) and _IN_ID not in str(entry.get("id"))


def _call_fields(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what must go back with one call, None when there is nothing."""
    found: dict[str, Any] = {"extra_content": entry["extra_content"]} if entry.get("extra_content") else {}
    signature, id = _of_litellm(entry, "thought_signature"), str(entry.get("id"))
    if not signature and _IN_ID in id:
        signature = id.split(_IN_ID, 1)[1]
    if signature:
        found[_LITELLM] = {"thought_signature": signature}
    return found or None


def _of_litellm(given: Mapping[str, Any], name: str) -> Any:
    fields = given.get(_LITELLM)
    return fields.get(name) if isinstance(fields, dict) else None


@dataclass(frozen=True)
class Form:
    """How requests to one server are written. `demanded` is the field of plain thoughts that it wants in every
    assistant message, None while it has not said so; `left_out` are fields that it refuses."""

    demanded: str | None = None
    left_out: frozenset[str] = frozenset()

    def applied(self, body: dict[str, Any], turns: int, states: States | None) -> dict[str, Any]:
        """Return a request body with the states of its last `turns` messages, without what the server refuses."""
        if not states and self.demanded is None:
            return body
        states = states or {}
        plain = self.demanded or _plain_field(states)
        first = len(body["messages"]) - turns  # an instruction on the form of the reply may stand before the turns
        messages = [
            self._with_state(message, states.get(index - first, {}), plain)
            if message["role"] == "assistant"
            else message
            for index, message in enumerate(body["messages"])
        ]
        return body | {"messages": messages}

    def _with_state(self, message: dict[str, Any], state: State, plain: str | None) -> dict[str, Any]:
        given, calls = state.get("message", {}), message.get("tool_calls")
        fields = {name: value for name, value in given.items() if name not in _PLAIN and name not in self.left_out}
        if plain is not None and plain not in self.left_out and (calls or self.demanded):
            fields[plain] = _thoughts(given)
        if calls and (beside := state.get("calls")):
            fields["tool_calls"] = [
                call | self._allowed(beside[place] or {}) if place < len(beside) else call
                for place, call in enumerate(calls)
            ]
        return message | fields if fields else message

    def _allowed(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if name not in self.left_out}

    def taught(self, said: str, sent: Collection[str]) -> Form:
        """Return the form after a refusal with this text of a request that held the `sent` fields; the same form when
        the text is about something else."""
        wanted = next((name for name in _PLAIN if _names(said, name)), None)
        if wanted is not None and _DEMAND.search(said) and not _REFUSAL.search(said):
            return replace(self, demanded=wanted)
        return replace(self, left_out=self.left_out | {name for name in sent if _names(said, name)})

    def __or__(self, other: Form) -> Form:
        return Form(self.demanded or other.demanded, self.left_out | other.left_out)


_DEMAND = re.compile(r"pass(?:ed)?[ -]?back|missing|required|must (?:be|have|contain|include|carry)", re.IGNORECASE)
_REFUSAL = re.compile(
    r"extra_forbidden|not (?:permitted|allowed|supported|accepted)|un(?:supported|recognized|known|expected)"
    r"|additional propert",
    re.IGNORECASE,
)


def _names(said: str, field: str) -> bool:
    """Return whether a text names a field. One that is an English word must stand in quotes or behind a point."""
    before = r"['\"`.]" if field == "reasoning" else r"(?<!\w)"
    return re.search(rf"{before}{field}(?!\w)", said, re.IGNORECASE) is not None


def _plain_field(states: States) -> str | None:
    """Return the field in which a dialogue's thoughts go back as text; None where there are none, or signed ones."""
    found: str | None = None
    for state in states.values():
        fields = state.get("message", {})
        if "calls" in state or any(name not in _PLAIN for name in fields):
            return None
        found = found or next(iter(fields), None)
    return found


def _thoughts(fields: Mapping[str, Any]) -> str:
    return next((str(fields[name]) for name in _PLAIN if name in fields), "")


class SentBack:
    """Sends request bodies together with the states of their turns, and remembers what one server refuses or demands.

    A refusal that teaches something is answered with another request at once, which is not counted as an attempt.
    """

    def __init__(self) -> None:
        self._form = Form()

    async def send(self, send: Send, body: dict[str, Any], turns: int, states: States | None) -> Any:
        """Return what `send` returns for the body. Raises its ModelError, without any signed state in its text."""
        form = self._form
        while True:
            asked = form.applied(body, turns, states)
            try:
                return await send(asked)
            except ModelError as error:
                taught = form.taught(error.said, set(_fields(asked))) if error.kind == "bad_request" else form
                if taught == form:
                    raise _without_state(error, states or {}) from error.__cause__
                self._form = form = self._form | taught  # other calls may have learned meanwhile


def _fields(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields of a request's messages that a server may refuse, some more than once."""
    for message in body["messages"]:
        for part in (message, *(message.get("tool_calls") or ())):
            yield from (name for name in _FIELDS if name in part)


def _without_state(error: ModelError, states: States) -> ModelError:
    """Return the error without signed state in its text, be it only a part that was cut off there: a server may quote
    what it refuses."""
    text, secrets = str(error), {leaf for _, leaf in leaves(dict(enumerate(states.values()))) if _is_opaque(leaf)}
    for word in sorted(set(_words(text)), key=len, reverse=True):
        if any(word in secret or secret in word for secret in secrets):
            text = text.replace(word, "***")
    if text == str(error):
        return error
    cleaned = ModelError(error.kind, text, retry_after=error.retry_after)
    cleaned.refused = error.refused
    return cleaned


def _is_opaque(leaf: str) -> bool:
    return len(leaf) >= _SHORTEST_SECRET and not any(sign.isspace() for sign in leaf)


def _words(text: str) -> Iterator[str]:
    """Yield the runs of a text that can be a signature or a part of one."""
    return (found.group() for found in re.finditer(rf"[^\s\"'`,;:{{}}()\[\]…]{{{_SHORTEST_PART},}}", text))
