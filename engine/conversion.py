"""Stored bodies -> encoded rows of one format: here, or side by side in other processes once there are very many.

What becomes of one trajectory depends on no other, so the result is the same wherever it is made; it comes back in
order. Memory holds a few chunks, whatever the number of trajectories.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing.connection import wait
from threading import Thread
from typing import NamedTuple

from engine import plugins
from engine.curate import accepted, apply_reviews, held_back
from engine.errors import StorageError
from engine.exporters._card import Told, told
from engine.exporters._json import dump_bytes
from engine.protocols import Converted
from engine.records import Record, read, record_of
from engine.types import Recipe, Review, Trajectory

Entry = tuple[int, str, Sequence[Review]]
"""A stored trajectory: its id, its body, its reviews (oldest first)."""

ALONE = 10_000
"""Trajectories that are converted before other processes are started, which takes each a second or less."""
PROCESSES = min(4, os.cpu_count() or 1)
_CHUNK = 100


class Leaving(NamedTuple):
    """What one trajectory gives: rows as JSON in UTF-8, the split they belong to, what the dataset card counts."""

    id: int
    made: Converted
    split: str = ""
    told: Told = ()


class Conversion:
    """What a recipe makes of stored trajectories, one at a time. Raises InputError when an option is wrong."""

    def __init__(self, recipe: Recipe) -> None:
        config = plugins.configure("exporters", recipe.format, recipe.options)
        self.exporter = plugins.load("exporters", recipe.format).make(config)
        self._recipe = recipe

    def leaving(self, entry: Entry) -> Leaving:
        """Return one trajectory's rows, encoded."""
        id, body, reviews = entry
        record, made = self.converted(body, reviews)
        if not made.rows:
            return Leaving(id, made)
        rows = [dump_bytes(row) for row in made.rows]
        split = split_of(record.group_id, self._recipe.seed, self._recipe.splits)
        return Leaving(id, made._replace(rows=rows), split, told(record))

    def converted(self, body: str, reviews: Sequence[Review]) -> tuple[Record, Converted]:
        """Return the record as reviewed and what the format makes of it."""
        record = read(body)
        reason = _held_back(self._recipe, record, reviews)
        if reason is None and reviews:
            reviewed = apply_reviews(Trajectory.model_validate_json(body), reviews, self._recipe.untrained)
            if reviewed is None:
                reason = "rejected_by_human"
            else:
                record = record_of(reviewed)
        return record, Converted(dropped=reason) if reason else self.exporter.convert(record)


def _held_back(recipe: Recipe, record: Record, reviews: Sequence[Review]) -> str | None:
    """Return why the recipe does not admit a trajectory, or None."""
    if reviews:
        refused = held_back(reviews)
        if refused or accepted(reviews):
            return refused
    if recipe.only_accepted:
        return "not_accepted_by_human"
    status = record.status
    if status == "kept" or (recipe.include_rejected and record.turns):
        return None
    return f"{status}:{record.reason or 'unknown'}"


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
    recipe: Recipe, source: Iterable[Entry], *, alone: int = ALONE, processes: int | None = None
) -> Generator[Leaving, None, None]:
    """Yield what each trajectory gives, in order; behind the first `alone` of them in so many other processes
    (None: as many as are worth it now).

    Raises what the source raises, and StorageError when one of the other processes is ended from outside. None of
    them outlives this iterator or this process.
    """
    conversion, entries = Conversion(recipe), iter(source)
    processes = _worth_it() if processes is None else processes
    yield from map(conversion.leaving, islice(entries, alone) if processes > 1 else entries)
    if first := list(islice(entries, _CHUNK)):
        chunks = chain([first], iter(lambda: list(islice(entries, _CHUNK)), []))
        yield from _side_by_side(recipe, conversion, chunks, processes)


def _side_by_side(
    recipe: Recipe, conversion: Conversion, chunks: Iterator[list[Entry]], processes: int
) -> Iterator[Leaving]:
    spawning = multiprocessing.get_context("spawn")  # the engine has threads, which a fork would not take along
    pool = ProcessPoolExecutor(processes, mp_context=spawning, initializer=_stay_with_parent)
    waiting: deque[Future[list[Leaving]]] = deque()
    try:
        starting = [pool.submit(_started) for _ in range(processes)]
        for chunk in chunks:
            if not all(future.done() for future in starting):
                yield from map(conversion.leaving, chunk)
                continue
            waiting.append(pool.submit(_convert_chunk, recipe, chunk))
            if len(waiting) > 2 * processes:
                yield from waiting.popleft().result()
        for future in waiting:
            yield from future.result()
    except BrokenProcessPool as error:
        told = "A process that converts the export was ended from outside, perhaps because memory ran out."
        raise StorageError(f"{told} Free some memory and export again.") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _worth_it() -> int:
    """Others only help where processors are free; on a busy machine they take from everybody and save nothing.

    On two processors they saved four percent of the time for 1.6 times the work (`python -m bench.export`).
    """
    there = os.cpu_count() or 1
    return PROCESSES if there > 2 and os.getloadavg()[0] <= there - 2 else 1


def _started() -> None:
    """Nothing to do: the answer says that a process is there."""


def _convert_chunk(recipe: Recipe, chunk: Sequence[Entry]) -> list[Leaving]:
    return list(map(Conversion(recipe).leaving, chunk))


def _stay_with_parent() -> None:
    """End with the parent, even a killed one; Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
