"""Read one chat message as one turn, in the dialects of OpenAI (also its old functions), Mistral, axolotl, ms-swift,
tinker and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from engine.errors import InputError
from engine.importers._calls import call_of, result_text, without_padding
from engine.importers._flags import ON_MESSAGE, SPANS, asks_training, spans_trained, trained, trained_parts
from engine.importers._thoughts import KEYS, TEXTS, reasoning_in, split_think_tags, thought_in
from engine.importing.lines import json_in, parsed
from engine.importing.report import Notes
from engine.types import Tool, ToolCall, Turn

_ROLES: Mapping[str, Literal["system", "tool"]] = {"developer": "system", "function": "tool"}
_TEXT_PARTS = ("text", "input_text", "output_text", None)
_THOUGHT_PARTS = ("thinking", "reasoning")
_READ_OF_PART = frozenset(("type", "text", "refusal", *ON_MESSAGE))
_READ_OF_THOUGHT = frozenset(("type", *TEXTS, *ON_MESSAGE))
_CALL_KEYS = ("type", "index", "function", "id")
_READ = frozenset((*KEYS, *ON_MESSAGE, *SPANS, "function_call", "refusal"))


class _Called(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str
    arguments: dict[str, Any] | str | None = None


class _Call(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: str | int | None = None
    function: _Called


class _Message(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Any] | dict[str, Any] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | int | None = None
    name: str | None = None


@dataclass
class Reading:
    """How to read the messages of one row, and where to note findings. `tags`: think tags become reasoning. `padded`:
    nulls that a tool does not accept are padding. `numbered` collects the ids given to calls that had none."""

    tools: Mapping[str, Tool]
    notes: Notes
    tags: bool
    padded: bool = True
    numbered: set[str] = field(default_factory=set)


def turn_of(value: Mapping[str, Any], number: int, where: str, reading: Reading) -> Turn:
    """Return the message at place `number` of its dialogue as a turn. Raises InputError naming the field."""
    message = parsed(_Message, _with_nested_calls(value, where, reading.notes), where)
    extra, notes = message.model_extra or {}, reading.notes
    if message.role in _ROLES:
        notes.changed.add(f"{message.role}_role")
    role = _ROLES.get(message.role, message.role)
    content, thought, wanted = _content(message, where, notes)
    if not content and isinstance(extra.get("refusal"), str):
        content = extra["refusal"]
    _note_lost_keys(extra, content, notes)
    if role != "tool":
        notes.lose("messages.name", message.name)
        notes.lose("messages.tool_call_id", message.tool_call_id)
    if role != "assistant":
        for key in KEYS:
            notes.lose(f"messages.{key}", extra.get(key))
        notes.lose("messages.tool_calls", message.tool_calls)
        notes.lose("content.thinking", thought)
        if role != "system" and asks_training(extra):
            notes.lost.add(f"training on a turn of the {role}")
        id = None if message.tool_call_id in (None, "") else str(message.tool_call_id)
        return Turn(role=role, content=content, tool_call_id=id, name=message.name)
    reasoning = reasoning_in(extra, notes) or thought
    if thought != reasoning:
        notes.lose("content.thinking", thought)
    if reading.tags and not reasoning:
        reasoning, content = split_think_tags(content)
        if reasoning is not None:
            notes.changed.add("think_tags_read")
    return Turn(
        role="assistant",
        content=content,
        reasoning=reasoning or None,
        tool_calls=_calls(message, number, where, reading),
        tool_call_id=None if message.tool_call_id is None else str(message.tool_call_id),
        name=message.name,
        train=wanted and trained(extra, ON_MESSAGE, notes) and spans_trained(extra, notes),
    )


def text_of(value: Any, where: str, notes: Notes) -> str:
    """Return the text of a system column, which is a string or content parts. Raises InputError."""
    if isinstance(value, str):
        return value
    return _text_and_thought(value if isinstance(value, list) else [value], where, notes)[0]


def _with_nested_calls(value: Mapping[str, Any], where: str, notes: Notes) -> dict[str, Any]:
    """Return the message with all its calls as a list of {"function": {...}}: those given as JSON text, flat, or as
    OpenAI's old `function_call`."""
    made = dict(value)
    calls = made.get("tool_calls")
    if isinstance(calls, str):
        calls = json_in(calls, f"{where}, field tool_calls") if calls.strip() else None
        notes.changed.add("tool_calls_decoded")
    old = made.get("function_call")
    if isinstance(old, dict) and any(item is not None for item in old.values()):
        calls = [*(calls or ()), {"function": old}] if isinstance(calls, list | None) else calls
        notes.changed.add("function_call")
    if isinstance(calls, list):
        calls = [
            {"function": one} if isinstance(one, dict) and "function" not in one and "name" in one else one
            for one in calls
        ]
    made["tool_calls"] = calls
    return made


# ---------------------------------------------------------------- parts


def _content(message: _Message, where: str, notes: Notes) -> tuple[str, str | None, bool]:
    """Return (text, reasoning in its parts or None, whether the flags of its parts let it be trained)."""
    content = message.content
    if content is None or isinstance(content, str):
        return content or "", None, True
    parts = content if isinstance(content, list) else [content]
    if message.role in ("tool", "function") and not all(_is_part(part) for part in parts):
        notes.changed.add("result_written_as_json")
        return result_text(content), None, True
    text, thought = _text_and_thought(parts, f"{where}, field content", notes)
    flagged = [part for part in parts if isinstance(part, dict)]
    return text, thought, trained_parts(flagged, notes) if message.role == "assistant" else True


def _is_part(part: Any) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and part.get("type") in (*_TEXT_PARTS[:-1], "image_url"))


def _text_and_thought(parts: Sequence[Any], where: str, notes: Notes) -> tuple[str, str | None]:
    """Return (text, reasoning or None) of content parts. Raises InputError for a part that is neither."""
    texts, thoughts = [], []
    for place, part in enumerate(parts):
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = part.get("type") if isinstance(part, dict) else None
        text = part.get("text") if isinstance(part, dict) else None
        thought = thought_in(part) if isinstance(kind, str) and kind in _THOUGHT_PARTS else None
        if thought is not None:
            thoughts.append(thought)
        elif isinstance(part, dict) and kind == "refusal" and isinstance(part.get("refusal"), str):
            texts.append(part["refusal"])
        elif isinstance(text, str) and (kind is None or kind in _TEXT_PARTS):
            texts.append(text)
        else:
            problem = f"is {f'a part of kind {str(kind)[:80]!r}' if kind else 'no text'}, and only text is read here."
            raise InputError(f"{where}.{place + 1}", problem, "Drop the line, or write the part as text.")
        for key in part.keys() - (_READ_OF_PART if thought is None else _READ_OF_THOUGHT):
            notes.lose(f"content.{key}", part[key])
    notes.changed.add("content_parts_joined")
    return "".join(texts), "\n".join(thoughts) or None


def _note_lost_keys(extra: Mapping[str, Any], content: str, notes: Notes) -> None:
    for key, value in extra.items():
        carried = key in _READ
        if key == "refusal":
            carried = value == content
        elif key == "function_call":
            carried = isinstance(value, dict)
        if not carried:
            notes.lose(f"messages.{key}", value)


# ---------------------------------------------------------------- calls


def _calls(message: _Message, number: int, where: str, reading: Reading) -> tuple[ToolCall, ...]:
    found: list[ToolCall] = []
    for place, call in enumerate(message.tool_calls or ()):
        id = "" if call.id is None else str(call.id)
        if not id or any(one.id == id for one in found):
            if id:
                reading.notes.changed.add("repeated_call_id_renamed")
            id = f"call_{number}_{place}"
            reading.numbered.add(id)
        function = call.function
        for key, value in ((call.model_extra or {}) | (function.model_extra or {})).items():
            if key not in _CALL_KEYS:
                reading.notes.lose(f"tool_calls.{key}", value)
        at = f"{where}.tool_calls.{place + 1}.function.arguments"
        made = call_of(function.name, function.arguments, id, at, reading.notes)
        if reading.padded and isinstance(function.arguments, dict):
            made = without_padding(made, reading.tools, reading.notes)
        found.append(made)
    return tuple(found)
