"""Which messages serve which user turn of a task. Pure.

A user turn of a task spans the messages from the one that makes its request up to the next request. Answers to the
assistant's questions and confirmations belong to the current request. A rollout records which message made each request
(`Trajectory.begun`); for older records it is found from the texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.dialogue.questions import asks, wants_confirmation
from engine.dialogue.withheld import tells
from engine.types import Span, Task, Trajectory, Turn


def begins(task: Task, begun: int, turns: Sequence[Turn], text: str, opens: bool | None = None) -> bool:
    """Return whether the user's message `text` makes the task's next request; `begun` of them were made in `turns`,
    which end before it.

    A message with the words of the next request makes it; one that gives what the current request withheld does not.
    Otherwise `opens` decides, which is what the user itself said of its message; when that is None, any message makes a
    request that does not answer a question.
    """
    if begun >= len(task.turns):
        return False
    if begun == 0 or task.turns[begun].say.casefold() in text.casefold():
        return True
    current = task.turns[begun - 1]
    if current.hidden is not None and (current.hidden in text or tells(current, text)):
        return False
    if opens is not None:
        return opens
    last = next((turn.content for turn in reversed(turns) if turn.role in ("assistant", "user")), "")
    return not (asks(last) or wants_confirmation(last))


def begun_of(task: Task, turns: Sequence[Turn], opens: Mapping[int, bool | None] | None = None) -> tuple[int, ...]:
    """Return the index of the message that makes each request, found from the texts and from what the user said of its
    messages (`opens`, by index)."""
    words = opens or {}
    found: list[int] = []
    for index, turn in enumerate(turns):
        if turn.role == "user" and begins(task, len(found), turns[:index], turn.content, words.get(index)):
            found.append(index)
    return tuple(found)


def spans(trajectory: Trajectory) -> list[Span]:
    """Return the spans of the requests that were made, in the order of the task's turns; fewer than it has turns
    when the dialogue ended early."""
    if trajectory.task is None:
        return []
    begun = trajectory.begun or begun_of(trajectory.task, trajectory.turns)
    starts = [place for place in begun if 0 <= place < len(trajectory.turns)]
    ends = [*starts[1:], len(trajectory.turns)]
    return [Span(start, end) for start, end in zip(starts, ends, strict=False)]
