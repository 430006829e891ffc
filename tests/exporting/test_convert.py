"""Parallel conversion gives the same rows as serial conversion, in order, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.errors import InputError, StorageError
from engine.exporting.convert import (
    MOST_PROCESSES,
    SERIAL_FIRST,
    Conversion,
    EncodedTrajectory,
    Entry,
    _from_tuple,
    encode_all,
    split_of,
    worthwhile_processes,
)
from engine.exporting.process import Chunk, ConverterProcess
from engine.types import Recipe, Review
from tests.exporting.export_steps import entries
from tests.samples.trajectories import hostile_trajectories, mixed_trajectories, shop_trajectory
from tests.samples.turns import assistant_turn, user_turn

REVIEWS = {0: [Review(trajectory=0, turn=5, verdict="reject")], 3: [Review(trajectory=3, verdict="reject")]}
MANY = entries([shop_trajectory(n, (user_turn(f"Question {n}?"), assistant_turn(f"Answer {n}."))) for n in range(900)])


def endless() -> Iterator[Entry]:
    while True:
        yield from MANY


def in_parallel(recipe: Recipe, source: Iterable[Entry]) -> Generator[EncodedTrajectory, None, None]:
    return encode_all(recipe, source, serial_first=3, extra_processes=2)


def slowly(source: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries, with a pause after 300 in which the other processes start."""
    for count, entry in enumerate(source):
        if count == 300:
            time.sleep(3)
        yield entry


def until(happened: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children(of: int | None = None) -> list[int]:
    """Return the ids of the converting children of a process, of this one by default."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            converts = b"engine.exporting.convert" in (path / "cmdline").read_bytes()
        except OSError:
            continue
        if converts and parent == (of or os.getpid()):
            found.append(int(path.name))
    return found


@pytest.mark.parametrize("format", ["chat_jsonl", "llamafactory", "trajectory"])
def test_other_processes_convert_alike(format: str) -> None:
    source = [
        *entries([*mixed_trajectories(), *hostile_trajectories()], REVIEWS),
        *MANY,
        *entries([*hostile_trajectories(), *mixed_trajectories()], REVIEWS),
    ]
    serial = list(encode_all(Recipe(format=format), source, extra_processes=0))
    parallel = list(in_parallel(Recipe(format=format), slowly(source)))
    assert parallel == serial
    assert [encoded.id for encoded in parallel] == [id for id, _, _ in source]
    assert children() == []


def test_other_processes_really_convert() -> None:
    recipe = Recipe()
    converter = ConverterProcess(recipe, _from_tuple)
    try:
        until(converter.has_room)
        chunk = Chunk(MANY[:7])
        converter.send(chunk)
        until(lambda: converter.has_room() and chunk.results is not None)
        assert chunk.results == [Conversion(recipe).encode(entry) for entry in MANY[:7]]
    finally:
        converter.close()
    assert children() == []


def test_chunks_larger_than_a_pipe_pass() -> None:
    large = entries([shop_trajectory(n, (user_turn("x" * 300_000), assistant_turn("y" * 300_000))) for n in range(120)])
    assert list(in_parallel(Recipe(), chain(slowly(MANY), large))) == list(
        encode_all(Recipe(), [*MANY, *large], extra_processes=0)
    )


def test_a_source_that_fails_ends_the_other_processes() -> None:
    def broken() -> Iterator[Entry]:
        yield from islice(endless(), 2_000)
        raise StorageError("The database is gone.")

    with pytest.raises(StorageError, match="gone"):
        list(in_parallel(Recipe(), broken()))
    assert children() == []


def test_an_export_that_is_given_up_ends_the_other_processes() -> None:
    converting = in_parallel(Recipe(), endless())
    assert [encoded.id for encoded in islice(converting, 20)] == list(range(20))
    assert len(children()) == 2
    converting.close()
    assert children() == []


def test_chunks_of_a_killed_process_are_converted_here() -> None:
    source = [entry for _ in range(20) for entry in MANY]
    converting = in_parallel(Recipe(), slowly(source))
    found = list(islice(converting, 600))  # both have started and hold chunks
    for victim in children():
        os.kill(victim, signal.SIGKILL)
    assert [encoded.id for encoded in (*found, *converting)] == [id for id, _, _ in source]


@pytest.mark.parametrize("place", [1, 600])
def test_a_body_that_is_no_trajectory_fails_wherever_it_is_converted(place: int) -> None:
    source: list[Entry] = [*MANY, *MANY[:50]]
    source[place] = (7, b"{}", [])
    with pytest.raises(ValidationError):
        list(in_parallel(Recipe(), slowly(source)))
    assert children() == []


@pytest.mark.parametrize(
    ("idle", "seconds", "processes"),
    [(0.0, 0.0, 0), (0.04, 0.1, 0), (0.09, 0.1, 1), (2.2, 1.0, 2), (15.0, 1.0, MOST_PROCESSES)],
)
def test_as_many_processes_as_processors_that_are_idle(idle: float, seconds: float, processes: int) -> None:
    assert worthwhile_processes(idle, seconds) == processes


def test_a_few_are_converted_here() -> None:
    converting = encode_all(Recipe(), endless())
    assert len(list(islice(converting, SERIAL_FIRST))) == SERIAL_FIRST
    assert children() == []


def test_a_wrong_option_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError, match="tools"):
        next(encode_all(Recipe(options={"tools": "table"}), iter(())))


def test_a_killed_engine_leaves_no_process_behind(tmp_path: Path) -> None:
    script = tmp_path / "converts.py"
    script.write_text(
        "import time\n"
        "from itertools import islice\n"
        "from engine.types import Recipe\n"
        "from tests.exporting.test_convert import endless, in_parallel\n"
        "converting = in_parallel(Recipe(), endless())\n"
        "next(islice(converting, 20, None))\n"
        "print('converting', flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, str(script)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == b"converting\n"
        time.sleep(3)  # they have started
        found = children(one.pid)
        one.kill()
    assert len(found) == 2
    until(lambda: not any(Path(f"/proc/{number}").exists() for number in found))


def test_each_trajectory_names_the_split_of_its_group() -> None:
    recipe = Recipe(splits={"train": 0.5, "test": 0.5})
    for encoded in encode_all(recipe, MANY[:50]):
        assert encoded.split == split_of(f"rollout{encoded.id:04d}", recipe.seed, recipe.splits)
