"""Scores as a table for analysis: one row for each score of each trajectory, as CSV or Parquet.

The table is long, not one column a score: judges and rubrics differ from batch to batch, so a wide table would have
other columns in each export, and reason, model and version stand beside each score. A pivot by `score` makes it wide. A
trajectory without scores has one row in which `score` is empty, so that shares of all trajectories can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from engine.exporting.dialogue import timeless
from engine.types import Converted, Options, Record, RecordScore

__all__ = ["Scores"]


class Config(Options):
    """How the table is written."""

    file: Literal["csv", "parquet"] = "csv"
    """CSV, in which what was not measured is empty, or Parquet with typed columns."""


class Scores:
    """Writes scores. `columns` names the columns of a table and their types (engine/exporting/table.py)."""

    never_carried = (
        "turns",
        "tools",
        "task",
        "proof",
        "diff",
        "calls",
        "execution",
        "attachments",
        "remarks",
        "evidence",
    )
    columns: Mapping[str, Literal["text", "number", "whole", "truth"]] = {
        "trajectory": "text",
        "task": "text",
        "attempt": "whole",
        "batch": "text",
        "domain": "text",
        "domain_version": "text",
        "template": "text",
        "mode": "text",
        "persona": "text",
        "teacher": "text",
        "teacher_model": "text",
        "user": "text",
        "status": "text",
        "stage": "text",
        "rejected_because": "text",
        "outcome": "text",
        "culprit": "text",
        "end": "text",
        "reward": "number",
        "score": "text",
        "judge": "text",
        "method": "text",
        "model": "text",
        "version": "text",
        "value": "number",
        "passed": "truth",
        "agreement": "number",
        "reason": "text",
    }

    def __init__(self, config: Config) -> None:
        self.suffix = f".{config.file}"

    def convert(self, record: Record) -> Converted:
        """Return a row for each score, or one without a score."""
        whole = _trajectory_columns(record)
        rows = [whole | _score_columns(one) for one in record.scores] or [{**whole, **_NO_SCORE}]
        return Converted(rows, lost=["attachments"] if timeless(record.attachments) else [])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}


_NO_SCORE: Mapping[str, None] = dict.fromkeys(
    ("score", "judge", "method", "model", "version", "value", "passed", "agreement", "reason")
)


def _trajectory_columns(record: Record) -> dict[str, Any]:
    return {
        "trajectory": record.id,
        "task": record.group_id,
        "attempt": record.attempt,
        "batch": record.batch_fingerprint,
        "domain": record.domain,
        "domain_version": record.domain_digest,
        "template": record.template,
        "mode": record.mode,
        "persona": record.persona,
        "teacher": record.teacher,
        "teacher_model": record.models.get("teacher"),
        "user": record.user,
        "status": record.status,
        "stage": record.stage,
        "rejected_because": record.reason,
        "outcome": record.outcome,
        "culprit": record.culprit,
        "end": record.end,
        "reward": record.reward,
    }


def _score_columns(score: RecordScore) -> dict[str, Any]:
    agreement = getattr(score, "agreement", None)
    return {
        "score": score.name,
        "judge": score.source,
        "method": score.method,
        "model": score.model,
        "version": score.version,
        "value": score.value,
        "passed": score.passed,
        "agreement": agreement if isinstance(agreement, float) else None,  # unset where one judge gave it alone
        "reason": score.reason,
    }
