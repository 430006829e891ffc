"""A lock file that shows whether a studio's engine runs: it stays locked for as long as that engine lives.

A studio that was killed leaves its engine running, and the next studio must find that engine rather than start a second
one. The engine inherits the locked file as an open descriptor and nobody else keeps it, so the lock is free as soon as
the engine has ended, however it ended.
"""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path
from typing import BinaryIO

from engine.liveness import lives, process_name
from engine.types import digest


def locked_file(path: Path) -> BinaryIO | None:
    """Return the file, made if missing and locked; None while another process holds the lock.

    It stays locked until it and every descriptor inherited from it are closed. On a file system without locks every
    caller gets the file.
    """
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError:
        pass
    return file


class EngineLock:
    """The lock of one database in one home folder. The file holds the process id of the engine and the process name
    (engine/liveness.py) of the studio that started it."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.path = home / f"engine-{digest(database_url, 8)}.lock"

    def take(self) -> BinaryIO | None:
        """Return the locked file for an engine to inherit; None while an engine holds it.

        Closing the file releases the lock unless an engine inherited it. On a file system without locks every caller
        gets the file.
        """
        file = locked_file(self.path)
        if file is not None:
            file.truncate(0)
        return file

    def note(self, file: BinaryIO, engine: int) -> None:
        """Write into the locked file which engine process inherited it. Nothing is written when the disk is full."""
        with contextlib.suppress(OSError):
            file.write(f"{engine} {process_name()}".encode())
            file.flush()

    def orphan(self) -> int | None:
        """Return the process id of the engine that holds the lock, if the studio that started it has ended; else
        None."""
        if (unlocked := self.take()) is not None:
            unlocked.close()
            return None
        with contextlib.suppress(ValueError):
            engine, studio = self.path.read_text().split()
            ended = lives(studio) is False and not studio.isdecimal()  # older versions wrote the bare process id
            return int(engine) if ended else None
        return None
