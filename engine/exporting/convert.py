"""Convert stored trajectories to encoded rows of one format; large exports use further processes.

Trajectories convert independently of each other, so every process gives the same rows. Results come in the order of
the source. Memory holds a few chunks, whatever the number of trajectories.
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
from engine.exporting.alterations.altered import Altered
from engine.exporting.alterations.context_length import Fit, refuse_cut
from engine.exporting.alterations.labels import TURN_LABELS, labelled
from engine.exporting.alterations.tool_names import Renaming, refuse_whole
from engine.exporting.card.card_facts import CardFacts, card_facts
from engine.exporting.control_tokens import control_tokens, may_hold_tokens
from engine.exporting.groups import in_groups
from engine.exporting.json import dump_bytes
from engine.exporting.process import Chunk, ConverterProcess, serve_chunks
from engine.exporting.record import read
from engine.exporting.reviewed import apply_reviews
from engine.exporting.target import for_target, target_of
from engine.loop import spare_collector
from engine.reviewing.verdicts import refusal, standing
from engine.types import Converted, Recipe, Record, Review

Entry = tuple[int, bytes, Sequence[Review]]
"""A stored trajectory: its id, its body (JSON in UTF-8), its reviews (oldest first)."""

SERIAL_FIRST = 2_000
"""Trajectories that this process converts before it starts others, whose start takes up to half a second each."""
MOST_PROCESSES = 3
"""One process reads the source and writes the files for all of them, which bounds what more could add."""
_CHUNK_TRAJECTORIES, _CHUNK_BYTES = 50, 1 << 19
_LABELS = TURN_LABELS.encode()
_MOST_WAITING = 16
"""Chunks read beyond the oldest one that is not yet yielded; this bounds memory."""


class EncodedTrajectory(NamedTuple):
    """One converted trajectory. Its rows are JSON in UTF-8; without rows, `split` is empty and `facts` are None."""

    id: int
    converted: Converted
    split: str = ""
    facts: CardFacts | None = None


class Conversion:
    """Converts stored trajectories as a recipe says, one at a time. Raises InputError when an option is wrong."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe = for_target(recipe)
        config = plugins.configure("exporters", recipe.format, recipe.options)
        self.exporter = plugins.load("exporters", recipe.format).make(config)
        target = target_of(recipe)
        self.never_carried: tuple[str, ...] = (*self.exporter.never_carried, *(target.ignores if target else ()))
        self.grouped: bool = getattr(self.exporter, "grouped", False)
        whole = any(getattr(self.exporter, name, False) for name in ("whole", "uncut", "convert_group"))
        refuse_cut(recipe.context, recipe.format, whole)
        self._alterations: list[Callable[[Record], Altered]] = []
        refuse_whole(recipe.tool_names, recipe.format, getattr(self.exporter, "whole", False))
        if recipe.tool_names is not None:
            self._alterations.append(Renaming(recipe.tool_names, recipe.seed).renamed)
        if recipe.context is not None:
            self._alterations.append(Fit(recipe.context).fitted)

    def encode(self, entry: Entry) -> EncodedTrajectory:
        """Return one stored trajectory as encoded rows. Raises pydantic.ValidationError for a malformed body."""
        id, body, reviews = entry
        record, converted = self.record_and_rows(body, reviews)
        if not converted.rows:
            return EncodedTrajectory(id, converted)
        return self._encoded(entry, record, converted)

    def encode_group(self, entries: Sequence[Entry]) -> list[EncodedTrajectory]:
        """Return the stored attempts at one task as encoded rows, for an exporter that is `grouped`.

        One that gave no row and is not dropped is in the rows of others."""
        found: dict[int, EncodedTrajectory] = {}
        admitted: dict[int, Altered] = {}
        for place, (id, body, reviews) in enumerate(entries):
            altered = self.altered(body, reviews)
            if altered.dropped is None:
                admitted[place] = altered
            else:
                found[place] = EncodedTrajectory(id, altered.counted(Converted(dropped=altered.dropped)))
        made = self.exporter.convert_group([altered.record for altered in admitted.values()])
        for (place, altered), given in zip(admitted.items(), made, strict=True):
            entry, converted = entries[place], altered.counted(given)
            dropped = converted.dropped is not None
            found[place] = (
                EncodedTrajectory(entry[0], converted) if dropped else self._encoded(entry, altered.record, converted)
            )
        return [found[place] for place in range(len(entries))]

    def record_and_rows(self, body: bytes, reviews: Sequence[Review]) -> tuple[Record, Converted]:
        """Return (the record with its reviews applied, its rows as values or the reason why there are none)."""
        altered = self.altered(body, reviews)
        dropped = altered.dropped
        converted = Converted(dropped=dropped) if dropped else self.exporter.convert(altered.record)
        return altered.record, altered.counted(converted)

    def altered(self, body: bytes, reviews: Sequence[Review]) -> Altered:
        """Return the record with its reviews applied, as the recipe alters it, or why the recipe leaves it out."""
        record = read(body)
        standing_now = standing(reviews) if reviews else "none"
        reason = refusal(self._recipe, standing_now, record.status, record.reason, empty=not record.turns)
        if reason is None and reviews:
            record = apply_reviews(record, reviews, self._recipe.untrained) or record
        found = Altered(record, reason)
        for alter in self._alterations:
            if found.dropped is None:
                found = found.then(alter(found.record))
        if self._recipe.labels and found.dropped is None:
            found = found.then(labelled(found.record, record.attachments))
        return found

    def _encoded(self, entry: Entry, record: Record, converted: Converted) -> EncodedTrajectory:
        id, body, reviews = entry
        rows = [dump_bytes(row) for row in converted.rows]
        tokens = control_tokens(record.turns) if reviews or may_hold_tokens(body) else ()
        if self._recipe.labels and rows and not any(_LABELS in row for row in rows):
            converted = converted._replace(lost=[*converted.lost, "labels"])
        split = split_of(record.group_id, self._recipe.seed, self._recipe.splits)
        return EncodedTrajectory(id, converted._replace(rows=rows, tokens=tokens), split, card_facts(record))


def split_of(group_id: str, seed: int, splits: Mapping[str, float]) -> str:
    """Return the split of a group. It depends on seed and group alone, so more rows move no group to another split."""
    # 7 bytes fill the 53 bits of a float; another number of them would move groups to other splits
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


def encode_all(
    recipe: Recipe, source: Iterable[Entry], *, serial_first: int = SERIAL_FIRST, extra_processes: int | None = None
) -> Generator[EncodedTrajectory, None, None]:
    """Yield every trajectory of the source as encoded rows, in order.

    This process converts the first `serial_first` by itself, the rest together with `extra_processes` others (None:
    see `worthwhile_processes`). Raises what the source raises. The others end with this iterator
    and with this process. Where the exporter is `grouped` this process converts all, after reading the whole source,
    and attempts at one task come together.
    """
    conversion, entries = Conversion(recipe), iter(source)
    if conversion.grouped:
        for group in in_groups(entries, lambda body: read(body).group_id):
            yield from conversion.encode_group(group)
        return
    began, idle = time.monotonic(), _idle_seconds()
    yield from map(conversion.encode, entries if extra_processes == 0 else islice(entries, serial_first))
    if first := _next_chunk(entries):
        if extra_processes is None:
            extra_processes = worthwhile_processes(_idle_seconds() - idle, time.monotonic() - began)
        chunks = chain([first], iter(lambda: _next_chunk(entries), []))
        yield from _convert_in_parallel(recipe, conversion, map(Chunk, chunks), extra_processes)


def _next_chunk(entries: Iterator[Entry]) -> list[Entry]:
    """Return the next entries, [] at the end: at most _CHUNK_TRAJECTORIES, and fewer from _CHUNK_BYTES on,
    to bound memory."""
    found: list[Entry] = []
    size = 0
    while size < _CHUNK_BYTES and len(found) < _CHUNK_TRAJECTORIES and (entry := next(entries, None)) is not None:
        found.append(entry)
        size += len(entry[1])
    return found


def serve() -> None:
    """Convert what another process sends, until it closes the pipe. The main function of ConverterProcess."""
    spare_collector()
    serve_chunks(_tuple_encoder)


def _tuple_encoder(recipe: Recipe) -> Callable[[Entry], tuple[Any, ...]]:
    """Return a function from entries to plain tuples, which cost half as much to pickle as EncodedTrajectory."""
    encode = Conversion(recipe).encode

    def encoded_tuple(entry: Entry) -> tuple[Any, ...]:
        id, converted, split, facts = encode(entry)
        return id, tuple(converted), split, facts and tuple(facts)

    return encoded_tuple


def _from_tuple(encoded: tuple[Any, ...]) -> EncodedTrajectory:
    id, converted, split, facts = encoded
    return EncodedTrajectory(id, Converted(*converted), split, facts and CardFacts(*facts))


def _convert_in_parallel(
    recipe: Recipe, conversion: Conversion, chunks: Iterator[Chunk], extra_processes: int
) -> Iterator[EncodedTrajectory]:
    """Give each chunk to a process that has room, or else convert it here; yield results in the order of the chunks.

    Asking a process whether it has room, or sending to it, also fills in the results that it has answered by then."""
    converters: list[ConverterProcess] = []
    waiting: deque[Chunk] = deque()
    try:
        with suppress(OSError):  # a process that cannot start is done without
            # a list comprehension would lose, and so leak, those that started before one that does not
            converters += (ConverterProcess(recipe, _from_tuple) for _ in range(extra_processes))
        for chunk in chunks:
            waiting.append(chunk)
            taker = next((one for one in converters if one.has_room()), None)
            if taker is None:
                chunk.results = _results_of(conversion, chunk)
            else:
                taker.send(chunk)
            while waiting and (waiting[0].results is not None or len(waiting) > _MOST_WAITING):
                yield from _results_of(conversion, waiting.popleft())
        for chunk in waiting:  # few are left, and a process that hangs must not hold up the end
            yield from _results_of(conversion, chunk)
    finally:
        for one in converters:
            one.close()


def _results_of(conversion: Conversion, chunk: Chunk) -> list[EncodedTrajectory]:
    """Return a chunk's results. This process converts it itself if no other one has answered by now."""
    return list(map(conversion.encode, chunk.entries)) if chunk.results is None else chunk.results


def worthwhile_processes(idle: float, seconds: float) -> int:
    """Return how many further processes pay, up to MOST_PROCESSES.

    `idle` is the idle time of all processors together during the last `seconds`.
    """
    return min(MOST_PROCESSES, round(idle / seconds)) if seconds > 0 else 0


def _idle_seconds() -> float:
    """Return the seconds since boot that all processors together were idle; 0 where /proc/stat is missing."""
    try:
        spent = Path("/proc/stat").read_text().partition("\n")[0].split()
    except OSError:
        return 0.0
    return (int(spent[4]) + int(spent[5])) / os.sysconf("SC_CLK_TCK")
