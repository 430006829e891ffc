"""Stored bodies -> encoded rows of one format: here, or side by side in other processes once there are very many.

What becomes of one trajectory depends on no other, so the result is the same wherever it is made; it comes back in
order. Memory holds a few chunks, whatever the number of trajectories.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from engine import plugins
from engine.exporting.card import Told, told
from engine.exporting.json import dump_bytes
from engine.exporting.process import Chunk, Converter, answer
from engine.exporting.record import read
from engine.exporting.reviewed import apply_reviews
from engine.exporting.target import aimed, target_of
from engine.loop import spare_collector
from engine.reviewing.verdicts import refusal, standing
from engine.types import Converted, Recipe, Record, Review

Entry = tuple[int, bytes, Sequence[Review]]
"""A stored trajectory: its id, its body (JSON in UTF-8), its reviews (oldest first)."""

ALONE = 2_000
"""Trajectories that are converted before other processes are started, which takes each half a second or less."""
OTHERS = 3
_CHUNK, _CHUNK_BYTES = 50, 1 << 19
_AHEAD = 16
"""Chunks that may wait for their turn."""


class Leaving(NamedTuple):
    """What one trajectory gives: rows as JSON in UTF-8, the split they belong to, what the dataset card counts."""

    id: int
    made: Converted
    split: str = ""
    told: Told = ()


class Conversion:
    """What a recipe makes of stored trajectories, one at a time. Raises InputError when an option is wrong."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe = aimed(recipe)
        config = plugins.configure("exporters", recipe.format, recipe.options)
        self.exporter = plugins.load("exporters", recipe.format).make(config)
        target = target_of(recipe)
        self.never_carried: tuple[str, ...] = (*self.exporter.never_carried, *(target.ignores if target else ()))

    def leaving(self, entry: Entry) -> Leaving:
        """Return one trajectory's rows, encoded."""
        id, body, reviews = entry
        record, made = self.converted(body, reviews)
        if not made.rows:
            return Leaving(id, made)
        rows = [dump_bytes(row) for row in made.rows]
        split = split_of(record.group_id, self._recipe.seed, self._recipe.splits)
        return Leaving(id, made._replace(rows=rows), split, told(record))

    def converted(self, body: bytes, reviews: Sequence[Review]) -> tuple[Record, Converted]:
        """Return the record as reviewed and what the format makes of it."""
        record = read(body)
        found = standing(reviews) if reviews else "none"
        reason = refusal(self._recipe, found, record.status, record.reason, empty=not record.turns)
        if reason is None and reviews:
            record = apply_reviews(record, reviews, self._recipe.untrained) or record
        return record, Converted(dropped=reason) if reason else self.exporter.convert(record)


def split_of(group_id: str, seed: int, splits: Mapping[str, float]) -> str:
    """Return the split of a group. It depends on seed and group alone, so more rows move nothing."""
    share = int.from_bytes(hashlib.sha256(f"{seed}:{group_id}".encode()).digest()[:7], "big") / (1 << 56)
    total = 0.0
    last = ""
    for name, part in splits.items():
        if part <= 0:
            continue
        total, last = total + part, name
        if share < total:
            return name
    return last


# ---------------------------------------------------------------- many


def convert(
    recipe: Recipe, source: Iterable[Entry], *, alone: int = ALONE, others: int | None = None
) -> Generator[Leaving, None, None]:
    """Yield what each trajectory gives, in order; behind the first `alone` of them with so many other processes
    (None: one for each processor that nobody used until then).

    Raises what the source raises. None of the others outlives this iterator or this process.
    """
    conversion, entries = Conversion(recipe), iter(source)
    began, idle = time.monotonic(), _idle()
    yield from map(conversion.leaving, entries if others == 0 else islice(entries, alone))
    if first := _some(entries):
        if others is None:
            others = spare(_idle() - idle, time.monotonic() - began)
        chunks = chain([first], iter(lambda: _some(entries), []))
        yield from _side_by_side(recipe, conversion, map(Chunk, chunks), others)


def _some(entries: Iterator[Entry]) -> list[Entry]:
    """Return the next few, fewer where they are long: a number of chunks is held at a time."""
    found: list[Entry] = []
    size = 0
    while size < _CHUNK_BYTES and len(found) < _CHUNK and (entry := next(entries, None)) is not None:
        found.append(entry)
        size += len(entry[1])
    return found


def serve() -> None:
    """Be one of the other processes."""
    spare_collector()
    answer(_packing)


def _packing(recipe: Recipe) -> Callable[[Entry], tuple[Any, ...]]:
    leaving = Conversion(recipe).leaving

    def packed(entry: Entry) -> tuple[Any, ...]:
        """Return what one trajectory gives as plain tuples, which pass a pipe at half the cost."""
        id, made, split, told = leaving(entry)
        return id, tuple(made), split, told

    return packed


def _unpacked(found: tuple[Any, ...]) -> Leaving:
    id, made, split, told = found
    return Leaving(id, Converted(*made), split, told)


def _side_by_side(recipe: Recipe, conversion: Conversion, chunks: Iterator[Chunk], others: int) -> Iterator[Leaving]:
    """Convert each chunk here or where there is room for it; what came back early waits for its turn."""
    converters: list[Converter] = []
    waiting: deque[Chunk] = deque()
    try:
        with suppress(OSError):  # no room for another process, so without it
            converters += (Converter(recipe, _unpacked) for _ in range(others))
        for chunk in chunks:
            waiting.append(chunk)
            taker = next((one for one in converters if one.takes()), None)
            if taker is None:
                chunk.made = _made(conversion, chunk)
            else:
                taker.give(chunk)
            while waiting and (waiting[0].made is not None or len(waiting) > _AHEAD):
                yield from _made(conversion, waiting.popleft())
        for chunk in waiting:
            yield from _made(conversion, chunk)
    finally:
        for one in converters:
            one.end()


def _made(conversion: Conversion, chunk: Chunk) -> list[Leaving]:
    """Return what a chunk gives. What is late is converted here: its process may have ended, or have to wait."""
    return list(map(conversion.leaving, chunk.entries)) if chunk.made is None else chunk.made


def spare(idle: float, seconds: float) -> int:
    """Return how many other processes are worth it when the processors idled so many seconds, all together, of some."""
    return min(OTHERS, round(idle / seconds)) if seconds > 0 else 0


def _idle() -> float:
    """Return the seconds that the processors had nothing to do so far, all together; 0 where Linux does not tell."""
    try:
        spent = Path("/proc/stat").read_text().partition("\n")[0].split()
    except OSError:
        return 0.0
    return (int(spent[4]) + int(spent[5])) / os.sysconf("SC_CLK_TCK")
