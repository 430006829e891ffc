"""Spans for tools that watch agents: OpenTelemetry's GenAI conventions, or OpenInference.

One span per line in the order of the dialogue: the agent's, then one for each answer of the model and each call of a
tool. Spans have ids and parents; they have no times, since the same seed must give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from engine.exporting.about import NOT_TOLD, about, broken_order, without_empty
from engine.exporting.content import tool_schemas
from engine.exporting.dialogue import timeless
from engine.exporting.json import dumps
from engine.types import Converted, Options, Record, RecordCall, RecordTurn

__all__ = ["Spans"]

TRAINED = "turnwright.train"
"""Attribute of an answer's span that says whether it may be trained."""
_ABOUT = "turnwright.about"
_LABELS = {True: "passed", False: "failed", None: None}


class Config(Options):
    """Which conventions the attributes follow."""

    conventions: Literal["otel", "openinference"] = "otel"
    """OpenTelemetry GenAI (messages as JSON), or OpenInference (messages flattened into attributes)."""


class Spans:
    """Writes spans; drops no duplicates. Every answer's span holds the messages before it, as a model call does."""

    suffix = ".jsonl"
    never_carried = (*NOT_TOLD, "times")

    def __init__(self, config: Config) -> None:
        self._names = _OpenInference() if config.conventions == "openinference" else _GenAi()

    def convert(self, record: Record) -> Converted:
        """Return the spans of a trajectory, or the reason why there are none."""
        reason = broken_order(record.turns) if record.turns else "no_turn"
        if reason is not None:
            return Converted(dropped=reason)
        lost = ["original"] if any(turn.original is not None for turn in record.turns) else []
        if timeless(record.attachments):
            lost.append("attachments")
        return Converted(list(self._spans(record)), lost=lost)

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}

    def _spans(self, record: Record) -> Iterator[dict[str, Any]]:
        trace = hashlib.sha256(record.id.encode()).hexdigest()[:32]
        root = _span_id(trace, -1)
        agent = _span(trace, root, "", f"invoke_agent {record.teacher}", self._names.agent(record))
        yield agent | {"events": self._names.scores(record)}
        model = record.models.get("teacher", record.teacher)
        turns = record.turns
        for place, turn in enumerate(turns):
            if turn.role != "assistant":
                continue
            attributes = self._names.chat(record, model, turns[:place], turn) | {TRAINED: turn.train}
            yield _span(trace, _span_id(trace, place), root, f"chat {model}", attributes)
            results = {one.tool_call_id: one for one in _results(turns[place + 1 :])}
            for number, call in enumerate(turn.tool_calls, 1):
                span = _span_id(trace, place, number)
                given = self._names.tool(call, results.get(call.id))
                fault = results[call.id].fault if call.id in results else None
                yield _span(trace, span, root, f"execute_tool {call.name}", given, fault)


def _results(turns: Sequence[RecordTurn]) -> Iterator[RecordTurn]:
    for turn in turns:
        if turn.role != "tool":
            return
        yield turn


def _span_id(trace: str, *place: int) -> str:
    return hashlib.sha256(f"{trace}{place}".encode()).hexdigest()[:16]


def _span(
    trace: str, span: str, parent: str, name: str, attributes: Mapping[str, Any], fault: str | None = None
) -> dict[str, Any]:
    status = {"code": "STATUS_CODE_ERROR", "message": fault} if fault else {"code": "STATUS_CODE_UNSET"}
    return {
        "traceId": trace,
        "spanId": span,
        "parentSpanId": parent,
        "name": name,
        "kind": "SPAN_KIND_INTERNAL",
        "attributes": {key: value for key, value in attributes.items() if value is not None},
        "status": status,
    }


def _arguments(call: RecordCall) -> str:
    return dumps(call.arguments) if call.raw is None else call.raw


class _GenAi:
    """Attributes of OpenTelemetry's GenAI conventions."""

    def scores(self, record: Record) -> list[dict[str, Any]]:
        """Return the scores as events."""
        return [
            {
                "name": "gen_ai.evaluation.result",
                "attributes": without_empty(
                    {
                        "gen_ai.evaluation.name": one.name,
                        "gen_ai.evaluation.score.value": one.value,
                        "gen_ai.evaluation.score.label": _LABELS[one.passed],
                        "gen_ai.evaluation.explanation": one.reason,
                    }
                ),
            }
            for one in record.scores
        ]

    def agent(self, record: Record) -> dict[str, Any]:
        return {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": _provider(record.models.get("teacher", "")),
            "gen_ai.agent.name": record.teacher,
            "gen_ai.conversation.id": record.id,
            "gen_ai.tool.definitions": dumps([{"type": "function", **one["function"]} for one in _tools(record)]),
            _ABOUT: dumps(about(record)),
        }

    def chat(self, record: Record, model: str, before: Sequence[RecordTurn], turn: RecordTurn) -> dict[str, Any]:
        finish = "tool_call" if turn.tool_calls else "stop"
        system = [one.content for one in before if one.role == "system"]
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _provider(model),
            "gen_ai.request.model": model,
            "gen_ai.system_instructions": dumps([{"type": "text", "content": one} for one in system])
            if system
            else None,
            "gen_ai.input.messages": dumps([_parts(one) for one in before if one.role != "system"]),
            "gen_ai.output.messages": dumps([_parts(turn) | {"finish_reason": finish}]),
        }

    def tool(self, call: RecordCall, result: RecordTurn | None) -> dict[str, Any]:
        return {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.name,
            "gen_ai.tool.call.id": call.id,
            "gen_ai.tool.call.arguments": _arguments(call),
            "gen_ai.tool.call.result": result.content if result else None,
            "error.type": result.fault if result else None,
        }


def _provider(model: str) -> str:
    """Return the provider that a model's name begins with, as litellm writes it."""
    provider, slash, _ = model.partition("/")
    return provider if slash else "unknown"


def _parts(turn: RecordTurn) -> dict[str, Any]:
    """Return a message with its parts."""
    if turn.role == "tool":
        response = {"type": "tool_call_response", "id": turn.tool_call_id, "response": turn.content}
        return {"role": "tool", "parts": [response]}
    parts: list[dict[str, Any]] = [{"type": "reasoning", "content": turn.reasoning}] if turn.reasoning else []
    if turn.content or not turn.tool_calls:
        parts.append({"type": "text", "content": turn.content})
    for call in turn.tool_calls:
        arguments: Any = call.arguments if call.raw is None else call.raw
        parts.append({"type": "tool_call", "id": call.id, "name": call.name, "arguments": arguments})
    return {"role": turn.role, "parts": parts}


class _OpenInference:
    """Attributes of OpenInference."""

    def scores(self, record: Record) -> list[dict[str, Any]]:
        """Return no events: the scores are among the metadata."""
        return []

    def agent(self, record: Record) -> dict[str, Any]:
        return {
            "openinference.span.kind": "AGENT",
            "agent.name": record.teacher,
            "session.id": record.id,
            "metadata": dumps(about(record)),
        }

    def chat(self, record: Record, model: str, before: Sequence[RecordTurn], turn: RecordTurn) -> dict[str, Any]:
        found: dict[str, Any] = {"openinference.span.kind": "LLM", "llm.model_name": model}
        for number, tool in enumerate(_tools(record)):
            found[f"llm.tools.{number}.tool.json_schema"] = dumps(tool)
        for number, one in enumerate(before):
            found |= _flattened(f"llm.input_messages.{number}.message", one)
        return found | _flattened("llm.output_messages.0.message", turn)

    def tool(self, call: RecordCall, result: RecordTurn | None) -> dict[str, Any]:
        return {
            "openinference.span.kind": "TOOL",
            "tool.name": call.name,
            "tool.id": call.id,
            "input.value": _arguments(call),
            "input.mime_type": "application/json",
            "output.value": result.content if result else None,
        }


def _flattened(prefix: str, turn: RecordTurn) -> dict[str, Any]:
    """Return a message as attributes."""
    found: dict[str, Any] = {f"{prefix}.role": turn.role}
    if turn.reasoning:
        found |= {
            f"{prefix}.contents.0.message_content.type": "reasoning",
            f"{prefix}.contents.0.message_content.text": turn.reasoning,
        }
    if turn.content or not turn.tool_calls:
        found[f"{prefix}.content"] = turn.content
    if turn.role == "tool":
        found |= {f"{prefix}.tool_call_id": turn.tool_call_id, f"{prefix}.name": turn.name}
    for number, call in enumerate(turn.tool_calls):
        called = f"{prefix}.tool_calls.{number}.tool_call"
        found |= {
            f"{called}.id": call.id,
            f"{called}.function.name": call.name,
            f"{called}.function.arguments": _arguments(call),
        }
    return found


def _tools(record: Record) -> list[dict[str, Any]]:
    return tool_schemas(record.tools)
