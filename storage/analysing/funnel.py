"""The funnel: how many planned rollouts came through each stage, why the others did not, and which ones they are.

The arithmetic is exact: in every row but the first, count = the row before − lost + gained, and the reasons
sum to `lost`. Nothing is gained before "reviewed", where `gained` counts trajectories that judges rejected and a human
accepted. "accepted" is a part of "reviewed" and not a step to the export, since an export needs no review: "exported"
too is computed from "reviewed", and gains what was exported although it was rejected.

`came_through`, `after_review` and `lost_at` go the other way: from a number of the funnel to a filter for its
trajectories. They narrow the filter that the funnel was computed for, and return None where the number counts no
trajectories, or no single filter describes them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import case, func, select

from engine.reviewing.verdicts import ACCEPTED, EFFECTS
from engine.types import STAGES, Standing, Status, TrajectoryFilter
from storage import filters, tables
from storage.columns import unfinished as not_ended
from storage.database import Database

_t = tables.trajectory.c
_LOST: tuple[Status, ...] = ("rejected", "failed", "unmeasured")
NOT_FINISHED = "not_finished"
"""The reason of planned rollouts that have not ended."""


class AfterReview(NamedTuple):
    """Filters for the three parts of what an export may take after review, None where the filter before allows none:
    `silent` was kept by the judges and not reviewed, `accepted` kept and accepted, `taken_back` lost and accepted."""

    silent: TrajectoryFilter | None
    accepted: TrajectoryFilter | None
    taken_back: TrajectoryFilter | None


def funnel(db: Database, filter: TrajectoryFilter) -> pd.DataFrame:
    """Return [stage, count, lost, gained, reasons] for planned → … → judged → reviewed (→ accepted) → exported.

    `reasons` is a JSON object {reason: count}, "none" where no reason was given. Rollouts that are not finished count
    as planned when the filter speaks of whole batches, and are lost at "proven" with the reason NOT_FINISHED.
    """
    groups = _groups(db, filter)
    waiting = _not_ended(db, filter)
    finished = sum(groups.values())
    lost: dict[str, Counter[str]] = {stage: Counter() for stage in STAGES}
    if waiting:
        lost["proven"][NOT_FINISHED] = waiting
    for (status, stage, reason, _standing, _exported), n in groups.items():
        if status != "kept":
            where = stage if stage in STAGES and stage != "planned" else "judged" if stage is None else "proven"
            lost[where]["none" if reason is None else reason] += n
    rows = [("planned", finished + waiting, 0, 0, "{}")]
    for stage in STAGES[1:]:
        here = lost[stage].total()
        rows.append((stage, rows[-1][1] - here, here, 0, _reasons_json(lost[stage])))
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


def _not_ended(db: Database, filter: TrajectoryFilter) -> int:
    """Return how many planned rollouts have no trajectory yet; 0 when the filter chooses more than whole batches."""
    if filter != TrajectoryFilter(batches=filter.batches):
        return 0
    b = tables.batch.c
    rest = not_ended()
    query = select(func.coalesce(func.sum(case((rest > 0, rest), else_=0)), 0)).where(b.rejudges.is_(False))
    if filter.batches:
        query = query.where(b.id.in_(filter.batches))
    with db.read() as session:
        return int(session.execute(query).scalar_one())


def _fit(status: str, standing: Standing) -> bool:
    """Return whether an export takes a trajectory by default: a human accepted it, or judges kept it and no review
    holds it back."""
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
    return "reviewed", count, reasons.total(), gained, _reasons_json(reasons)


def _accepted_row(groups: dict[tuple[Any, ...], int]) -> tuple[str, int, int, int, str]:
    reasons: Counter[str] = Counter()
    count = 0
    for (status, _stage, _reason, standing, _exported), n in groups.items():
        effect = EFFECTS[standing]
        count += n if effect.accepted else 0
        if _fit(status, standing) and not effect.accepted:
            reasons[str(effect.loss)] += n
    return "accepted", count, reasons.total(), 0, _reasons_json(reasons)


def _exported_row(groups: dict[tuple[Any, ...], int]) -> tuple[str, int, int, int, str]:
    count = lost = gained = 0
    for (status, _stage, _reason, standing, exported), n in groups.items():
        fit = _fit(status, standing)
        count += n if exported else 0
        lost += n if fit and not exported else 0
        gained += n if exported and not fit else 0
    return "exported", count, lost, gained, _reasons_json(Counter({"not_exported": lost} if lost else {}))


def losses(frame: pd.DataFrame) -> Iterator[tuple[str, str, int]]:
    """Yield (stage, reason, count) of a funnel, in the order of the stages."""
    for stage, reasons in zip(frame["stage"], frame["reasons"], strict=True):
        for reason, count in json.loads(reasons).items():
            yield str(stage), str(reason), int(count)


def unfinished(frame: pd.DataFrame) -> int:
    """Return how many planned rollouts of a funnel have not ended, so that there is no trajectory yet."""
    return sum(count for _, reason, count in losses(frame) if reason == NOT_FINISHED)


# ---------------------------------------------------------------- from a number to its trajectories


def came_through(filter: TrajectoryFilter, stage: str) -> TrajectoryFilter | None:
    """Return a filter for what came through a stage; at "planned" for all that have ended, at "reviewed" for those that
    judges kept (`after_review` has the rest)."""
    if stage == "planned":
        return filter
    if stage == "judged":
        return _with_status(filter, "kept")
    if stage == "reviewed":
        return _with_standing(_with_status(filter, "kept"), "none", *ACCEPTED)
    if stage == "accepted":
        return _with_standing(filter, *ACCEPTED)
    if stage == "exported":
        return filter.model_copy(update={"exported": True}) if filter.exported is not False else None
    order: list[str] = [*STAGES]
    return filter.model_copy(update={"reached": max(stage, filter.reached or stage, key=order.index)})


def after_review(filter: TrajectoryFilter) -> AfterReview:
    """Return filters for the parts of the row "reviewed"; their counts sum to its count."""
    kept, lost = _with_status(filter, "kept"), _with_status(filter, *_LOST)
    return AfterReview(_with_standing(kept, "none"), _with_standing(kept, *ACCEPTED), _with_standing(lost, *ACCEPTED))


def lost_at(filter: TrajectoryFilter, stage: str, reason: str) -> TrajectoryFilter | None:
    """Return a filter for what was lost at a stage for a reason; None for rollouts that have not ended, and for what
    was not exported, which no single filter describes."""
    if reason == NOT_FINISHED or stage == "exported":
        return None
    if stage in ("reviewed", "accepted"):
        standings = [name for name, effect in EFFECTS.items() if effect.loss == reason]
        return _with_standing(_with_status(filter, "kept"), *standings)
    return filter.model_copy(update={"stages": (stage,), "reasons": (reason,)})


def _with_status(filter: TrajectoryFilter, *statuses: Status) -> TrajectoryFilter | None:
    """Return the filter with these statuses only, None where it excludes them all."""
    found = tuple(status for status in filter.statuses or statuses if status in statuses)
    return filter.model_copy(update={"statuses": found}) if found else None


def _with_standing(filter: TrajectoryFilter | None, *standings: Standing) -> TrajectoryFilter | None:
    """Return the filter with these standings only, None where it excludes them all."""
    if filter is None:
        return None
    found = tuple(one for one in filter.verdicts or standings if one in standings)
    return filter.model_copy(update={"verdicts": found}) if found else None


def _reasons_json(reasons: Counter[str]) -> str:
    return json.dumps(dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))))
