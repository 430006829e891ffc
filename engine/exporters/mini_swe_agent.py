"""Trajectories as mini-swe-agent 2 writes them (`mini-swe-agent-1.1`), one a line.

Messages have OpenAI's shape; `extra` holds the commands of an answer, whether it may be trained, and the reasons of
failed results. Calls of tools that take no command stand in `tool_calls` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.exporting.about import NOT_TOLD, about, without_empty
from engine.exporting.content import tool_schemas
from engine.exporting.dialogue import timeless
from engine.exporting.messages import MessageForm
from engine.types import Converted, Options, Record, RecordTurn

__all__ = ["MiniSweAgent"]

_FORM = MessageForm("string")
_STATUS = {"done": "Submitted"}


class Config(Options):
    """Trajectories of mini-swe-agent have one form."""


class MiniSweAgent:
    """Writes trajectories of mini-swe-agent; drops no duplicates."""

    suffix = ".jsonl"
    never_carried = (*NOT_TOLD, "cost", "times")

    def __init__(self, config: Config) -> None:
        pass

    def convert(self, record: Record) -> Converted:
        """Return the one document of a trajectory, or the reason why there is none."""
        if not record.turns:
            return Converted(dropped="no_turn")
        if any(call.raw is not None for turn in record.turns for call in turn.tool_calls):
            return Converted(dropped="unparsable_call")
        messages = _FORM.messages(record.turns)
        for turn, message in zip(record.turns, messages, strict=True):
            message |= without_empty({"extra": _extra(turn)})
        status = _STATUS.get(record.end, record.end)
        ending = {"exit_status": status, "submission": ""}
        messages.append({"role": "exit", "content": "", "extra": ending})
        row = {
            "info": {
                "model_stats": {"api_calls": sum(turn.role == "assistant" for turn in record.turns)},
                "config": {
                    "agent": {"name": record.teacher, "tools": tool_schemas(record.tools)},
                    "agent_type": record.teacher,
                    "model": {"model_name": record.models.get("teacher", record.teacher)},
                },
                "mini_version": "turnwright",
                **ending,
                "turnwright": {"id": record.id} | about(record),
            },
            "messages": messages,
            "trajectory_format": "mini-swe-agent-1.1",
        }
        return Converted([row], lost=["attachments"] if timeless(record.attachments) else [])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}


def _extra(turn: RecordTurn) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if turn.original is not None:
        (message,) = _FORM.messages([turn.original])
        extra["original"] = message
    if turn.role == "tool":
        extra |= {"raw_output": turn.content, "fault": turn.fault}
    found = without_empty(extra)
    if turn.role == "assistant":
        found["train"] = turn.train
        found["actions"] = [
            {"command": call.arguments["command"], "tool_call_id": call.id}
            for call in turn.tool_calls
            if isinstance(call.arguments.get("command"), str)
        ]
    return found
