"""ATIF v1.8, the Agent Trajectory Interchange Format of Harbor: whole trajectories with results, judgement and masks.

One document per line. Results stand in the step of their calls; what ATIF has no field for stands in `extra`: whether a
step is trained, faults, replaced turns, attachments, and where the trajectory comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.exporting.about import NOT_TOLD, about, attachment_fields, attachments_by_turn, broken_order, without_empty
from engine.exporting.content import tool_schemas
from engine.types import TOKENS, Converted, Options, Record, RecordAttachment, RecordCall, RecordTurn

__all__ = ["Atif"]

_SOURCES = {"system": "system", "user": "user", "assistant": "agent"}


class Config(Options):
    """ATIF has one form."""


class Atif:
    """Writes ATIF documents; drops no duplicates. Tokens of an answer become its metrics."""

    suffix = ".jsonl"
    never_carried = NOT_TOLD

    def __init__(self, config: Config) -> None:
        pass

    def convert(self, record: Record) -> Converted:
        """Return the one document of a trajectory, or the reason why there is none."""
        reason = broken_order(record.turns) if record.turns else "no_turn"
        if reason is not None:
            return Converted(dropped=reason)
        attached = attachments_by_turn(record)
        steps: list[dict[str, Any]] = []
        for place, turn in enumerate(record.turns):
            if turn.role == "tool":
                results = steps[-1].setdefault("observation", {"results": []})["results"]
                results.append(_result(turn, attached.get(place, ())))
            else:
                steps.append({"step_id": len(steps) + 1} | _step(turn, attached.get(place, ())))
        agent: dict[str, Any] = {"name": record.teacher, "version": record.batch_fingerprint}
        if "teacher" in record.models:
            agent["model_name"] = record.models["teacher"]
        row = {
            "schema_version": "ATIF-v1.8",
            "session_id": record.group_id,
            "trajectory_id": record.id,
            "agent": agent | {"tool_definitions": tool_schemas(record.tools)},
            "steps": steps,
            "final_metrics": {"total_steps": len(steps)},
            "extra": about(record),
        }
        lost = ["attachments"] if any(place >= len(record.turns) for place in attached) else []
        return Converted([row], lost=lost)

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}


def _step(turn: RecordTurn, attachments: Sequence[RecordAttachment]) -> dict[str, Any]:
    step: dict[str, Any] = {"source": _SOURCES[turn.role], "message": turn.content}
    tokens = [one.value for one in attachments if one.kind == TOKENS and isinstance(one.value, Mapping)]
    kept = [one for one in attachments if one.kind != TOKENS or turn.role != "assistant"]
    extra: dict[str, Any] = {"original": _original(turn.original), "attachments": attachment_fields(kept)}
    if turn.role == "assistant":
        step |= without_empty(
            {
                "reasoning_content": turn.reasoning,
                "tool_calls": [_call(call) for call in turn.tool_calls],
                "metrics": _metrics(tokens[0]) if tokens else None,
            }
        )
        extra["train"] = turn.train
    return step | without_empty({"extra": without_empty(extra)})


def _call(call: RecordCall) -> dict[str, Any]:
    found = {"tool_call_id": call.id, "function_name": call.name, "arguments": call.arguments}
    return found | ({"extra": {"raw": call.raw}} if call.raw is not None else {})


def _result(turn: RecordTurn, attachments: Sequence[RecordAttachment]) -> dict[str, Any]:
    extra = {"name": turn.name, "fault": turn.fault, "attachments": attachment_fields(attachments)}
    found = {"source_call_id": turn.tool_call_id, "content": turn.content}
    return found | without_empty({"extra": without_empty(extra)})


def _original(turn: RecordTurn | None) -> dict[str, Any] | None:
    """Return the turn that a correction replaced, as a step without number."""
    return None if turn is None else _step(turn, ())


def _metrics(tokens: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ids and log-probabilities of an answer; ATIF wants a number for each token or none at all."""
    scores = tokens.get("logprobs") or []
    return without_empty(
        {
            "prompt_token_ids": tokens.get("prompt_ids"),
            "completion_token_ids": tokens.get("ids"),
            "logprobs": scores if None not in scores else None,
            "extra": without_empty({"tokens": tokens.get("texts"), "logprobs": scores if None in scores else None}),
        }
    )
