"""The lock of a studio's engine lives as long as the process that inherited it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.liveness import process_name
from engine.serving.lock import EngineLock
from tests.engines import ended_holder


@contextmanager
def engine(file: BinaryIO) -> Iterator[int]:
    """A process that inherits the locked file and ends with the block."""
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(file.fileno(),)) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def test_the_lock_is_held_by_who_inherited_it_until_it_ends(tmp_path: Path) -> None:
    lock = EngineLock(tmp_path, "sqlite:///a.db")
    taken = lock.take()
    assert taken is not None
    with engine(taken) as process:
        lock.note(taken, process)
        taken.close()
        assert lock.take() is None
        assert lock.orphan() is None, "its studio, this process, is there"
        other = EngineLock(tmp_path, "sqlite:///b.db").take()
        assert other is not None, "another database has another lock"
        other.close()
    again = lock.take()
    assert again is not None
    again.close()
    assert lock.take() is not None, "closed and not inherited is given up"


def test_an_engine_whose_studio_is_no_more_is_an_orphan(tmp_path: Path) -> None:
    lock = EngineLock(tmp_path, "sqlite:///a.db")
    gone = ended_holder().partition("/")[0]
    taken = lock.take()
    assert taken is not None
    with taken, engine(taken) as process:
        assert lock.orphan() is None, "nothing is noted yet"
        lock.note(taken, process)
        lock.path.write_text(lock.path.read_text().replace(process_name(), gone))
        assert lock.orphan() == process
    assert lock.orphan() is None
