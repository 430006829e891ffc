"""The funnel: how many planned rollouts came through each stage, and why the others did not.

The arithmetic is exact: in every row but the first, count = the row before − lost + gained, and the reasons
sum to `lost`. Nothing is gained before a human speaks: `gained` in "reviewed" are trajectories that judges
lost and a human took back. "accepted" is a part of "reviewed" and no step on the way out, since an export needs no
human's word: "exported" is reckoned from "reviewed" too, and gains what left although it was rejected.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pandas as pd
from sqlalchemy import case, func, select

from engine.reviewing.verdicts import EFFECTS
from engine.types import STAGES, Standing, TrajectoryFilter
from storage import filters, tables
from storage.database import Database

_t = tables.trajectory.c


def funnel(db: Database, filter: TrajectoryFilter) -> pd.DataFrame:
    """Return [stage, count, lost, gained, reasons] for planned → … → judged → reviewed (→ accepted) → exported.

    `reasons` is a JSON object {reason: count}, "none" where no reason was given. Rollouts that are not finished count
    as planned when the filter speaks of whole batches, and are lost at "proven" with the reason `not_finished`.
    """
    groups = _groups(db, filter)
    unfinished = _unfinished(db, filter)
    finished = sum(groups.values())
    lost: dict[str, Counter[str]] = {stage: Counter() for stage in STAGES}
    if unfinished:
        lost["proven"]["not_finished"] = unfinished
    for (status, stage, reason, _standing, _exported), n in groups.items():
        if status != "kept":
            where = stage if stage in STAGES and stage != "planned" else "judged" if stage is None else "proven"
            lost[where]["none" if reason is None else reason] += n
    rows = [("planned", finished + unfinished, 0, 0, "{}")]
    for stage in STAGES[1:]:
        here = lost[stage].total()
        rows.append((stage, rows[-1][1] - here, here, 0, _told(lost[stage])))
    rows.append(_reviewed_row(groups))
    rows.append(_accepted_row(groups))
    rows.append(_exported_row(groups))
    return pd.DataFrame(rows, columns=["stage", "count", "lost", "gained", "reasons"])


def _groups(db: Database, filter: TrajectoryFilter) -> dict[tuple[Any, ...], int]:
    """Return how many trajectories have each (status, stage, reason, standing, exported)."""
    keys = (_t.status, _t.stage, _t.reason, func.coalesce(_t.verdict, "none").label("standing"), _t.exported)
    query = select(*keys, func.count()).where(*filters.where(db.dialect, filter))
    query = query.group_by(_t.status, _t.stage, _t.reason, "standing", _t.exported)
    with db.read() as session:
        return {tuple(row[:-1]): int(row[-1]) for row in session.execute(query)}


def _unfinished(db: Database, filter: TrajectoryFilter) -> int:
    """Planned rollouts without a trajectory; only batches as a whole can be asked for them."""
    if filter != TrajectoryFilter(batches=filter.batches):
        return 0
    b = tables.batch.c
    rest = b.planned - b.kept - b.rejected - b.failed
    query = select(func.coalesce(func.sum(case((rest > 0, rest), else_=0)), 0))
    if filter.batches:
        query = query.where(b.id.in_(filter.batches))
    with db.read() as session:
        return int(session.execute(query).scalar_one())


def _fit(status: str, standing: Standing) -> bool:
    """Return whether an export takes a trajectory unasked: a human put it in, or judges kept it and no human holds it
    back."""
    effect = EFFECTS[standing]
    return effect.accepted or (status == "kept" and effect.held_back is None)


def _reviewed_row(groups: dict[tuple[Any, ...], int]) -> tuple[str, int, int, int, str]:
    reasons: Counter[str] = Counter()
    count = gained = 0
    for (status, _stage, _reason, standing, _exported), n in groups.items():
        fit = _fit(status, standing)
        count += n if fit else 0
        gained += n if fit and status != "kept" else 0
        if status == "kept" and not fit:
            reasons[str(EFFECTS[standing].held_back)] += n
    return "reviewed", count, reasons.total(), gained, _told(reasons)


def _accepted_row(groups: dict[tuple[Any, ...], int]) -> tuple[str, int, int, int, str]:
    reasons: Counter[str] = Counter()
    count = 0
    for (status, _stage, _reason, standing, _exported), n in groups.items():
        effect = EFFECTS[standing]
        count += n if effect.accepted else 0
        if _fit(status, standing) and not effect.accepted:
            reasons[str(effect.loss)] += n
    return "accepted", count, reasons.total(), 0, _told(reasons)


def _exported_row(groups: dict[tuple[Any, ...], int]) -> tuple[str, int, int, int, str]:
    count = lost = gained = 0
    for (status, _stage, _reason, standing, exported), n in groups.items():
        fit = _fit(status, standing)
        count += n if exported else 0
        lost += n if fit and not exported else 0
        gained += n if exported and not fit else 0
    return "exported", count, lost, gained, _told(Counter({"not_exported": lost} if lost else {}))


def _told(reasons: Counter[str]) -> str:
    return json.dumps(dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))))
