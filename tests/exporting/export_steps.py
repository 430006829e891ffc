"""Single steps of an export, as functions of trajectories."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine import plugins
from engine.exporters.trajectory import AS_JSON
from engine.exporting.json import dump_bytes, part_fields
from engine.exporting.record import record_of
from engine.exporting.report import Report
from engine.exporting.reviewed import apply_reviews
from engine.types import Review, Trajectory
from storage.intake.rows import dump


def applied(trajectory: Trajectory, reviews: Sequence[Review], untrained: Any = "mask") -> Trajectory:
    """Return the trajectory as the reviews leave it, checked in full."""
    found = apply_reviews(record_of(trajectory), reviews, untrained)
    assert found is not None
    return Trajectory.model_validate_json(dump_bytes(part_fields(found)))


def entries(
    trajectories: Sequence[Trajectory], reviews: Mapping[int, list[Review]] | None = None
) -> list[tuple[int, bytes, Sequence[Review]]]:
    """Return trajectories as storage streams them; the place in the list is the id."""
    return [(n, dump(t).encode(), (reviews or {}).get(n, [])) for n, t in enumerate(trajectories)]


def exported(
    name: str, trajectories: Sequence[Trajectory], **options: Any
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows that a format makes of trajectories, and its report."""
    exporter = plugins.load("exporters", name).make(plugins.configure("exporters", name, options))
    report = Report(exporter.never_carried)
    rows = [row for t in trajectories for row in report.admit(exporter.convert(record_of(t)))]
    return [json.loads(dump_bytes(row)) for row in rows], report.as_dict()


def opened(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of whole records with the fields that it holds as the text of their JSON."""
    return {key: json.loads(value) if key in AS_JSON else value for key, value in row.items()}
