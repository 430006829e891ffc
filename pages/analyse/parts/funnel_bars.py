"""The bars of the yield funnel.

A bar is wider than the one before only by a part of another colour: what a human accepted although judges rejected it,
or what was exported although it was rejected. "Accepted" is a part of "reviewed" too and not a stage, since an export
needs no review.
"""

from __future__ import annotations

import pandas as pd

from engine.types import TrajectoryFilter
from pages._ui.format import count, percent, plural
from pages.analyse.parts.charts import Bars, colour, filter_text, hover_text, series_colour
from pages.analyse.parts.measures import Series
from storage.analysing.funnel import after_review, came_through, unfinished

STAGES = {
    "planned": "Planned",
    "proven": "Proven",
    "rolled_out": "Rolled out",
    "rules": "Passed the rules",
    "state": "Passed the state check",
    "judged": "Kept by the judges",
    "reviewed": "Kept after review",
    "accepted": "Accepted by a human",
    "exported": "Exported",
}
STEPS = [stage for stage in STAGES if stage != "accepted"]
TAKEN_BACK = "Taken back by a human"
ALL_THE_SAME = "Exported although rejected"


def stage_bars(one: Series, frame: pd.DataFrame) -> list[Bars]:
    """Return the bars of one funnel to be stacked, as shares of what was planned: what came through each stage, and
    the parts that are there."""
    counts, gained = _numbers(frame)
    opens = after_review(one.filter)
    back, beside = gained["reviewed"], gained["exported"]
    through = counts | {"reviewed": counts["reviewed"] - counts["accepted"], "exported": counts["exported"] - beside}
    parts = (
        _reviewed_part(counts["accepted"] - back, STAGES["accepted"], opens.accepted, colour("good"), counts),
        _reviewed_part(back, TAKEN_BACK, opens.taken_back, series_colour(3), counts),
        _rejected_part(one, counts, beside),
    )
    return [_through(one, frame, counts, through, several_parts=bool(counts["accepted"])), *filter(None, parts)]


def compared_bars(one: Series, frame: pd.DataFrame) -> Bars:
    """Return the bars of one of several funnels; "(+3)" marks a bar that contains trajectories lost before."""
    counts, gained = _numbers(frame)
    planned = counts["planned"]
    labels, hovers, opens = [], [], []
    for stage in STEPS:
        more = gained[stage]
        word = "taken back by a human" if stage == "reviewed" else "exported although rejected"
        labels.append(share(counts[stage], planned) + (f" (+{count(more)})" if more else ""))
        opens.append("" if more and stage == "reviewed" else _stage_opens(one, frame, stage, counts[stage]))
        hovers.append(_stage_hover(one, frame, stage, f", {count(more)} of them {word}" if more else ""))
    lengths = [counts[stage] / planned if planned else None for stage in STEPS]
    return Bars(one.name, [STAGES[stage] for stage in STEPS], lengths, labels, opens, hovers)


def totals(frame: pd.DataFrame) -> list[str]:
    """Return the text behind each bar: "20 (33.3%)"."""
    counts, _ = _numbers(frame)
    return [f"{count(counts[stage])} ({share(counts[stage], counts['planned'])})" for stage in STEPS]


def share(n: int, planned: int) -> str:
    """Return a count as a share of what was planned."""
    return percent(n / planned if planned else None, 1)


def _numbers(frame: pd.DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Return (count of each stage, how many of them were gained there)."""
    rows = frame.set_index("stage")
    counts, gained = ({stage: int(rows.loc[stage, name]) for stage in STAGES} for name in ("count", "gained"))
    return counts, gained


def _through(
    one: Series, frame: pd.DataFrame, counts: dict[str, int], through: dict[str, int], *, several_parts: bool
) -> Bars:
    """Return the bars of what came through each stage; with `several_parts` others stand beside it at "reviewed"."""
    planned = counts["planned"]
    opens = [_stage_opens(one, frame, stage, through[stage]) for stage in STEPS]
    hovers = [_stage_hover(one, frame, stage) for stage in STEPS]
    if several_parts:
        at = STEPS.index("reviewed")
        opens[at] = filter_text(after_review(one.filter).silent) if through["reviewed"] else ""
        hovers[at] = hover_text("Kept by the judges, no word of a human", through["reviewed"])
    labels = [count(through[s]) if s == "reviewed" and several_parts and through[s] else "" for s in STEPS]
    lengths = [through[stage] / planned if planned else None for stage in STEPS]
    return Bars("Came through", [STAGES[stage] for stage in STEPS], lengths, labels, opens, hovers, colour("main"))


def _reviewed_part(
    n: int, word: str, chosen: TrajectoryFilter | None, shade: str, counts: dict[str, int]
) -> Bars | None:
    """Return a part of what was kept after review."""
    if not n:
        return None
    return Bars(
        word,
        [STAGES["reviewed"]],
        [n / counts["planned"] if counts["planned"] else None],
        [count(n)],
        [filter_text(chosen)],
        [hover_text(word, n)],
        shade,
    )


def _rejected_part(one: Series, counts: dict[str, int], n: int) -> Bars | None:
    """Return the part of what was exported that judges or a human had rejected."""
    if not n:
        return None
    planned, exported = counts["planned"], counts["exported"]
    whole = hover_text(STAGES["exported"], exported, f"{count(n)} of them although judges or a human had rejected them")
    opens = filter_text(came_through(one.filter, "exported"))
    return Bars(
        ALL_THE_SAME,
        [STAGES["exported"]],
        [n / planned if planned else None],
        [count(n)],
        [opens],
        [whole],
        colour("lost"),
    )


def _stage_opens(one: Series, frame: pd.DataFrame, stage: str, n: int) -> str:
    """Return the filter text of a stage, "" where it holds no trajectory."""
    there = n - unfinished(frame) if stage == "planned" else n
    return filter_text(came_through(one.filter, stage)) if there else ""


def _stage_hover(one: Series, frame: pd.DataFrame, stage: str, more: str = "") -> str:
    """Return the hover text of a stage."""
    counts, _ = _numbers(frame)
    n, planned = counts[stage], counts["planned"]
    rest = unfinished(frame) if stage == "planned" else 0
    waiting = f", {plural(rest, 'rollout')} not finished" if rest else ""
    detail = f"{one.name}, {share(n, planned)} of planned{more}{waiting}" if planned else ""
    return hover_text(STAGES[stage], n - rest, detail)
