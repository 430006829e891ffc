"""Commands that work on batches: work, run, resume."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.option_values import LARGEST, validated
from cli.wiring import database, worker
from engine import loop
from engine.errors import InputError
from engine.types import Batch


def work(once: Annotated[bool, typer.Option(help="Stop when no batch is waiting.")] = False) -> None:
    """Claim batches and requests and work on them until stopped. The studio starts this beside itself."""
    from engine.serving.worker import serve

    with database() as db:
        loop.run(serve(worker(db), once=once))


def run(
    file: Annotated[Path, typer.Argument(help="A batch as YAML or TOML.")],
    trajectories: Annotated[int | None, typer.Option(help="In place of the number in the file.")] = None,
    sandbox: Annotated[str | None, typer.Option(help="docker, bubblewrap, local or auto; replaces the file's.")] = None,
    seed: Annotated[int | None, typer.Option(help="In place of the seed in the file.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Rollouts in flight, in place of the file's.")] = None,
) -> None:
    """Roll out one batch here and now, then print its summary."""
    from engine.planning.batch_file import batch_of, load_batch
    from storage.generating.batches import create_batch

    batch = load_batch(file)
    if batch.rejudge is not None:
        raise InputError(file.name, "judges stored trajectories again.", f"Use `rejudge --file {file.name}`.")
    given = {"trajectories": trajectories, "sandbox": sandbox, "seed": seed, "concurrency": concurrency}
    changes = {name: value for name, value in given.items() if value is not None}
    batch = batch_of({**batch.model_dump(), **changes}, file.name)
    with database() as db:
        work_on(db, create_batch(db, _as_tried(db, batch)))


def _as_tried(db: Any, batch: Batch) -> Batch:
    """Return the batch with what the profiles of saved models say of its own, and print what does not fit."""
    from engine.planning.model_fit import misfits, untried, with_profiles
    from engine.planning.pack_lints import unanchored_criteria
    from storage.generating import endpoints

    profiles = endpoints.profiles(db)
    for misfit in misfits(batch, profiles):
        print(f"{'warning' if misfit.serious else 'note'}: {misfit.text}")
    for unanchored in unanchored_criteria(batch.rubric) if batch.rubric else ():
        print(f"warning: {unanchored}")
    if roles := untried(batch, profiles):
        print(f"not tried yet: the model of {', '.join(roles)}. A test call under Settings says what it can do.")
    return with_profiles(batch, profiles)


def resume(
    number: Annotated[int, typer.Argument(max=LARGEST, help="A batch that is paused, waits or failed.")],
    tokens: Annotated[int | None, typer.Option(min=0, help="Budget in tokens from now on; 0 takes it off.")] = None,
    dollars: Annotated[float | None, typer.Option(min=0, help="Budget in dollars; 0 takes it off.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Budget in seconds of work; 0 takes it off.")] = None,
    prices: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Dollars per million input and output tokens, for calls whose price is not known."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option(help="Forget the failed rollouts and try them again.")] = False,
    sandbox: Annotated[str | None, typer.Option(help="Carry on in this sandbox, not in that of its beginning.")] = None,
) -> None:
    """Go on with a batch here and now, with a changed budget where one is given, then print its summary."""
    from engine.types import Budget
    from storage.generating.batches import command, get_batch
    from storage.generating.budgets import set_budget
    from storage.generating.recovery import resume_in, retry

    given = {"tokens": tokens, "cost_usd": dollars, "seconds": seconds}
    changes: dict[str, Any] = {name: value or None for name, value in given.items() if value is not None}
    if prices is not None:
        changes |= {"input_cost_per_million": prices[0], "output_cost_per_million": prices[1]}
    with database() as db:
        row = get_batch(db, number)
        if changes:
            budget = validated(Budget, {**row.batch.budget.model_dump(), **changes}, "budget")
            set_budget(db, number, budget, before=row.batch.budget)
        if sandbox is not None:
            resume_in(db, number, sandbox)
        if retry_failed:
            print(f"failed rollouts that are tried again: {retry(db, number)}")
        elif row.status not in ("queued", "running") and sandbox is None:
            command(db, number, "resume")
        work_on(db, number)


def work_on(db: Any, number: int) -> None:
    """Work on one batch in this process until it goes no further, print its summary, exit with 1 if it is not done."""
    from cli.foreground import flip_lines, follow, summary
    from storage.generating.batches import get_batch, losses
    from storage.generating.plans import quotas_of_batch
    from storage.generating.user_yield import user_yield

    loop.run(follow(worker(db, number), lambda: get_batch(db, number)))
    row = get_batch(db, number)
    users = None if row.rejudges else user_yield(db, number)
    print(summary(row, losses(db, number), None if row.rejudges else quotas_of_batch(db, row), users))
    if row.rejudges:
        print("\n".join(flip_lines(db, row)))
    if row.status != "done":
        raise typer.Exit(1)
