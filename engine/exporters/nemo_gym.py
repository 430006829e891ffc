"""NeMo Gym: tasks that expect one next action, and finished rollouts, both with items of OpenAI's Responses API.

A task has a row for each answer that may be trained. A rollout ends before the first answer that must not be; token ids
and log-probabilities stand in the last item of their answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from engine.exporting.about import holds_more, whole_tokens
from engine.exporting.content import content_id_of, offered_tools
from engine.exporting.dialogue import Turns, metadata
from engine.exporting.draft import Draft, draft
from engine.exporting.json import dumps
from engine.exporting.reshape import with_safe_names
from engine.exporting.rewards import first_answer, known_right, trained_answers
from engine.types import Converted, Options, Record, RecordTool, RecordTurn

__all__ = ["NemoGym"]

AGENT = "single_step_tool_use_with_argument_comparison_agent"
"""The agent of NeMo Gym whose verifier compares the next action with `expected_action`."""


class Config(Options):
    """What a row holds."""

    form: Literal["task", "rollout"] = "task"
    """The dialogue so far with the expected action, or a whole rollout with its reward."""


class NemoGym:
    """Writes tasks or rollouts of NeMo Gym; renames tools whose names the Responses API does not allow."""

    suffix = ".jsonl"
    never_carried: tuple[str, ...] = ("task", "proof", "diff", "calls", "execution", "remarks", "tools.effect")

    def __init__(self, config: Config) -> None:
        self._is_rollout = self.uncut = config.form == "rollout"  # its reward is that of the whole dialogue
        if not self._is_rollout:
            self.never_carried = (*NemoGym.never_carried, "reward", "metadata")

    def convert(self, record: Record) -> Converted:
        """Return the rows of a trajectory, or the reason why there are none."""
        made = draft(record, cut=True, asked=True) if self._is_rollout else known_right(record)
        if isinstance(made, str):
            return Converted(dropped=made)
        if self._is_rollout and record.reward is None:
            return Converted(dropped="no_reward")
        made.lose("fault", "original")
        turns, tools, renamed = with_safe_names(made.turns, record.tools)
        if renamed:
            made.changed.append("tools_renamed")
        if self._is_rollout:
            return made.finished([self._rollout(record, made, turns, tools)])
        rows = list(self._tasks(record, made, turns, tools))
        if not rows:
            return Converted(dropped="parallel_calls_only")
        return made.finished([row for _, row in rows], [id for id, _ in rows])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}

    def _tasks(
        self, record: Record, made: Draft, turns: Turns, tools: Sequence[RecordTool]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield a row for each trained answer but those with several calls, of which the verifier compares one."""
        offered = offered_tools(record.tools)
        skipped = False
        for place, turn in trained_answers(turns):
            if len(turn.tool_calls) > 1:
                skipped = True
                continue
            if turn.tool_calls:
                (call,) = turn.tool_calls
                expected = {"type": "function_call", "name": call.name, "arguments": dumps(call.arguments)}
            else:
                expected = {"type": "message", "content": turn.content}
            id = content_id_of(made.turns[: place + 1], offered)
            yield (
                int(id, 16),
                {
                    "responses_create_params": _request(_items(turns[:place]), tools, parallel=False),
                    "expected_action": expected,
                    "agent_ref": {"type": "responses_api_agents", "name": AGENT},
                    "id": id,
                    "group_id": record.group_id,
                },
            )
        if skipped:
            made.lost.append("parallel_calls")

    def _rollout(self, record: Record, made: Draft, turns: Turns, tools: Sequence[RecordTool]) -> dict[str, Any]:
        start = first_answer(turns)
        tokens = {place: value for place, value in whole_tokens(record).items() if place < len(turns)}
        if not holds_more(record, tokens):
            made.lost[:] = [name for name in made.lost if name != "attachments"]
        parallel = "parallel" in made.found
        id = f"{made.id():016x}"
        request = _request(_items(turns[:start]), tools, parallel=parallel)
        return {
            "responses_create_params": request,
            "response": {
                "id": f"resp_{id}",
                "created_at": 0,
                "model": record.models.get("teacher", record.teacher),
                "object": "response",
                "output": _items(turns, start, tokens),
                "parallel_tool_calls": parallel,
                "tool_choice": "auto",
                "tools": request["tools"],
            },
            "reward": record.reward,
            "agent_ref": {"type": "responses_api_agents", "name": record.teacher},
            "id": id,
            "group_id": record.group_id,
            "metadata": metadata(record),
        }


def _request(items: Sequence[Any], tools: Sequence[RecordTool], *, parallel: bool) -> dict[str, Any]:
    offered = [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": False,
        }
        for tool in tools
    ]
    return {"input": items, "tools": offered, "parallel_tool_calls": parallel}


def _items(turns: Turns, start: int = 0, tokens: Mapping[int, Any] | None = None) -> list[dict[str, Any]]:
    """Return the turns from `start` on as items; `tokens` by turn."""
    found: list[dict[str, Any]] = []
    for place, turn in enumerate(turns[start:], start):
        if turn.role == "tool":
            found.append({"type": "function_call_output", "call_id": turn.tool_call_id, "output": turn.content})
        elif turn.role == "assistant":
            found += _answer_items(place, turn)
            if tokens and place in tokens:
                found[-1] |= _token_fields(tokens[place])
        else:
            found.append({"type": "message", "role": turn.role, "content": turn.content})
    return found


def _answer_items(place: int, turn: RecordTurn) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if turn.reasoning:
        summary = [{"type": "summary_text", "text": turn.reasoning}]
        found.append({"type": "reasoning", "id": f"rs_{place}", "summary": summary})
    if turn.content.strip() or not turn.tool_calls:
        content = [{"type": "output_text", "text": turn.content, "annotations": []}]
        message = {"type": "message", "id": f"msg_{place}", "role": "assistant", "status": "completed"}
        found.append(message | {"content": content})
    found += [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": dumps(call.arguments)}
        for call in turn.tool_calls
    ]
    return found


def _token_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "prompt_token_ids": value["prompt_ids"],
        "generation_token_ids": value["ids"],
        "generation_log_probs": value["logprobs"],
    }
