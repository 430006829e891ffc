"""Chat JSONL for TRL, axolotl, ms-swift, prime-rl and others.

One object per line: `messages` (arguments as objects, content never null), `tools` as a JSON string, and id, group_id,
reward, metadata (one JSON string) beside them. An id is the hash of what the model would see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from engine.curate import content_id
from engine.exporters._dialogue import (
    fits_think_tags,
    metadata,
    problem,
    thinking,
    to_last_answer,
    tool_schemas,
    tools_text,
    trained_stretches,
    traits,
)
from engine.exporters._report import Report
from engine.types import Frozen, Trajectory, Turn

__all__ = ["ChatJsonl"]


class Config(Frozen):
    """`tools`: a JSON string (TRL, axolotl, ms-swift, prime-rl) or a list (NeMo-RL, verl).
    `turn_flag`: a `train` flag on each assistant message (axolotl's message_field_training), or none.
    `loss`: ms-swift's `loss` flag on each assistant message, or none.
    `reasoning`: its own field, think tags inside the content (ms-swift), or dropped.
    `split_untrained`: rows of prompt and completion, one per stretch of trained turns (TRL, which reads no flags).
    `parallel`: kept, or one call and its result at a time (gpt-oss, Llama 3, LFM2).
    `system`: the policy as first message, or left out.
    """

    tools: Literal["string", "list"] = "string"
    turn_flag: Literal["train", "none"] = "train"
    loss: Literal["none", "ms_swift"] = "none"
    reasoning: Literal["field", "think", "drop"] = "field"
    split_untrained: bool = False
    parallel: Literal["keep", "serial"] = "keep"
    system: Literal["keep", "drop"] = "keep"


class ChatJsonl:
    """Writes chat rows. A masked turn that neither a flag nor a split carries is counted as lost."""

    suffix = ".jsonl"
    keeps_duplicates = False

    def __init__(self, config: Config) -> None:
        self._config = config
        self.report = Report(never_carried=("task", "proof", "diff", "calls", "execution", "tools.effect"))
        self._seen: set[int] = set()
        self._flags = ["train"] * (config.turn_flag == "train") + ["loss"] * (config.loss == "ms_swift")
        self._carries_mask = bool(self._flags) or config.split_untrained

    def rows(self, trajectories: Iterable[Trajectory]) -> Iterator[dict[str, Any]]:
        """Yield the rows of each trajectory; one that gives none is counted with its reason."""
        for trajectory in trajectories:
            turns = to_last_answer(trajectory.turns)
            rows: list[dict[str, Any]] = []
            found = traits(turns)
            reason = self._refused(turns, found)
            if reason is None:
                rows = [row for row in self._rows(trajectory, self._shaped(turns)) if self._is_new(row["id"])]
                reason = None if rows else "duplicate"
            if reason is not None:
                self.report.drop(reason)
                continue
            self._count(trajectory, turns, found)
            self.report.trajectories += 1
            self.report.exported += 1
            self.report.rows += len(rows)
            yield from rows

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Nothing stands beside the data."""
        return {}

    def _is_new(self, id: str) -> bool:
        """Remember the id; 8 bytes of it, so that a million rows take little memory."""
        number = int(id, 16)
        known = number in self._seen
        self._seen.add(number)
        return not known

    def _refused(self, turns: Sequence[Turn], found: set[str]) -> str | None:
        if not turns:
            return "no_assistant_turn"
        if "trained" not in found:
            return "nothing_to_train"
        return problem(turns)

    def _count(self, trajectory: Trajectory, turns: Sequence[Turn], found: set[str]) -> None:
        lost, changed, config = self.report.lost, self.report.changed, self._config
        if len(turns) < len(trajectory.turns):
            changed["cut_to_last_answer"] += 1
        for name in found & {"fault", "original"}:
            lost[name] += 1
        if "reasoning" in found and not all(self._keeps(turn) for turn in turns if turn.reasoning):
            lost["reasoning"] += 1
        if "masked" in found and not self._carries_mask:
            lost["train"] += 1
        if config.system == "drop" and turns[0].role == "system":
            lost["system"] += 1
        if config.parallel == "serial" and "parallel" in found:
            changed["parallel_made_serial"] += 1

    def _shaped(self, turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
        if self._config.system == "drop" and turns[0].role == "system":
            turns = turns[1:]
        return serial(turns) if self._config.parallel == "serial" else turns

    def _rows(self, trajectory: Trajectory, turns: Sequence[Turn]) -> Iterator[dict[str, Any]]:
        messages = [self._message(turn) for turn in turns]
        if not self._config.split_untrained:
            yield self._with({"messages": messages}, trajectory, turns)
            return
        for start, end in trained_stretches(turns):
            said = {"prompt": messages[:start], "completion": messages[start:end]}
            yield self._with(said, trajectory, turns[:end])

    def _with(self, said: dict[str, Any], trajectory: Trajectory, turns: Sequence[Turn]) -> dict[str, Any]:
        told = tools_text if self._config.tools == "string" else tool_schemas
        return said | {
            "tools": told(trajectory.tools),
            "id": content_id(turns, trajectory.tools),
            "group_id": trajectory.group_id,
            "reward": trajectory.reward,
            "metadata": metadata(trajectory),
        }

    def _message(self, turn: Turn) -> dict[str, Any]:
        role = turn.role
        if role == "tool":
            answered = {"role": role, "content": turn.content, "tool_call_id": turn.tool_call_id}
            return answered if turn.name is None else answered | {"name": turn.name}
        made: dict[str, Any] = {"role": role, "content": turn.content}
        return self._answer(turn, made) if role == "assistant" else made

    def _keeps(self, turn: Turn) -> bool:
        """Say whether the turn's reasoning leaves with it."""
        where = self._config.reasoning
        return where == "field" or (where == "think" and fits_think_tags(turn.reasoning))

    def _answer(self, turn: Turn, made: dict[str, Any]) -> dict[str, Any]:
        if turn.reasoning and self._keeps(turn):
            if self._config.reasoning == "field":
                made["reasoning_content"] = turn.reasoning
            else:
                made["content"] = thinking(turn.reasoning, turn.content)
        if turn.tool_calls:
            made["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in turn.tool_calls
            ]
        for flag in self._flags:
            made[flag] = turn.train
        return made


def serial(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Return the turns with one call and its result at a time; text and reasoning stay with the first call."""
    found: list[Turn] = []
    for index, turn in enumerate(turns):
        if len(turn.tool_calls) < 2:
            if turn.role != "tool" or not _after_parallel(turns, index):
                found.append(turn)
            continue
        results = {t.tool_call_id: t for t in _results_after(turns, index)}
        for number, call in enumerate(turn.tool_calls):
            kept = {} if number == 0 else {"content": "", "reasoning": None, "original": None}
            found.append(turn.model_copy(update={"tool_calls": (call,), **kept}))
            if call.id not in results:
                return tuple(found)
            found.append(results[call.id])
    return tuple(found)


def _results_after(turns: Sequence[Turn], index: int) -> Iterator[Turn]:
    for turn in turns[index + 1 :]:
        if turn.role != "tool":
            return
        yield turn


def _after_parallel(turns: Sequence[Turn], index: int) -> bool:
    """Say whether the result at `index` answers one of several parallel calls."""
    while turns[index].role == "tool":
        index -= 1
    return len(turns[index].tool_calls) > 1
