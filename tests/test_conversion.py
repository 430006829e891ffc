"""Very many trajectories, converted side by side: the same as alone, in order, and nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest

from engine.conversion import Entry, Leaving, convert, split_of
from engine.errors import InputError, StorageError
from engine.types import Recipe, Review
from tests.exporters.mixed import entries, hostile, made, mixed, says, user

REVIEWS = {0: [Review(trajectory=0, turn=5, verdict="reject")], 3: [Review(trajectory=3, verdict="reject")]}
MANY = entries([made(n, (user(f"Question {n}?"), says(f"Answer {n}."))) for n in range(900)])


def endless() -> Iterator[Entry]:
    while True:
        yield from MANY


def shared(recipe: Recipe, source: Iterable[Entry]) -> Generator[Leaving, None, None]:
    return convert(recipe, source, alone=3, processes=2)


def both(recipe: Recipe, source: Sequence[Entry]) -> tuple[list[Leaving], list[Leaving]]:
    """Return what is converted here alone, and mostly by others."""
    return list(convert(recipe, source, processes=1)), list(shared(recipe, slowly(source)))


def slowly(source: Sequence[Entry]) -> Iterator[Entry]:
    """Pass entries on, and wait behind the first hundreds until other processes have started."""
    for count, entry in enumerate(source):
        if count == 300:
            time.sleep(3)
        yield entry


def children() -> int:
    return len(multiprocessing.active_children())


@pytest.mark.parametrize("format", ["chat_jsonl", "llamafactory", "trajectory"])
def test_others_convert_just_as_we_do(format: str) -> None:
    source = [*entries([*mixed(), *hostile()], REVIEWS), *MANY]
    alone, beside = both(Recipe(format=format), source)
    assert beside == alone
    assert [leaving.id for leaving in beside] == [id for id, _, _ in source]
    assert children() == 0


def test_a_source_that_fails_ends_the_others(tmp_path: Path) -> None:
    def broken() -> Iterator[Entry]:
        yield from islice(endless(), 2_000)
        raise StorageError("The database is gone.")

    with pytest.raises(StorageError, match="gone"):
        list(shared(Recipe(), broken()))
    assert children() == 0


def test_an_export_that_is_given_up_ends_the_others() -> None:
    converting = shared(Recipe(), endless())
    assert [leaving.id for leaving in islice(converting, 20)] == list(range(20))
    assert children() == 2
    converting.close()
    assert children() == 0


def test_a_process_that_is_killed_is_told() -> None:
    converting = shared(Recipe(), endless())
    next(islice(converting, 20, None))
    victim = multiprocessing.active_children()[0].pid
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    with pytest.raises(StorageError, match="ended from outside"):
        list(converting)
    assert children() == 0


def test_a_wrong_option_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError, match="tools"):
        next(convert(Recipe(options={"tools": "table"}), iter(())))


def test_a_killed_engine_leaves_no_process_behind(tmp_path: Path) -> None:
    script = tmp_path / "converts.py"
    script.write_text(
        "import multiprocessing, time\n"
        "from itertools import islice\n"
        "from engine.types import Recipe\n"
        "from tests.test_conversion import endless, shared\n"
        "if __name__ == '__main__':\n"
        "    converting = shared(Recipe(), endless())\n"
        "    next(islice(converting, 20, None))\n"
        "    print(*[child.pid for child in multiprocessing.active_children()], flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, str(script)]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}) as one:
        assert one.stdout is not None
        others = [int(number) for number in one.stdout.readline().split()]
        time.sleep(3)  # they have started
        one.kill()
    assert len(others) == 2
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{number}").exists() for number in others):
        assert time.monotonic() < deadline, "a process outlived the killed one"
        time.sleep(0.1)


def test_splits_are_told_with_the_rows() -> None:
    recipe = Recipe(splits={"train": 0.5, "test": 0.5})
    for leaving in convert(recipe, MANY[:50]):
        assert leaving.split == split_of(f"rollout{leaving.id:04d}", recipe.seed, recipe.splits)
