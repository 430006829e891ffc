"""Checks and cuts that all chat formats share: whether a dialogue is complete, where its row ends, which turns are
trained, and the metadata string of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from engine import plugins
from engine.exporting.json import dumps
from engine.types import CLOCKS, Record, RecordAttachment, RecordTurn, Turn, without_kinds

Turns = Sequence[RecordTurn]
_Turn = TypeVar("_Turn", Turn, RecordTurn)

UNMAPPED_METADATA = ("rollout", "index", "modes", "difficulty", "corrected")
"""Keys of the metadata that are no field of a Trajectory, so an import keeps them in `Trajectory.imported`."""

FOREIGN_METADATA = "as_given"
"""Key under which the metadata keeps an imported row's own values for keys that we also use."""


def problem(turns: Sequence[Turn | RecordTurn]) -> str | None:
    """Return why a dialogue cannot be a training row, as a short reason, or None."""
    open_calls: set[str] = set()
    for index, turn in enumerate(turns):
        role = turn.role
        if role == "tool":
            if turn.tool_call_id not in open_calls:
                return "result_without_call"
            open_calls.discard(turn.tool_call_id)
            continue
        if open_calls:
            return "call_without_result"
        if role == "system" and index:
            return "system_turn_inside"
        for call in turn.tool_calls:
            if call.raw is not None:
                return "unparsable_call"
            if call.id in open_calls:
                return "repeated_call_id"
            open_calls.add(call.id)
    return None


def traits(turns: Turns) -> set[str]:
    """Return which of these occur: trained and masked assistant turns, reasoning, fault, original (a corrected turn),
    calls, parallel (several in one turn), beside (text in a turn with calls), merged (two user turns in a row),
    repeated (two assistant turns in a row)."""
    found: set[str] = set()
    before = ""
    for turn in turns:
        role = turn.role
        if role == "assistant":
            found.add("trained" if turn.train else "masked")
            if turn.reasoning:
                found.add("reasoning")
            if turn.tool_calls:
                found.add("calls")
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
    """Return the attachments without those of kinds in CLOCKS, which differ from run to run."""
    return without_kinds(attachments, CLOCKS)


def to_last_answer(turns: Sequence[_Turn]) -> Sequence[_Turn]:
    """Return the turns up to the last assistant turn; empty when there is none."""
    for end in range(len(turns), 0, -1):
        if turns[end - 1].role == "assistant":
            return turns[:end]
    return ()


def trainable(whole: Turns, *, cut: bool = False) -> tuple[Turns, set[str], str | None]:
    """Return (the turns up to the last answer, their `traits`, why they cannot be a training row or None).

    With `cut` they end before the first masked answer, for consumers that train every answer they see.
    """
    turns = to_last_answer(whole)
    if not turns:
        return (), set(), "no_assistant_turn"
    found = traits(turns)
    if cut and "masked" in found:
        turns = to_last_answer(before_masked(turns))
        found = traits(turns)
    return turns, found, problem(turns) if "trained" in found else "nothing_to_train"


def before_masked(turns: Turns) -> Turns:
    """Return the turns before the first masked assistant turn; all when there is none."""
    for place, turn in enumerate(turns):
        if turn.role == "assistant" and not turn.train:
            return turns[:place]
    return turns


def cut_changes(whole: Turns, turns: Turns) -> list[str]:
    """Return the name under which the report counts a dialogue cut from `whole` to `turns`, in a list; [] if uncut."""
    if len(turns) == len(whole):
        return []
    return ["cut_before_masked_turn" if len(turns) < len(to_last_answer(whole)) else "cut_to_last_answer"]


def trained_stretches(turns: Turns) -> list[tuple[int, int]]:
    """Return [start, end) of each stretch of turns whose assistant turns are all trained.

    An assistant turn that opens the dialogue is in none, since it has no prompt.
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
    """Return whether a text can be put in think tags: it is not empty and holds none itself."""
    return bool(text) and "<think>" not in text and "</think>" not in text  # type: ignore[operator]


def with_think_tags(reasoning: str, content: str) -> str:
    """Return reasoning and text as one content, the reasoning in think tags."""
    return f"<think>\n{reasoning}\n</think>\n\n{content}"


def metadata(record: Record) -> str:
    """Return everything about a row beside its messages as one JSON string, as objects with varying keys break Arrow
    columns. It holds neither machine nor clock, so the same seed gives the same bytes."""
    task, mode, before = record.task, record.mode, record.imported
    replaced = before.get("before_import")
    values: dict[str, Any] = {
        "rollout": before.get("rollout", replaced["id"] if replaced else record.id),
        "index": before.get("index", replaced["index"] if replaced else record.index),
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
        "label": _author_label(record.teacher),
        "status": record.status,
        "outcome": record.outcome,
        "culprit": record.culprit,
        "end": record.end,
        "corrected": _corrections(record.turns) or before.get("corrected", 0),
        "scores": record.scores,
    }
    if "more" in before:
        values |= _foreign_metadata(before["more"], values)
    return dumps(values)


def _foreign_metadata(more: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return an imported row's own metadata, with the keys that we also use moved under FOREIGN_METADATA."""
    given = {key: value for key, value in more.items() if key in values or key == FOREIGN_METADATA}
    beside = {key: value for key, value in more.items() if key not in given}
    return beside | {FOREIGN_METADATA: given} if given else beside


def _corrections(turns: Turns) -> int:
    return len([None for turn in turns if turn.original is not None])


def _author_label(teacher: str) -> str:
    """Return who wrote the assistant turns: "reference", "model", or "imported" when that is unknown."""
    if teacher == "imported":
        return teacher
    return "reference" if plugins.trait("teachers", teacher, "reference", False) else "model"
