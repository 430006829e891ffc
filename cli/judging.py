"""Commands that judge stored trajectories again, and choose whose scores count."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.batches import work_on
from cli.filter_options import check_modes, with_filter
from cli.option_values import LARGEST, validated
from cli.wiring import database
from engine.errors import InputError
from engine.types import Batch, TrajectoryFilter

_TAKEN = (
    *("judges", "panel", "rubric", "keep_failures", "min_reward", "concurrency", "pause_unmeasured"),
    "allow_unisolated_commands",
)
"""What is judged as in a stored batch, where nothing else is said."""


@with_filter
def rejudge(
    chosen: dict[str, Any],
    file: Annotated[
        Path | None, typer.Option(help="Judges, models.judge, rubric, budget and filter (rejudge) as YAML or TOML.")
    ] = None,
    judge: Annotated[list[str] | None, typer.Option(help="Only these judges; scores of the others stand.")] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option(help="A saved model that the judges ask; several are a panel, most votes count.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the batch that this becomes.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Budget in tokens.")] = None,
    dollars: Annotated[float | None, typer.Option(min=0, help="Budget in dollars.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Budget in seconds of work.")] = None,
) -> None:
    """Judge stored trajectories again, imported ones too, and list which would count otherwise. Nothing of them changes
    until `use-scores`. What is not given is as in the batch of --batch, when that is one."""
    from storage.generating.judgings import create_judging

    with database() as db:
        values = _values(db, chosen, file)
        if judge:
            values["judges"] = judge
        if endpoint:
            first, *further = (_saved(db, one) for one in endpoint)
            values |= {"models": {**values.get("models", {}), "judge": first}, "panel": further}
        bounds = {"tokens": tokens, "cost_usd": dollars, "seconds": seconds}
        given = {bound: value for bound, value in bounds.items() if value}
        values["budget"] = {**values.get("budget", {}), **given}
        values["rejudge"] = {**values.get("rejudge", {}), **chosen}
        batch = _checked(
            {**values, "name": name or values.get("name") or "Judged again", "domains": [{"id": "stored"}]}
        )
        assert batch.rejudge is not None
        check_modes(db, batch.rejudge)
        work_on(db, create_judging(db, batch))


def use_scores(
    number: Annotated[int, typer.Argument(max=LARGEST, help="A batch that judged trajectories again.")],
) -> None:
    """Let the scores that a batch found count: lists, charts and exports go by them. `undo-scores` takes it back."""
    from storage.generating.judgings import use

    with database() as db:
        print(f"trajectories with other scores now: {use(db, number)}")


def undo_scores(
    number: Annotated[int, typer.Argument(max=LARGEST, help="A batch whose scores count.")],
) -> None:
    """Give trajectories back the scores that they had before those of this batch counted."""
    from storage.generating.judgings import undo

    with database() as db:
        print(f"trajectories with their earlier scores: {undo(db, number)}")


def _values(db: Any, chosen: dict[str, Any], file: Path | None) -> dict[str, Any]:
    """Return the plain fields of the batch: those of the file, else those of the one batch that is chosen."""
    from engine.planning.batch_file import load_batch
    from storage.generating.batches import get_batch

    if file is not None:
        return load_batch(file).model_dump(mode="json", exclude_unset=True, exclude={"domains"})
    wanted = validated(TrajectoryFilter, chosen, "filter")
    if len(wanted.batches) != 1:
        return {}
    row = get_batch(db, wanted.batches[0])
    if row.imported:
        return {"judges": ["rubric"]}
    before = row.batch.model_dump(mode="json", include={*_TAKEN, "models"})
    return {**before, "models": {role: model for role, model in before["models"].items() if role == "judge"}}


def _saved(db: Any, name: str) -> dict[str, Any]:
    from storage.generating.endpoints import list_endpoints

    known = {row.name: row.endpoint for row in list_endpoints(db)}
    if name not in known:
        raise InputError("--endpoint", f"there is no saved model {name!r}.", f"Choose one of: {', '.join(known)}.")
    saved: dict[str, Any] = known[name].model_dump(mode="json")
    return saved


def _checked(values: dict[str, Any]) -> Batch:
    """Return the batch of these fields. Raises InputErrors, and InputError where a judge has no model to ask."""
    from engine.planning.batch_file import batch_of
    from engine.planning.players import roles_asked

    batch = batch_of(values, "rejudge")
    if missing := [role for role in roles_asked(batch) if role not in batch.models]:
        raise InputError(f"models.{missing[0]}", "is needed by the chosen judges.", "Name a saved model by --endpoint.")
    return batch
