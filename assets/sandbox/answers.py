"""Checks the line that came from a worker before it goes to the engine.

Runs inside the sandbox, standard library only. A tool function shares its process with the worker and can write
anything to the worker's channel: an answer to a later request, a message of an open process, several lines.
"""

import json
import os

from lines import PART, as_line

_FAULTS = (None, "unknown_tool", "limit", "tool_error", "tool_crash")
"""What a worker may say; of a timeout the server itself says so."""
_MARK = 100
"""Characters that the mark of a cut content takes at most."""


def checked(data, number, limits):
    """Return the line for the engine, written anew; None when `data` is not exactly one answer to request `number`.

    More may follow an answer that states a fault: the forks of a tool that reached the bound of processes all say so.
    """
    line, _, further = data.partition(b"\n")
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if type(answer) is not dict or answer.keys() != {"id", "ok"} or answer["id"] != number:
        return None
    reply = answer["ok"]
    if not _is_reply(reply, limits) or (further and reply["fault"] is None):
        return None
    return as_line({"id": number, "ok": reply})


def _is_reply(reply, limits):
    if type(reply) is not dict or reply.keys() != {"content", "fault", "truncated", "seconds"}:
        return False
    content, seconds = reply["content"], reply["seconds"]
    return (
        type(content) is str
        and len(content) <= limits["output_chars"] + _MARK
        and reply["fault"] in _FAULTS
        and type(reply["truncated"]) is bool
        and type(seconds) in (int, float)
        and 0 <= seconds < float("inf")
    )


def unasked(channel):
    """Return whether a worker wrote to its non-blocking channel although nothing was requested."""
    try:
        return bool(os.read(channel, PART))
    except (BlockingIOError, ConnectionResetError):
        return False
