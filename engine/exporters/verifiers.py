"""Traces and episodes of verifiers (v1): a graph of messages, of which those that a model wrote are sampled.

One trace or episode per line. A turn that must not be trained is not sampled; rewards and scores stand where verifiers
reads them, everything else in `info`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from engine.exporting.about import NOT_TOLD, about, holds_more, whole_tokens
from engine.exporting.dialogue import traits
from engine.exporting.json import dumps
from engine.types import Converted, Options, Record, RecordTool, RecordTurn

__all__ = ["Verifiers"]

TRACE_VERSION = 1


class Config(Options):
    """What a line holds."""

    form: Literal["trace", "episode"] = "trace"
    """A trace, or an episode with one trace."""


class Verifiers:
    """Writes traces or episodes; drops no duplicates."""

    suffix = ".jsonl"
    never_carried = NOT_TOLD

    def __init__(self, config: Config) -> None:
        self._is_episode = config.form == "episode"

    def convert(self, record: Record) -> Converted:
        """Return the one line of a trajectory, or the reason why there is none."""
        if not record.turns:
            return Converted(dropped="no_turn")
        found = traits(record.turns)
        lost: list[str] = [name for name in ("fault", "original") if name in found]
        if any(call.raw is not None for turn in record.turns for call in turn.tool_calls):
            lost.append("broken_arguments")
        tokens = _tokens(record)
        if holds_more(record, tokens):
            lost.append("attachments")
        task = {
            "type": record.domain,
            "data": {"id": record.group_id, "name": record.template, "idx": record.index},
            "key": record.group_id,
        }
        trace = _trace(record, task, tokens)
        if not self._is_episode:
            return Converted([trace], lost=lost)
        episode = {"id": record.id, "env": {"id": record.domain}, "task": task, "group": {"id": record.group_id}}
        return Converted([episode | {"ok": True, "traces": [trace]}], lost=lost)

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}


def _tokens(record: Record) -> dict[int, dict[str, Any]]:
    """Return by turn what the nodes of answers tell of tokens; {} unless those of all answers follow on each other.

    A node holds what it adds to the whole sequence, so the prompt's new tokens stand before those of the answer.
    """
    given = whole_tokens(record)
    found: dict[int, dict[str, Any]] = {}
    seen: list[int] = []
    for place, turn in enumerate(record.turns):
        if turn.role != "assistant":
            continue
        value = given.get(place)
        if value is None or value["prompt_ids"][: len(seen)] != seen:
            return {}
        before, ids = value["prompt_ids"][len(seen) :], value["ids"]
        mask = [False] * len(before) + [turn.train] * len(ids)
        found[place] = {"token_ids": [*before, *ids], "mask": mask, "logprobs": value["logprobs"] if turn.train else []}
        seen = [*value["prompt_ids"], *ids]
    return found


def _trace(record: Record, task: Mapping[str, Any], tokens: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    tools = [_tool(tool) for tool in record.tools]
    nodes: list[dict[str, Any]] = []
    for place, turn in enumerate(record.turns):
        node: dict[str, Any] = {"parent": place - 1 if place else None}
        if not place and tools:
            node["tools"] = tools
        node |= {"message": _message(turn), "sampled": turn.role == "assistant" and turn.train, "timestamp": 0.0}
        nodes.append(node | tokens.get(place, {}))
    rewards = {} if record.reward is None else {"reward": {"score": record.reward, "weight": 1.0}}
    return {
        "version": TRACE_VERSION,
        "id": record.id,
        "task": task,
        "agent": {"config": {"model": record.models.get("teacher")}, "name": record.teacher},
        "tools": tools,
        "nodes": nodes,
        "rewards": rewards,
        "metrics": {score.name: score.value for score in record.scores},
        "info": about(record),
        "is_completed": True,
        "ok": True,
        "stop_condition": record.end,
    }


def _tool(tool: RecordTool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def _message(turn: RecordTurn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.role == "tool":
        message["tool_call_id"] = turn.tool_call_id
        if turn.name is not None:
            message["name"] = turn.name
    if turn.reasoning:
        message["reasoning_content"] = turn.reasoning
    if turn.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "name": call.name, "arguments": dumps(call.arguments) if call.raw is None else call.raw}
            for call in turn.tool_calls
        ]
    return message
