"""Rows as public data sets write them: Hermes, ToolACE, xLAM.

Hermes and ToolACE hold calls as text inside the assistant's value, xLAM one request with its calls. None has a mask, so
a row ends before the first turn that must not be trained.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from engine.exporting.content import tool_schemas
from engine.exporting.dialogue import Turns, fits_think_tags, in_call_order, with_think_tags
from engine.exporting.draft import draft
from engine.exporting.json import dumps
from engine.exporting.spelling import flat_parameters, python_call
from engine.types import Converted, Options, Record, RecordTool, RecordTurn

__all__ = ["DatasetRows"]

_CALL_MARK = re.compile(r"</?tool_call>")
_ANGLE = "\\u003c"
_CHATML_ROLES = {"system": "system", "human": "user", "gpt": "assistant", "tool": "user"}
_HERMES = (
    "You may call the tools whose signatures stand between <tools> and </tools>:\n<tools>\n{tools}\n</tools>\n"
    "For each call write a JSON object with the name and the arguments of the tool:\n"
    '<tool_call>\n{{"name": <name of the tool>, "arguments": <object of arguments>}}\n</tool_call>'
)
_TOOLACE = (
    "You may call these tools, which are listed as JSON:\n{tools}\n"
    "Write calls, and nothing else beside them, as [name(argument=value, ...), name(...)]."
)


class Config(Options):
    """Which data set's rows are written."""

    convention: Literal["hermes", "toolace", "xlam", "chatml"] = "hermes"
    """Hermes (calls as JSON in tags), ToolACE (calls as Python in brackets), xLAM (a request and its calls), or chatml
    (the tags of Hermes in messages that have a role and a content and nothing else)."""
    reasoning: Literal["drop", "think"] = "drop"
    """Left out, or in think tags before the text (Hermes and chatml)."""


class _Made(NamedTuple):
    """The columns of a row, or why there is none; what was lost and changed."""

    row: Mapping[str, Any] = MappingProxyType({})
    dropped: str | None = None
    lost: Sequence[str] = ()
    changed: Sequence[str] = ()


class DatasetRows:
    """Writes rows of public data sets. Control tokens inside JSON are escaped; a text that would be read as a call has
    no form."""

    suffix = ".jsonl"
    never_carried = (
        "tool_call_id", "reward", "metadata", "task", "proof", "diff", "calls", "execution", "remarks", "tools.effect",
    )  # fmt: skip

    def __init__(self, config: Config) -> None:
        self._thinks = config.reasoning == "think" and config.convention in ("hermes", "chatml")
        self._make = {
            "hermes": self._hermes, "toolace": self._toolace, "xlam": self._xlam, "chatml": self._chatml,
        }[config.convention]  # fmt: skip

    def convert(self, record: Record) -> Converted:
        """Return the one row of a trajectory, or the reason why there is none."""
        started = draft(record, cut=True, asked=True)
        if isinstance(started, str):
            return Converted(dropped=started)
        turns = started.turns
        system = turns[0].content if turns[0].role == "system" else ""
        made = self._make(in_call_order(started.spoken), system, record.tools)
        if made.dropped is not None:
            return Converted(dropped=made.dropped)
        started.lose("fault", "original")
        started.lost += made.lost
        started.changed += made.changed
        if any(t.reasoning and not (self._thinks and fits_think_tags(t.reasoning)) for t in turns):
            started.lost.append("reasoning")
        id = started.id()
        return started.finished([{"id": f"{id:016x}", **made.row, "group_id": record.group_id}], [id])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}

    # ---------------------------------------------------------------- Hermes

    def _hermes(self, spoken: Turns, system: str, tools: Sequence[RecordTool]) -> _Made:
        if any(turn.role == "assistant" and _CALL_MARK.search(turn.content) for turn in spoken):
            return _Made(dropped="call_marks_in_text")
        signatures = "\n".join(_unmarked(schema) for schema in tool_schemas(tools))
        head = _joined(system, _HERMES.format(tools=signatures) if tools else "")
        said = [{"from": "system", "value": head}] if head else []
        said += _by_speaker(spoken, {"user": "human", "assistant": "gpt", "tool": "tool"}, self._hermes_value)
        escaped = [part for turn in spoken for part in _data_of(turn) if "<" in dumps(part)]
        row = {"conversations": said, "tools": dumps(tool_schemas(tools)) if tools else "[]"}
        return _Made(row, changed=["control_tokens_escaped"] if escaped else ())

    def _chatml(self, spoken: Turns, system: str, tools: Sequence[RecordTool]) -> _Made:
        """The same in messages of system, user and assistant, so that a template needs to know of no call."""
        made = self._hermes(spoken, system, tools)
        said = made.row.get("conversations", ())
        messages = [{"role": _CHATML_ROLES[one["from"]], "content": one["value"]} for one in said]
        return made._replace(row={"messages": messages})

    def _hermes_value(self, turn: RecordTurn) -> str:
        if turn.role == "tool":
            return f"<tool_response>\n{_unmarked({'name': turn.name, 'content': turn.content})}\n</tool_response>"
        if turn.role == "user":
            return turn.content
        calls = [
            f"<tool_call>\n{_unmarked({'name': call.name, 'arguments': call.arguments})}\n</tool_call>"
            for call in turn.tool_calls
        ]
        text = "\n".join([*([turn.content] if turn.content.strip() or not calls else []), *calls])
        reasoning = turn.reasoning
        thinks = self._thinks and reasoning and fits_think_tags(reasoning)
        return with_think_tags(str(reasoning), text) if thinks else text

    # ---------------------------------------------------------------- ToolACE

    def _toolace(self, spoken: Turns, system: str, tools: Sequence[RecordTool]) -> _Made:
        for turn in spoken:
            if None in [python_call(call) for call in turn.tool_calls]:
                return _Made(dropped="argument_without_python_name")
            if turn.role == "assistant" and not turn.tool_calls and turn.content.lstrip()[:1] == "[":
                return _Made(dropped="text_reads_as_call")
        functions = [schema["function"] for schema in tool_schemas(tools)]
        said = _by_speaker(spoken, {"user": "user", "assistant": "assistant", "tool": "tool"}, _toolace_value)
        row = {
            "system": _joined(system, _TOOLACE.format(tools=dumps(functions)) if tools else ""),
            "conversations": said,
        }
        beside = any(turn.tool_calls and turn.content.strip() for turn in spoken)
        return _Made(row, lost=["text_beside_call"] if beside else ())

    # ---------------------------------------------------------------- xLAM

    def _xlam(self, spoken: Turns, system: str, tools: Sequence[RecordTool]) -> _Made:
        """One row holds the first request and the calls that answer it; what follows has no place."""
        start = next(n for n, turn in enumerate(spoken) if turn.role == "assistant")
        answer = spoken[start]
        flat = [{"name": t.name, "description": t.description, "parameters": flat_parameters(t)} for t in tools]
        row = {
            "query": "\n\n".join(turn.content for turn in spoken[:start]),
            "answers": dumps([{"name": call.name, "arguments": call.arguments} for call in answer.tool_calls]),
            "tools": dumps(flat),
        }
        lost = ["system"] if system else []
        if answer.content.strip():
            lost.append("text_beside_call" if answer.tool_calls else "answer_text")
        if len(spoken) > start + 1:
            lost.append("later_turns")
        return _Made(row, lost=lost)


def _toolace_value(turn: RecordTurn) -> str:
    if turn.tool_calls:
        return "[" + ", ".join([str(python_call(call)) for call in turn.tool_calls]) + "]"
    return dumps({"name": turn.name, "results": turn.content}) if turn.role == "tool" else turn.content


def _by_speaker(
    spoken: Turns, speakers: Mapping[str, str], value_of: Callable[[RecordTurn], str]
) -> list[dict[str, str]]:
    """Return the turns as {from, value}; neighbouring ones of a user or of tools become one."""
    found: list[dict[str, str]] = []
    for role, turns in groupby(spoken, lambda turn: turn.role):
        values = list(map(value_of, turns))
        if role == "assistant":
            found += [{"from": speakers[role], "value": value} for value in values]
        elif role == "tool" and speakers["assistant"] == "assistant":
            found.append({"from": speakers[role], "value": f"[{', '.join(values)}]"})
        else:
            found.append({"from": speakers[role], "value": ("\n" if role == "tool" else "\n\n").join(values)})
    return found


def _data_of(turn: RecordTurn) -> Iterator[Any]:
    """Yield what of a turn is written as JSON."""
    yield from (call.arguments for call in turn.tool_calls)
    if turn.role == "tool":
        yield turn.content


def _unmarked(value: Any) -> str:
    """Return JSON in which no tag can be found: each `<` is written as its escape."""
    return dumps(value).replace("<", _ANGLE)


def _joined(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)
