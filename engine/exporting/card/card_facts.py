"""What the dataset card tells of the exported trajectories, measured on each of them and added up.

The language of a trajectory costs more than the rest of it, so it is looked for in some only: in the first
FIRST_OF_BATCH of each batch and in every EVERY_FURTHER-th behind them. Which these are depends on the trajectory alone.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from engine import plugins
from engine.hygiene.language import language_of
from engine.types import TOKENS, Record, RecordTurn

FIRST_OF_BATCH = 200
EVERY_FURTHER = 50
UNCLEAR = "unclear"
"""In place of a language: the texts are too short, or in several."""
_READ_MESSAGES, _READ_CHARACTERS = 12, 150
"""How many messages of a trajectory the detector reads, and how much of each."""

CardKey = tuple[str | None, ...]
"""What the card tabulates of one trajectory: domain, its digest, mode, outcome, teacher, its model, user, its model,
model of the judge, "human" (else None) when a human judged it, and the fingerprint of its batch."""
ScoreKey = tuple[str, str, str, str, str, bool]
"""What the card tabulates of one score: its name, who gave it and how, the model ("" for none), the version, and
whether it was measured."""
MEASURES = ("messages", "tool calls", "characters", "tokens of the assistant")


class CardFacts(NamedTuple):
    """What the card counts of one exported trajectory.

    `language` is a code of ISO 639, UNCLEAR, or None where nobody looked. `lengths` are in the order of MEASURES, None
    where a length is not known: characters are those of all messages and thoughts, without the arguments of calls;
    tokens are known where the server of the model told them for each answer.
    """

    key: CardKey
    language: str | None
    lengths: tuple[int | None, ...]
    scores: tuple[ScoreKey, ...]


def card_facts(record: Record) -> CardFacts:
    """Return what the card counts of a record."""
    looked_at = record.index < FIRST_OF_BATCH or record.index % EVERY_FURTHER == 0
    language = (language_of(_said(record.turns)) or UNCLEAR) if looked_at else None
    scores = tuple(
        [
            (one.name, one.source, one.method, one.model or "", one.version, one.value is not None)
            for one in record.scores
        ]
    )
    return CardFacts(_card_key(record), language, _lengths(record), scores)


def _card_key(record: Record) -> CardKey:
    model, scores = record.models.get, record.scores
    judged = "human" if scores and scores[-1].method == "human" else None
    places = record.domain, record.domain_digest, record.mode, record.outcome
    players = record.teacher, model("teacher"), record.user, model("user"), model("judge")
    return *places, *players, judged, record.batch_fingerprint


def _said(turns: Iterable[RecordTurn]) -> str:
    """Return what user and assistant said at the beginning of a dialogue, one message a line."""
    said = (turn.content[:_READ_CHARACTERS] for turn in turns if turn.role in ("user", "assistant") and turn.content)
    return "\n".join(islice(said, _READ_MESSAGES))


def _lengths(record: Record) -> tuple[int | None, ...]:
    turns = record.turns
    calls = sum([len(turn.tool_calls) for turn in turns])
    characters = sum([len(turn.content) + len(turn.reasoning or "") for turn in turns])
    return len(turns), calls, characters, _tokens(record)


def _tokens(record: Record) -> int | None:
    """Return how many tokens the assistant wrote; None unless they are known of each of its messages."""
    counts = {
        one.turn: len(one.value["ids"])
        for one in record.attachments
        if one.kind == TOKENS and isinstance(one.value, Mapping) and one.value.get("ids")
    }
    answers = [place for place, turn in enumerate(record.turns) if turn.role == "assistant"] if counts else ()
    return sum(counts[place] for place in answers) if answers and counts.keys() >= set(answers) else None


class Spread(NamedTuple):
    """The lengths of the trajectories in which one is known: how many these are, and what half, nine in ten and all of
    them do not exceed."""

    known: int
    half: int
    nine_in_ten: int
    all: int


@dataclass
class CardCounts:
    """The facts of all exported trajectories, added up; eight bytes a trajectory and length stay in memory."""

    seen: Counter[CardKey] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    _scores: Counter[tuple[ScoreKey, ...]] = field(default_factory=Counter)
    _lengths: Mapping[str, array[int]] = field(default_factory=lambda: {name: array("q") for name in MEASURES})

    def add(self, facts: CardFacts) -> None:
        """Count one exported trajectory."""
        self.seen[facts.key] += 1
        if facts.language is not None:
            self.languages[facts.language] += 1
        self._scores[facts.scores] += 1  # most trajectories have been judged alike, so they are told apart once
        for known, length in zip(self._lengths.values(), facts.lengths, strict=True):
            if length is not None:
                known.append(length)

    @property
    def scores(self) -> Counter[ScoreKey]:
        """How many scores there are of each kind."""
        found: Counter[ScoreKey] = Counter()
        for alike, count in self._scores.items():
            for one in alike:
                found[one] += count
        return found

    @property
    def human(self) -> int:
        """Number of trajectories that a human judged."""
        return sum(count for key, count in self.seen.items() if key[9])

    @property
    def batches(self) -> Sequence[str]:
        """The fingerprints of the batches that the trajectories are of, sorted."""
        return sorted({str(key[10]) for key in self.seen})

    def spreads(self) -> dict[str, Spread]:
        """Return the lengths by their names in MEASURES, without one that is known of no trajectory."""
        return {name: _spread(known) for name, known in self._lengths.items() if known}

    def by(self, name: str) -> Counter[str]:
        """Return counts by `name`: domain, mode, outcome, teacher, user or judge (only trajectories with a judge)."""
        found: Counter[str] = Counter()
        for key, count in self.seen.items():
            domain, _, mode, outcome, teacher, teacher_model, user, user_model, judge = key[:9]
            values = {"domain": domain, "mode": mode, "outcome": outcome, "judge": judge}
            values["teacher"] = _player_label("teachers", teacher, teacher_model)
            values["user"] = _player_label("users", user, user_model)
            if name != "judge" or judge is not None:
                found[values[name] or "none"] += count
        return found


def _spread(lengths: array[int]) -> Spread:
    ordered = sorted(lengths)
    most = len(ordered) - 1
    return Spread(len(ordered), ordered[most // 2], ordered[most * 9 // 10], ordered[most])


def _player_label(kind: str, name: Any, model: str | None) -> str:
    """Return the plug-in's name, with the model in brackets unless the plug-in is a reference, which asks none."""
    spoke = model and not plugins.trait(kind, str(name), "reference", False)
    return f"{name} ({model})" if spoke else str(name)
