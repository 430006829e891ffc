"""The labelled answers: what they look like, and how they are read.

`answers.jsonl` holds one answer a line; `dialogues.jsonl.gz` the dialogues in which they are said, in full, so that a
change of a pack changes no label. A third of the answers is kept aside: it is reported apart, and nobody looks at its
failures while the checker is changed.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from engine.types import Tool, Turn

HERE = Path(__file__).parent
ANSWERS = HERE / "answers.jsonl"
DIALOGUES = HERE / "dialogues.jsonl.gz"
CLEAN = "clean"
KINDS = ("wrong_amount", "wrong_id", "wrong_date", "wrong_status", "invented", "other_record")


@dataclass(frozen=True)
class Answer:
    """One labelled answer: `turns` come before it, `spans` are the places in `text` that are wrong."""

    id: str
    dialogue: str
    turn: int
    kind: str
    text: str
    spans: tuple[tuple[int, int], ...]
    source: str

    @property
    def pack(self) -> str:
        return self.dialogue.split("/")[0]

    @property
    def kept_aside(self) -> bool:
        return is_kept_aside(self.id)


@dataclass(frozen=True)
class Dialogue:
    """What stands before an answer: the tools that are offered, and the messages, the policy first."""

    tools: tuple[Tool, ...]
    turns: tuple[Turn, ...]


def is_kept_aside(answer_id: str) -> bool:
    """Return whether an answer is of the third that nobody looks at. All answers by hand to one question, and all that
    are made from one wording, are on the same side, so that what is kept aside is worded as nothing else."""
    source, *parts = answer_id.split("/")
    group = "/".join(parts[:-1]) if source == "hand" else parts[-3]
    return int(sha256(f"{source}/{group}".encode()).hexdigest(), 16) % 3 == 0


def answers() -> list[Answer]:
    rows = map(json.loads, ANSWERS.read_text("utf-8").splitlines())
    return [Answer(**{**row, "spans": tuple(map(tuple, row["spans"]))}) for row in rows]


@cache
def dialogues() -> Mapping[str, Dialogue]:
    """Return the dialogues by id."""
    packs: dict[str, tuple[str, dict[str, Tool]]] = {}
    found: dict[str, Dialogue] = {}
    for row in _rows():
        if "policy" in row:
            tools = [Tool.model_validate(tool) for tool in row["tools"]]
            packs[row["pack"]] = (row["policy"], {tool.name: tool for tool in tools})
            continue
        policy, known = packs[row["pack"]]
        turns = (Turn(role="system", content=policy), *(Turn.model_validate(turn) for turn in row["turns"]))
        found[row["id"]] = Dialogue(tuple(known[name] for name in row["tools"]), turns)
    return found


def _rows() -> Iterator[dict]:  # type: ignore[type-arg]
    with gzip.open(DIALOGUES, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def split(found: Sequence[Answer]) -> tuple[list[Answer], list[Answer]]:
    """Return the answers that may be looked at, and those that are kept aside."""
    return [one for one in found if not one.kept_aside], [one for one in found if one.kept_aside]
