"""What reinforcement learning rewards: the calls and the answer that a request should lead to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from engine.exporting.content import content_id_of, offered_tools
from engine.exporting.dialogue import Turns
from engine.exporting.draft import Draft, draft
from engine.exporting.json import dumps
from engine.types import Record, RecordCall, RecordTurn


def known_right(record: Record) -> Draft | str:
    """Return what of a record can be expected of a model, or why nothing can: an attempt that was not kept does not
    show what is right."""
    return draft(record, asked=True) if record.status == "kept" else "not_kept"


def first_answer(turns: Turns) -> int:
    """Return the place of the first turn of the assistant; there is one."""
    return next(place for place, turn in enumerate(turns) if turn.role == "assistant")


def first_request(turns: Turns) -> Turns:
    """Return what follows the first request, up to where the user speaks again."""
    start = first_answer(turns)
    end = next((n for n in range(start, len(turns)) if turns[n].role == "user"), len(turns))
    return turns[start:end]


def ground_truth(turns: Turns) -> str:
    """Return as JSON text what is expected of these turns: `calls` (name, arguments) and `answer` (null without one).

    What must not be trained is not expected, nor a call whose result is a fault.
    """
    faults = {turn.tool_call_id for turn in turns if turn.role == "tool" and turn.fault is not None}
    trained = [turn for turn in turns if turn.role == "assistant" and turn.train]
    calls = [_named(call) for turn in trained for call in turn.tool_calls if call.id not in faults]
    answers = [turn.content for turn in trained if not turn.tool_calls]
    return dumps({"calls": calls, "answer": answers[-1] if answers else None})


def _named(call: RecordCall) -> dict[str, Any]:
    return {"name": call.name, "arguments": call.arguments}


def task_number(record: Record, prompt: Turns) -> int:
    """Return a number of 64 bits for a task, the same for all attempts at it."""
    told = f"{record.group_id}:{record.domain_digest}:{content_id_of(prompt, offered_tools(record.tools))}"
    return int(hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16], 16)


def environment_of(record: Record) -> dict[str, str]:
    """Return what names the task's environment: ids and hashes, no path. The seed is a text, since it may have more
    than 63 bits."""
    return {
        "task_id": record.group_id,
        "domain": record.domain,
        "domain_digest": record.domain_digest,
        "seed": str(record.seed),
    }


def trained_answers(turns: Turns) -> Iterator[tuple[int, RecordTurn]]:
    """Yield place and turn of each answer that may be trained and has something before it."""
    for place, turn in enumerate(turns):
        if place and turn.role == "assistant" and turn.train:
            yield place, turn
