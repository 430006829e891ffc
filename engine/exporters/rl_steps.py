"""Single steps for reinforcement learning: a dialogue so far, and the call or text that should come next.

For OpenAI's reinforcement fine-tuning, whose prompts end on a user's message, and for ToolRL, whose prompts hold the
whole history as text. One row for each answer that may be trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from engine.exporting.content import content_id_of, offered_tools, tool_schemas
from engine.exporting.draft import Draft
from engine.exporting.json import dumps
from engine.exporting.messages import MessageForm
from engine.exporting.reshape import with_safe_names
from engine.exporting.rewards import ground_truth, known_right, trained_answers
from engine.exporting.tool_rl import expected_text, has_marks, history, system_text
from engine.types import Converted, Options, Record

__all__ = ["RlSteps"]

_OPENAI = MessageForm("string", "drop", empty=None, names=False)
_Row = tuple[int, dict[str, Any]]


class Config(Options):
    """For which trainer a step is written."""

    form: Literal["openai", "toolrl"] = "openai"
    """Messages with variables for a grader (OpenAI), or texts with the tags of ToolRL."""


class RlSteps:
    """Writes steps. An answer that must not be trained is read in later prompts, and no row expects it."""

    suffix = ".jsonl"
    never_carried = (
        "reward", "metadata", "task", "proof", "diff", "calls", "execution", "remarks", "tools.effect",
    )  # fmt: skip

    def __init__(self, config: Config) -> None:
        self._is_openai = config.form == "openai"

    def convert(self, record: Record) -> Converted:
        """Return the rows of a trajectory, or the reason why there are none."""
        made = known_right(record)
        if isinstance(made, str):
            return Converted(dropped=made)
        rows = list(self._openai(record, made) if self._is_openai else self._toolrl(record, made))
        if not rows:
            return Converted(dropped="no_answer_to_a_user" if self._is_openai else "call_marks_in_text")
        if len(rows) < len(list(trained_answers(made.turns))):
            made.lost.append("later_answers" if self._is_openai else "answers_with_marks")
        made.lose("fault", "original")
        if self._is_openai:
            made.lose("reasoning")
        return made.finished([row for _, row in rows], [id for id, _ in rows])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}

    def _openai(self, record: Record, made: Draft) -> Iterator[_Row]:
        """Yield a row for each answer to a user, since a prompt of OpenAI ends on a user's message."""
        turns, tools, renamed = with_safe_names(made.turns, record.tools)
        if renamed:
            made.changed.append("tools_renamed")
        messages, offered = _OPENAI.messages(turns), offered_tools(record.tools)
        for place, turn in trained_answers(turns):
            if turns[place - 1].role != "user":
                continue
            id = content_id_of(made.turns[: place + 1], offered)
            row: dict[str, Any] = {"messages": messages[:place]}
            if tools:
                row["tools"] = tool_schemas(tools)
            yield int(id, 16), row | {"ground_truth": ground_truth([turn]), "id": id, "group_id": record.group_id}

    def _toolrl(self, record: Record, made: Draft) -> Iterator[_Row]:
        offered = offered_tools(record.tools)
        policy = made.turns[0].content if made.turns[0].role == "system" else ""
        system = system_text(policy, record.tools)
        if any("<" in dumps(call.arguments) for turn in made.turns for call in turn.tool_calls):
            made.changed.append("control_tokens_escaped")
        for place, turn in trained_answers(made.turns):
            if has_marks(turn):
                continue
            id = content_id_of(made.turns[: place + 1], offered)
            prompt = [system, history(made.turns[:place])]
            yield (
                int(id, 16),
                {
                    "data_source": "rlla",
                    "prompt": [
                        {"role": r, "content": text} for r, text in zip(("system", "user"), prompt, strict=True)
                    ],
                    "ability": "tool_use" if turn.tool_calls else "response",
                    "reward_model": {"style": "rule", "ground_truth": expected_text(turn)},
                    "extra_info": {"index": int(id, 16) >> 11, "id": id, "task_id": record.group_id},
                },
            )
