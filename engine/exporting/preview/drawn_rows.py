"""A row of an export as messages to look at, each with whether it is trained. Reads the row itself, not the trajectory,
so what is shown is what leaves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

Row = Mapping[str, Any]
Rule = Callable[[Row], Iterable[Any]]
_PROMPTS = ("prompt", "context", "input")
PART_NAMES = {
    "messages": "Messages",
    "conversations": "Messages",
    "turns": "Messages",
    "steps": "Steps",
    "nodes": "Messages",
    "prompt": "Prompt",
    "context": "Prompt",
    "input": "Prompt",
    "completion": "Completion",
    "chosen": "Chosen",
    "preferred_output": "Chosen",
    "rejected": "Rejected",
    "rejected_messages": "Rejected",
    "non_preferred_output": "Rejected",
    "text": "Text",
}
"""The columns that hold messages or text, in the order in which they are drawn, and what each part is called."""
_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "agent": "assistant",
    "function_call": "assistant",
    "observation": "tool",
}
_KINDS = {"function_call": "assistant", "reasoning": "assistant", "function_call_output": "tool"}
"""Items of the Responses API that have no role."""
_TEXTS = ("content", "value", "message", "text", "output")


class DrawnCall(NamedTuple):
    """A call: its name, and its arguments as text."""

    name: str
    arguments: str


class DrawnMessage(NamedTuple):
    """One message; `role` is "" for a mere text. `trained` is None where nothing is known of it."""

    role: str
    text: str
    reasoning: str
    calls: tuple[DrawnCall, ...]
    trained: bool | None


class DrawnPart(NamedTuple):
    """Messages that stand in one column of the row."""

    name: str
    messages: tuple[DrawnMessage, ...]


def drawn(row: Row, rule: Rule | None = None) -> list[DrawnPart]:
    """Return the parts of a row; [] for a row that holds no messages.

    `rule` gives what a trainer trains of it (TargetExample.trained). Without one the marks in the row decide, and every
    answer outside of a prompt counts as trained.
    """
    parts = list(_parts(row))
    trained = None if rule is None else _Trained(list(rule(row)), [one for _, found in parts for one in found])
    return [
        DrawnPart(PART_NAMES[name], tuple([_message(one, _is_trained(name, one, trained)) for one in found]))
        for name, found in parts
        if found
    ]


def chat(row: Row, rule: Rule | None = None) -> tuple[list[dict[str, Any]], list[bool]] | None:
    """Return (the messages of a row that a chat template can write, whether each is trained); None for a row without
    such messages. Of a pair these are the prompt and the better side."""
    found: list[dict[str, Any]] = []
    marks: list[bool] = []
    parts = list(_parts(row))
    trained = None if rule is None else _Trained(list(rule(row)), [one for _, among in parts for one in among])
    for name, messages in parts:
        if PART_NAMES[name] == "Rejected":
            continue
        for one in messages:
            if not isinstance(one, Mapping) or not isinstance(one.get("role"), str):
                return None
            if not isinstance(one.get("content") or "", str):
                return None
            found.append(_for_template(one))
            marks.append(bool(_is_trained(name, one, trained)))
    return (found, marks) if found else None


def texts(row: Row) -> list[tuple[str, bool]] | None:
    """Return the (text, whether it is trained) of a row of rendered text; None for any other."""
    if isinstance(row.get("prompt"), str) and isinstance(row.get("completion"), str):
        return [(row["prompt"], False), (row["completion"], True)]
    return [(row["text"], True)] if isinstance(row.get("text"), str) else None


def tools_of(row: Row) -> list[Any]:
    """Return the tools of a row as it holds them, read from JSON where they are text; [] where there are none."""
    asked = row.get("input")
    found = row.get("tools", asked.get("tools") if isinstance(asked, Mapping) else None)
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError:
            return []
    return found if isinstance(found, list) else []


# ---------------------------------------------------------------- where messages stand


def _parts(row: Row) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield (column, its messages); a text stands for one message."""
    if isinstance(row.get("system"), str) and row["system"] and "prompt" not in row:
        yield "messages", [{"role": "system", "content": row["system"]}]
    for name in PART_NAMES:
        found = row.get(name)
        if name == "input" and isinstance(found, Mapping):
            found = found.get("messages")
        elif name == "nodes" and isinstance(found, list):
            found = [node["message"] for node in found]
        elif name == "steps" and isinstance(found, list):
            found = [one for step in found for one in (step, *_results(step))]
        elif name == "turns" and isinstance(found, str):
            found = json.loads(found)
        if isinstance(found, str) and found:
            yield name, [found]
        elif isinstance(found, list):
            yield name, found
    asked = row.get("responses_create_params")
    if isinstance(asked, Mapping):
        yield "prompt", asked["input"]
        answered = row.get("response")
        yield "completion", answered["output"] if isinstance(answered, Mapping) else [row["expected_action"]]
    for one in row.get("completions") or ():
        yield ("chosen" if one["rank"] == 0 else "rejected"), one["completion"]
    for trace in row.get("traces") or ():
        yield from _parts(trace)


def _results(step: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the results that stand in a step of ATIF as messages."""
    found = (step.get("observation") or {}).get("results", ())
    return [{"role": "tool", "content": result.get("content", "")} for result in found]


# ---------------------------------------------------------------- what is trained


class _Trained:
    """What a trainer's rule gave, found again among the messages of the row: the same object, a copy that holds a part
    of its keys, or a text."""

    def __init__(self, given: Sequence[Any], messages: Sequence[Any]) -> None:
        places = {id(message) for message in messages}
        self._same = {id(one) for one in given if id(one) in places and not isinstance(one, str)}
        self._copies = [one for one in given if isinstance(one, Mapping) and id(one) not in self._same]
        self._texts = [one for one in given if isinstance(one, str)]

    def __contains__(self, message: Any) -> bool:
        if isinstance(message, str):
            return any(text in message for text in self._texts)
        if id(message) in self._same:
            return True
        return any(all(message.get(key, _ABSENT) == value for key, value in one.items()) for one in self._copies if one)


_ABSENT = object()


def _is_trained(part: str, message: Any, trained: _Trained | None) -> bool | None:
    if isinstance(message, str):
        return part not in _PROMPTS if trained is None else part not in _PROMPTS and message in trained
    if trained is not None:
        return message in trained
    if part in _PROMPTS or PART_NAMES[part] == "Rejected" or _role(message) != "assistant":
        return False
    extra = message.get("extra")
    marked = {**(extra if isinstance(extra, Mapping) else {}), **message}
    return all(marked.get(flag, True) not in (False, 0) for flag in ("train", "loss", "weight"))


# ---------------------------------------------------------------- messages


def _role(message: Mapping[str, Any]) -> str:
    kind = _KINDS.get(str(message.get("type")), "")
    given = str(message.get("role") or message.get("from") or message.get("source") or kind)
    return _ROLES.get(given, given)


def _message(message: Any, trained: bool | None) -> DrawnMessage:
    if isinstance(message, str):
        return DrawnMessage("", message, "", (), trained)
    text, calls = _content(next((message[key] for key in _TEXTS if message.get(key)), ""))
    calls += [_call(call) for call in message.get("tool_calls") or ()]
    calls += [_call(message)] if message.get("type") == "function_call" else []
    if message.get("type") == "reasoning":
        return DrawnMessage("assistant", "", _content(message.get("summary") or [])[0] or text, tuple(calls), trained)
    reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
    return DrawnMessage(_role(message), text.strip("\n"), str(reasoning), tuple(calls), trained)


def _content(content: Any) -> tuple[str, list[DrawnCall]]:
    """Return (the text, the calls) of a content: a text, or blocks as Anthropic has them."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else _json(content), []
    lines, calls = [], []
    for block in content:
        if isinstance(block, Mapping) and block.get("type") == "tool_use":
            calls.append(DrawnCall(str(block.get("name")), _json(block.get("input"))))
        elif isinstance(block, Mapping):
            inner = block.get("text", block.get("content", ""))
            lines.append(inner if isinstance(inner, str) else _content(inner)[0])
        else:
            lines.append(str(block))
    return "\n".join(lines), calls


def _call(call: Mapping[str, Any]) -> DrawnCall:
    said = call.get("function") or call
    arguments = said.get("arguments", "")
    name = said.get("name") or said.get("function_name")
    return DrawnCall(str(name), arguments if isinstance(arguments, str) else _json(arguments))


def _for_template(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with what chat templates want: a text as content, and the arguments of calls as objects."""
    found = {**message, "content": message.get("content") or ""}
    if message.get("tool_calls"):
        found["tool_calls"] = [_with_object(call) for call in message["tool_calls"]]
    return found


def _with_object(call: Mapping[str, Any]) -> dict[str, Any]:
    said = dict(call.get("function") or {"name": call.get("name"), "arguments": call.get("arguments")})
    if isinstance(said.get("arguments"), str):
        with suppress(ValueError):
            said["arguments"] = json.loads(said["arguments"])
    return {**call, "function": said}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
