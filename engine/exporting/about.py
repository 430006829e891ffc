"""What is known of a whole trajectory beside its turns, as one JSON object for formats of traces."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from engine.exporting.alterations.labels import labels_of
from engine.exporting.dialogue import timeless
from engine.exporting.json import part_fields
from engine.types import TOKENS, Record, RecordAttachment, RecordTurn

NOT_TOLD = ("task", "proof", "diff", "calls", "execution")
"""What the object does not hold."""


def about(record: Record) -> dict[str, Any]:
    """Return where a trajectory comes from, how it was judged and what humans remarked; neither clock nor machine."""
    return {
        "group_id": record.group_id,
        "batch": record.batch_fingerprint,
        "domain": record.domain,
        "domain_digest": record.domain_digest,
        "template": record.template,
        "mode": record.mode,
        "attempt": record.attempt,
        "seed": str(record.seed),
        "persona": record.persona,
        "teacher": record.teacher,
        "user": record.user,
        "models": record.models,
        "status": record.status,
        "outcome": record.outcome,
        "culprit": record.culprit,
        "stage": record.stage,
        "reason": record.reason,
        "end": record.end,
        "reward": record.reward,
        "scores": record.scores,
        "remarks": record.remarks,
        "begun": record.begun,
        "effects": {tool.name: tool.effect for tool in record.tools},
    } | labels_of(record)


def attachments_by_turn(record: Record) -> dict[int, list[RecordAttachment]]:
    """Return the attachments of each turn that has some, without clocks."""
    found: dict[int, list[RecordAttachment]] = {}
    for one in timeless(record.attachments):
        found.setdefault(one.turn, []).append(one)
    return found


def whole_tokens(record: Record) -> dict[int, Mapping[str, Any]]:
    """Return by turn the token ids that are complete: those of prompt and answer, and a log-probability for each."""
    return {one.turn: one.value for one in record.attachments if one.kind == TOKENS and _is_whole(one.value)}


def _is_whole(value: Any) -> bool:
    if not isinstance(value, Mapping) or not value.get("prompt_ids") or not value.get("ids"):
        return False
    scores = value.get("logprobs") or ()
    return len(scores) == len(value["ids"]) and None not in scores


def holds_more(record: Record, told: Container[int]) -> bool:
    """Return whether a record has attachments, clocks apart, besides the token ids of the turns that were told."""
    return any(one.kind != TOKENS or one.turn not in told for one in timeless(record.attachments))


def attachment_fields(attachments: Sequence[RecordAttachment]) -> list[dict[str, Any]]:
    """Return attachments as JSON values, without the turn that they belong to."""
    return [{key: value for key, value in part_fields(one).items() if key != "turn"} for one in attachments]


def broken_order(turns: Sequence[RecordTurn]) -> str | None:
    """Return "result_without_call" where a result answers no call of the message before it, for formats that keep both
    in one place; None where none does."""
    open_calls: set[str] = set()
    for turn in turns:
        if turn.role != "tool":
            open_calls = {call.id for call in turn.tool_calls}
        elif turn.tool_call_id not in open_calls:
            return "result_without_call"
    return None


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries whose value is neither None nor empty."""
    return {key: value for key, value in values.items() if value not in (None, (), [], {}, "")}
