"""Commands that print what is stored: show, analyze."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from cli.filter_options import check_modes, with_filter
from cli.option_values import LARGEST, validated
from cli.wiring import database
from engine.errors import InputError


def show(
    trajectory: Annotated[
        int | None, typer.Argument(max=LARGEST, help="Number of a trajectory; none lists batches.")
    ] = None,
    batch: Annotated[int | None, typer.Option(max=LARGEST, help="List the latest trajectories of a batch.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole record.")] = False,
) -> None:
    """Show batches, the trajectories of a batch, or one trajectory turn by turn."""
    from cli.foreground import flip_lines, summary
    from storage.generating.batches import get_batch, latest, list_batches, losses
    from storage.generating.judgings import judgements
    from storage.generating.plans import quotas_of_batch
    from storage.generating.user_yield import user_yield
    from storage.reviewing.trajectories import get

    with database() as db:
        if trajectory is not None:
            found = get(db, trajectory)
            if found is None:
                raise InputError("trajectory", f"there is no trajectory {trajectory}.", "See `show --batch N`.")
            print(found.as_shown().model_dump_json(indent=2) if as_json else _trajectory_text(found))
            for number, name, judged, used in () if as_json else judgements(db, trajectory):
                print(f"\njudged again by batch {number} {name!r}{', which counts' if used else ''}: {judged.status}")
                print("\n".join(_score_lines(judged.scores, found)))
        elif batch is not None:
            chosen = get_batch(db, batch)
            again = bool(chosen.rejudges)
            plan, users = (None, None) if again else (quotas_of_batch(db, chosen), user_yield(db, batch))
            print(summary(chosen, losses(db, batch), plan, users))
            if again:
                print("\n".join(flip_lines(db, chosen)))
            for row in latest(db, batch, 20):
                print(f"  {row.id:>6}  {row.status:<8} {row.domain}/{row.template} {row.mode}  {row.title[:70]}")
        else:
            for entry in list_batches(db):
                p = entry.progress
                print(f"{entry.id:>5}  {entry.status:<9} {p.finished}/{p.planned}  {entry.name}")


def _trajectory_text(trajectory: Any) -> str:
    """Return one trajectory as lines: status, messages with their calls, scores. Long messages are cut."""
    head = f"{trajectory.domain}/{trajectory.template} {trajectory.mode}: {trajectory.status}"
    lines = [head + (f" at {trajectory.stage}: {trajectory.reason}. {trajectory.detail}" if trajectory.reason else "")]
    for number, turn in enumerate(trajectory.turns):
        lines.append(f"[{number}] {turn.role}: {turn.content[:2000]}")
        lines += [f"      → {c.name}({json.dumps(c.arguments, ensure_ascii=False)})" for c in turn.tool_calls]
    return "\n".join([*lines, *_score_lines(trajectory.scores, trajectory)])


def _score_lines(scores: Any, trajectory: Any) -> list[str]:
    """Return a line for each score, and below it what the score measures."""
    from engine.judging.meaning import measured_in_words

    lines = []
    for one in scores:
        lines.append(f"{one.name}: {'not measured' if one.value is None else one.value} ({one.reason})")
        if meaning := measured_in_words(one, trajectory):
            lines.append(f"      measures: {meaning}")
    return lines


@with_filter
def analyze(
    chosen: dict[str, Any],
    by: Annotated[str, typer.Option(help="domain, mode, tool, persona, model, outcome, culprit or reason.")] = "domain",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the yield funnel, a breakdown and the scores; the database does the sums."""
    from engine.types import TrajectoryFilter
    from storage.analysing import analytics

    wanted = validated(TrajectoryFilter, chosen, "filter")
    with database() as db:
        check_modes(db, wanted)
        frames = {
            "funnel": analytics.funnel(db, wanted),
            by: analytics.breakdown(db, wanted, by),
            "scores": analytics.score_summary(db, wanted),
        }
    if as_json:
        print(
            json.dumps({name: json.loads(frame.to_json(orient="records")) for name, frame in frames.items()}, indent=2)
        )
        return
    for name, frame in frames.items():
        print(f"\n{name}\n{frame.to_string(index=False) if len(frame) else '  nothing yet'}")
