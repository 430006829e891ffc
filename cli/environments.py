"""The command that makes a runnable environment of proven tasks: environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.option_values import LARGEST
from cli.wiring import database
from engine import loop, settings
from engine.errors import InputError


def environment(
    out: Annotated[Path, typer.Option(help="The zip file to write.")],
    framework: Annotated[str, typer.Option("--as", help="verifiers, harbor, openenv or nemo_gym.")],
    domain: Annotated[
        str | None, typer.Argument(help="A domain; its tasks are planned anew, or are those of a batch.")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(max=LARGEST, help="The tasks of this batch; its dialogues are replayed as a check."),
    ] = None,
    tasks: Annotated[int, typer.Option(min=1, max=10_000, help="Tasks to plan of a domain.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the tasks of a domain.")] = 0,
    sandbox: Annotated[str | None, typer.Option(help="docker, local or auto: where the tasks are proven.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a domain's proven tasks as an environment that another program runs. Before the file is written, the
    package is run: the reference must earn the full reward, and must not without its writes."""
    from engine.environments.package import framework as known
    from storage.exporting.environments import source_of

    framework = framework.replace("-", "_")
    known(framework)
    if out.exists() and not force:
        raise InputError(str(out), "is there already.", "Choose another file, or add --force.")
    with database() as db:
        source = source_of(db, batch=batch, domain=domain, tasks=tasks, seed=seed)
    found = loop.run(_made(framework, source, sandbox))
    out.write_bytes(found.archive)
    print("\n".join([f"{out}: {len(found.archive)} bytes", *found.lines()]))


async def _made(framework: str, source: Any, sandbox: str | None) -> Any:
    from engine.environments.make import make
    from engine.serving.choice import open_pool

    found = settings.read()
    pool = await open_pool(
        sandbox or found.sandbox, allow_commands=True, image=found.image, options=found.sandbox_options
    )
    try:
        return await make(framework, source, pool)
    finally:
        await pool.aclose()
