"""Very many trajectories, converted side by side: the same as alone, in order, and nothing left behind."""

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
from engine.exporting.convert import ALONE, OTHERS, Conversion, Entry, Leaving, _unpacked, convert, spare, split_of
from engine.exporting.process import Chunk, Converter
from engine.types import Recipe, Review
from tests.exporting.export_steps import entries
from tests.samples.trajectories import hostile_trajectories, mixed_trajectories, shop_trajectory
from tests.samples.turns import assistant_turn, user_turn

REVIEWS = {0: [Review(trajectory=0, turn=5, verdict="reject")], 3: [Review(trajectory=3, verdict="reject")]}
MANY = entries([shop_trajectory(n, (user_turn(f"Question {n}?"), assistant_turn(f"Answer {n}."))) for n in range(900)])


def endless() -> Iterator[Entry]:
    while True:
        yield from MANY


def shared(recipe: Recipe, source: Iterable[Entry]) -> Generator[Leaving, None, None]:
    return convert(recipe, source, alone=3, others=2)


def slowly(source: Iterable[Entry]) -> Iterator[Entry]:
    """Pass entries on, and wait behind the first hundreds until other processes have started."""
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
    """Return the processes that convert for one."""
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
def test_others_convert_just_as_we_do(format: str) -> None:
    source = [
        *entries([*mixed_trajectories(), *hostile_trajectories()], REVIEWS),
        *MANY,
        *entries([*hostile_trajectories(), *mixed_trajectories()], REVIEWS),
    ]
    alone = list(convert(Recipe(format=format), source, others=0))
    beside = list(shared(Recipe(format=format), slowly(source)))
    assert beside == alone
    assert [leaving.id for leaving in beside] == [id for id, _, _ in source]
    assert children() == []


def test_others_really_convert() -> None:
    recipe = Recipe()
    converter = Converter(recipe, _unpacked)
    try:
        until(converter.takes)
        chunk = Chunk(MANY[:7])
        converter.give(chunk)
        until(lambda: converter.takes() and chunk.made is not None)
        assert chunk.made == [Conversion(recipe).leaving(entry) for entry in MANY[:7]]
    finally:
        converter.end()
    assert children() == []


def test_chunks_larger_than_a_pipe_pass() -> None:
    large = entries([shop_trajectory(n, (user_turn("x" * 300_000), assistant_turn("y" * 300_000))) for n in range(120)])
    assert list(shared(Recipe(), chain(slowly(MANY), large))) == list(convert(Recipe(), [*MANY, *large], others=0))


def test_a_source_that_fails_ends_the_others() -> None:
    def broken() -> Iterator[Entry]:
        yield from islice(endless(), 2_000)
        raise StorageError("The database is gone.")

    with pytest.raises(StorageError, match="gone"):
        list(shared(Recipe(), broken()))
    assert children() == []


def test_an_export_that_is_given_up_ends_the_others() -> None:
    converting = shared(Recipe(), endless())
    assert [leaving.id for leaving in islice(converting, 20)] == list(range(20))
    assert len(children()) == 2
    converting.close()
    assert children() == []


def test_what_a_killed_process_had_is_converted_here() -> None:
    source = [entry for _ in range(20) for entry in MANY]
    converting = shared(Recipe(), slowly(source))
    found = list(islice(converting, 600))  # both have started and hold chunks
    for victim in children():
        os.kill(victim, signal.SIGKILL)
    assert [leaving.id for leaving in (*found, *converting)] == [id for id, _, _ in source]


@pytest.mark.parametrize("place", [1, 600])
def test_a_body_that_is_no_trajectory_fails_wherever_it_is_converted(place: int) -> None:
    source: list[Entry] = [*MANY, *MANY[:50]]
    source[place] = (7, b"{}", [])
    with pytest.raises(ValidationError):
        list(shared(Recipe(), slowly(source)))
    assert children() == []


@pytest.mark.parametrize(
    ("idle", "seconds", "others"),
    [(0.0, 0.0, 0), (0.04, 0.1, 0), (0.09, 0.1, 1), (2.2, 1.0, 2), (15.0, 1.0, OTHERS)],
)
def test_as_many_others_as_processors_that_nobody_uses(idle: float, seconds: float, others: int) -> None:
    assert spare(idle, seconds) == others


def test_a_few_are_converted_here() -> None:
    converting = convert(Recipe(), endless())
    assert len(list(islice(converting, ALONE))) == ALONE
    assert children() == []


def test_a_wrong_option_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError, match="tools"):
        next(convert(Recipe(options={"tools": "table"}), iter(())))


def test_a_killed_engine_leaves_no_process_behind(tmp_path: Path) -> None:
    script = tmp_path / "converts.py"
    script.write_text(
        "import time\n"
        "from itertools import islice\n"
        "from engine.types import Recipe\n"
        "from tests.exporting.test_convert import endless, shared\n"
        "converting = shared(Recipe(), endless())\n"
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
        others = children(one.pid)
        one.kill()
    assert len(others) == 2
    until(lambda: not any(Path(f"/proc/{number}").exists() for number in others))


def test_splits_are_told_with_the_rows() -> None:
    recipe = Recipe(splits={"train": 0.5, "test": 0.5})
    for leaving in convert(recipe, MANY[:50]):
        assert leaving.split == split_of(f"rollout{leaving.id:04d}", recipe.seed, recipe.splits)
