"""Tasks for reinforcement learning: the first request as a prompt, and the calls and the answer that are expected.

For GRPO of TRL, verl and SkyRL, whose models answer by themselves and call tools in an environment. The dialogue that
solved the task stays behind. Attempts at one task give one row. The environment is named by ids and hashes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from engine.exporting.content import offered_tools
from engine.exporting.dialogue import Turns
from engine.exporting.rewards import (
    environment_of,
    first_answer,
    first_request,
    ground_truth,
    known_right,
    task_number,
)
from engine.types import Converted, Options, Record

__all__ = ["RlTasks"]

ENVIRONMENT = "turnwright"
"""The name under which SkyRL finds the environment that a user registers."""


class Config(Options):
    """For which trainer a task is written."""

    form: Literal["trl", "verl", "skyrl"] = "trl"
    """Columns for reward functions (TRL), for reward and agent loop (verl), or for an environment (SkyRL)."""


class RlTasks:
    """Writes tasks. A call that must not be trained is not among the expected ones."""

    suffix = ".jsonl"
    whole = True  # what is expected is that of the whole dialogue, under the names of the real tools
    never_carried = (
        "results", "tool_call_id", "reward", "metadata", "task", "proof", "diff", "calls", "execution", "remarks",
        "tools.effect",
    )  # fmt: skip

    def __init__(self, config: Config) -> None:
        self._row = {"trl": _trl, "verl": _verl, "skyrl": _skyrl}[config.form]

    def convert(self, record: Record) -> Converted:
        """Return the one row of a task, or the reason why there is none."""
        made = known_right(record)
        if isinstance(made, str):
            return Converted(dropped=made)
        prompt = made.turns[: first_answer(made.turns)]
        following = first_request(made.turns)
        if not any(turn.role == "assistant" and turn.train for turn in following):
            return Converted(dropped="nothing_expected")
        made.lose("fault", "original", "reasoning")
        if "beside" in made.found:
            made.lost.append("text_beside_call")
        if len(prompt) + len(following) < len(made.turns):
            made.lost.append("later_turns")
        number = task_number(record, prompt)
        return made.finished([self._row(record, prompt, ground_truth(following), number)], [number])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}


def _messages(prompt: Turns) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in prompt]


def _trl(record: Record, prompt: Turns, expected: str, number: int) -> dict[str, Any]:
    """`environment` chooses among several environments; every other column reaches reward functions and reset."""
    return {
        "prompt": _messages(prompt),
        "ground_truth": expected,
        "tools": offered_tools(record.tools).text,
        "environment": record.domain,
        "id": f"{number:016x}",
        **environment_of(record),
    }


def _verl(record: Record, prompt: Turns, expected: str, number: int) -> dict[str, Any]:
    """Nested values of varying keys are texts, and no object is empty, so that Parquet holds the rows."""
    about = {"id": f"{number:016x}", **environment_of(record), "tools": offered_tools(record.tools).text}
    return {
        "data_source": f"turnwright/{record.domain}",
        "prompt": _messages(prompt),
        "ability": "tool_use",
        "reward_model": {"style": "rule", "ground_truth": expected},
        "agent_name": "tool_agent",
        "extra_info": {
            "index": number >> 11,  # 53 bits, which every reader of JSON keeps
            "need_tools_kwargs": False,
            "tool_selection": [tool.name for tool in record.tools],
            **about,
        },
    }


def _skyrl(record: Record, prompt: Turns, expected: str, number: int) -> dict[str, Any]:
    """All but `prompt` and `env_class` reaches the environment as its extras."""
    return {
        "prompt": _messages(prompt),
        "env_class": ENVIRONMENT,
        "reward_spec": {"method": "rule", "ground_truth": expected},
        "tools": offered_tools(record.tools).text,
        "id": f"{number:016x}",
        **environment_of(record),
    }
