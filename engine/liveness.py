"""Names of engine processes, and whether the process behind a name has ended.

A claim carries the name of its holder. An engine that was killed renews nothing, but only a holder on the same machine
can be known to have ended at once; any other is given the full time until its claim counts as stale.
"""

from __future__ import annotations

import os
import socket
import uuid


def holder_name() -> str:
    """Return a name for this process that no other engine shares: host, pid and a random part."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def has_ended(holder: str | None) -> bool:
    """Whether the holder was a process of this machine that is no more. False for all that cannot be known."""
    host, _, rest = (holder or "").rpartition(":")[0].rpartition(":")
    if host != socket.gethostname() or not rest.isdecimal() or int(rest) == 0:
        return False
    return not lives(int(rest))


def lives(process: int) -> bool:
    """Whether there is a process of this number here. True also where it cannot be known."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
