"""The list of commands, and how a refusal is printed. Each command is a function of the file imported here.

python -m engine work | run FILE | resume NUMBER | rejudge | use-scores NUMBER | undo-scores NUMBER
    | export | environment | push EXPORT ADDRESS | pull ADDRESS | show | analyze | import | validate PACK | check
    | cleanup | list KIND
"""

from __future__ import annotations

import sys

import typer

from cli import batches, environments, installation, judging, packs, publishing, results, training_files
from engine.errors import InputError, TurnwrightError, each

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Generate, inspect and export tool-calling trajectories. The studio does the same in the browser.",
)
app.command()(batches.work)
app.command()(batches.run)
app.command()(batches.resume)
app.command()(judging.rejudge)
app.command()(judging.use_scores)
app.command()(judging.undo_scores)
app.command()(training_files.export)
app.command()(environments.environment)
app.command(name="import")(training_files.import_)
app.command()(publishing.push)
app.command()(publishing.pull)
app.command()(results.show)
app.command()(results.analyze)
app.command()(packs.validate)
app.command()(installation.check)
app.command()(installation.cleanup)
app.command(name="list")(installation.list_)


def main() -> None:
    """Run a command; a refusal is printed without a traceback and ends with status 1."""
    try:
        app()
    except TurnwrightError as error:
        told = each(error) if isinstance(error, InputError) else (error,)
        print("\n".join(f"error: {one}" for one in told), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
