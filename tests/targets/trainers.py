"""What each trainer trains of a row, by the rule of its own code. A new target needs its rule here.

TRL's rule is its own code, run in tests/exporters/test_trl_masks.py; here stands what its masks come to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]
Message = Mapping[str, Any]


def _trl(row: Row) -> Iterator[Message]:
    """SFTTrainer: `completion_mask` and `assistant_masks` both; of a message it reads what its template uses."""
    yield from (m for m in row["completion"] if m["role"] == "assistant")


def _axolotl(row: Row) -> Iterator[Message]:
    """ChatTemplateStrategy: `message_field_training` where a message has it, else `roles_to_train`."""
    for message in row["messages"]:
        told = message.get("train")
        if told if told is not None else message["role"] == "assistant":
            yield message


def _ms_swift(row: Row) -> Iterator[Message]:
    """LossScale._inner_call; of a message only these keys are left, and `loss` goes with each of its calls."""
    for message in row["messages"]:
        kept = {key: value for key, value in message.items() if key in ("role", "content", "loss", "tool_calls")}
        if kept["role"] == "assistant" and kept.get("loss") is not False:
            yield kept


def _prime_rl(row: Row) -> Iterator[Message]:
    """SFTDataset._process: messages, else prompt and completion put together, and then by role alone."""
    messages = row["messages"] if "messages" in row else [*row["prompt"], *row["completion"]]
    yield from (m for m in messages if m["role"] == "assistant")


def _llamafactory(row: Row) -> Iterator[Message]:
    """SupervisedDatasetProcessor: every answer of the sharegpt roles at even places."""
    yield from (turn for turn in row["conversations"] if turn["from"] in ("gpt", "function_call"))


TRAINED: dict[str, Callable[[Row], Iterator[Message]]] = {
    "axolotl": _axolotl,
    "llamafactory": _llamafactory,
    "ms_swift": _ms_swift,
    "prime_rl": _prime_rl,
    "trl": _trl,
}


def trained_text(target: str, row: Row) -> str:
    """Return all that the trainer trains of a row, as one text."""
    return json.dumps(list(TRAINED[target](row)), ensure_ascii=False)
