"""What every chat format needs of a dialogue: is it whole, where does it end, what is trained, what goes beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from engine import plugins
from engine.exporting.json import dumps
from engine.types import CLOCKS, Record, RecordAttachment, RecordTurn, Turn

Turns = Sequence[RecordTurn]
_Turn = TypeVar("_Turn", Turn, RecordTurn)

BESIDE = ("rollout", "index", "modes", "difficulty", "corrected")
"""Metadata that an import cannot turn back into fields of a trajectory; it keeps them in `Trajectory.imported`."""

GIVEN = "as_given"
"""Key in the metadata of what a stranger's metadata said under names that are ours."""


def problem(turns: Sequence[Turn | RecordTurn]) -> str | None:
    """Return why a dialogue cannot be a training row, as a short reason, or None."""
    waiting: set[str] = set()
    for index, turn in enumerate(turns):
        role = turn.role
        if role == "tool":
            if turn.tool_call_id not in waiting:
                return "result_without_call"
            waiting.discard(turn.tool_call_id)
            continue
        if waiting:
            return "call_without_result"
        if role == "system" and index:
            return "system_turn_inside"
        for call in turn.tool_calls:
            if call.raw is not None:
                return "unparsable_call"
            if call.id in waiting:
                return "repeated_call_id"
            waiting.add(call.id)
    return None


def traits(turns: Turns) -> set[str]:
    """Return what occurs: trained, masked, reasoning, original, fault, parallel, beside, merged, repeated.

    `merged` stands for user turns in a row, `repeated` for answers in a row, `parallel` for several calls in one turn,
    `beside` for text beside a call.
    """
    found: set[str] = set()
    before = ""
    for turn in turns:
        role = turn.role
        if role == "assistant":
            found.add("trained" if turn.train else "masked")
            if turn.reasoning:
                found.add("reasoning")
            if turn.tool_calls:
                if len(turn.tool_calls) > 1:
                    found.add("parallel")
                if turn.content and not turn.content.isspace():
                    found.add("beside")
            if before == "assistant":
                found.add("repeated")
        elif role == before == "user":
            found.add("merged")
        if turn.fault is not None:
            found.add("fault")
        if turn.original is not None:
            found.add("original")
        before = role
    return found


def timeless(attachments: Sequence[RecordAttachment]) -> Sequence[RecordAttachment]:
    """Return the attachments that tell of neither clock nor machine."""
    return [one for one in attachments if one.kind not in CLOCKS] if attachments else attachments


def to_last_answer(turns: Sequence[_Turn]) -> Sequence[_Turn]:
    """Return the turns up to the last one of the assistant; none when it never spoke."""
    for end in range(len(turns), 0, -1):
        if turns[end - 1].role == "assistant":
            return turns[:end]
    return ()


def before_masked(turns: Turns) -> Turns:
    """Return the turns before the first answer that must not be trained; all when there is none."""
    for place, turn in enumerate(turns):
        if turn.role == "assistant" and not turn.train:
            return turns[:place]
    return turns


def how_cut(whole: Turns, turns: Turns) -> list[str]:
    """Return what the report counts of a dialogue of which only the first turns are left."""
    if len(turns) == len(whole):
        return []
    return ["cut_before_masked_turn" if len(turns) < len(to_last_answer(whole)) else "cut_to_last_answer"]


def trained_stretches(turns: Turns) -> list[tuple[int, int]]:
    """Return [start, end) of each stretch of assistant turns that are all trained, with what lies between them.

    An answer that opens the dialogue is in none: nothing stands before it that could be its prompt.
    """
    found: list[tuple[int, int]] = []
    is_open = False
    for index, turn in enumerate(turns):
        if turn.role != "assistant" or index == 0:
            continue
        if turn.train and is_open:
            found[-1] = (found[-1][0], index + 1)
        elif turn.train:
            found.append((index, index + 1))
        is_open = turn.train
    return found


def in_call_order(turns: Turns) -> Turns:
    """Return the turns with the results of parallel calls in the order of the calls, for formats without ids."""
    found: list[RecordTurn] = []
    order: dict[str, int] = {}
    for turn in turns:
        if turn.role != "tool":
            order = {call.id: place for place, call in enumerate(turn.tool_calls)}
            start = len(found) + 1
        found.append(turn)
        if turn.role == "tool" and len(order) > 1:
            found[start:] = sorted(found[start:], key=lambda result: order.get(result.tool_call_id or "", 0))
    return found


def fits_think_tags(text: str | None) -> bool:
    """Say whether a text can stand inside think tags: it holds none itself."""
    return bool(text) and "<think>" not in text and "</think>" not in text  # type: ignore[operator]


def thinking(reasoning: str, content: str) -> str:
    """Return reasoning and text as one content, the reasoning in think tags."""
    return f"<think>\n{reasoning}\n</think>\n\n{content}"


def metadata(record: Record) -> str:
    """Return what is known of a row beside its messages, as ONE JSON string (ragged objects break Arrow columns).

    No machine and no clock in it, so the same seed gives the same bytes. Rows that no model wrote are labelled.
    """
    task, mode, before = record.task, record.mode, record.imported
    own = before.get("before_import")
    values: dict[str, Any] = {
        "rollout": before.get("rollout", own["id"] if own else record.id),
        "index": before.get("index", own["index"] if own else record.index),
        "batch": record.batch_fingerprint,
        "domain": record.domain,
        "domain_digest": record.domain_digest,
        "template": record.template,
        "mode": mode,
        "modes": task.modes if task else before.get("modes", [mode] if mode else []),
        "difficulty": task.difficulty if task else before.get("difficulty"),
        "attempt": record.attempt,
        "seed": record.seed,
        "persona": record.persona,
        "teacher": record.teacher,
        "user": record.user,
        "models": record.models,
        "label": _label(record.teacher),
        "status": record.status,
        "outcome": record.outcome,
        "culprit": record.culprit,
        "end": record.end,
        "corrected": _corrected(record.turns) or before.get("corrected", 0),
        "scores": record.scores,
    }
    if "more" in before:
        values |= _beside(before["more"], values)
    return dumps(values)


def _beside(more: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an imported row said beside, with names that are ours under `GIVEN`."""
    given = {key: value for key, value in more.items() if key in values or key == GIVEN}
    beside = {key: value for key, value in more.items() if key not in given}
    return beside | {GIVEN: given} if given else beside


def _corrected(turns: Turns) -> int:
    return len([None for turn in turns if turn.original is not None])


def _label(teacher: str) -> str:
    """Return who wrote the assistant's turns: the reference, a model, or (imported) whoever it was."""
    if teacher == "imported":
        return teacher
    return "reference" if plugins.trait("teachers", teacher, "reference", False) else "model"
