"""The engine that a studio keeps on a database: a file that stays locked as long as that engine lives.

A studio that was killed leaves its engine at work, and the next one must find that engine rather than start a second.
Only the engine holds the lock, by a descriptor that it inherits, so the lock ends when and however the engine does.
"""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path
from typing import BinaryIO

from engine.liveness import lives, process_name
from engine.types import digest


def locked(path: Path) -> BinaryIO | None:
    """Return the file, locked for as long as it or a descriptor inherited from it is open; None while another holds it.

    Where the file system knows no locks, everybody gets the file.
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
    """The lock of one database in one home folder. The file tells who holds it: the number of the engine's process, and
    the name of the studio's that started it."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.path = home / f"engine-{digest(database_url, 8)}.lock"

    def take(self) -> BinaryIO | None:
        """Return the locked file for an engine to inherit, None while an engine holds it.

        Closing the file gives the lock up unless an engine inherited it. Where the file system knows no locks, every
        engine gets one.
        """
        file = locked(self.path)
        if file is not None:
            file.truncate(0)
        return file

    def note(self, file: BinaryIO, engine: int) -> None:
        """Say which process inherited the locked file. On a full disk nothing is said."""
        with contextlib.suppress(OSError):
            file.write(f"{engine} {process_name()}".encode())
            file.flush()

    def orphan(self) -> int | None:
        """Return the process of the engine that holds the lock when its studio is no more, else None."""
        if (free := self.take()) is not None:
            free.close()
            return None
        with contextlib.suppress(ValueError):
            engine, studio = self.path.read_text().split()
            gone = lives(studio) is False and not studio.isdecimal()  # an older Turnwright wrote the number alone
            return int(engine) if gone else None
        return None
