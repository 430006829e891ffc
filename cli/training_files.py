"""Commands that write and read training files: export, import."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.filter_options import check_modes, with_filter
from cli.option_values import pairs, split_share, text_of, validated, value_of
from cli.wiring import database
from engine import loop
from engine.errors import InputError


@with_filter
def export(
    chosen: dict[str, Any],
    out: Annotated[
        Path, typer.Option(help="A data file (.jsonl for most formats; one split), a .zip file, or a folder.")
    ],
    target: Annotated[str | None, typer.Option(help="The trainer that the rows are for; see `list targets`.")] = None,
    format: Annotated[
        str | None, typer.Option(help="An exporter, without a target; see `list exporters`.  [default: chat_jsonl]")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="name=share, several; they must sum to 1.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the split.")] = 0,
    option: Annotated[list[str] | None, typer.Option(help="name=value of the exporter.")] = None,
    include_rejected: Annotated[bool, typer.Option(help="Also what the judges rejected.")] = False,
    only_accepted: Annotated[bool, typer.Option(help="Only what a human accepted.")] = False,
    untrained: Annotated[
        str | None,
        typer.Option(help="A turn that a human rejected: mask it, or cut there.  [default: as the target can]"),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the rows (SPDX), if not the domains'.")] = "unknown",
    recipe: Annotated[Path | None, typer.Option(help="A recipe.json instead of these options.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a training file from stored trajectories."""
    from engine.exporting.build import build
    from engine.exporting.target import check_choice, for_target
    from engine.types import Recipe
    from storage.exporting.exports import create_export, finish_export
    from storage.reviewing.trajectories import stream
    from storage.serving.library import SqlLibrary

    target, format = (name and name.replace("-", "_") for name in (target, format))
    if target is not None:
        check_choice(target, format, untrained)
    if recipe is not None:
        if target is not None:
            raise InputError("--target", "stands beside a recipe.", f"Write it into {recipe.name}, or leave one out.")
        made = validated(Recipe, text_of(recipe), recipe.name)
    else:
        shares = {name: split_share(name, text) for name, text in pairs(split or [])}
        values = {
            "name": out.stem,
            "target": target,
            "format": format,
            "filter": chosen,
            "include_rejected": include_rejected,
            "only_accepted": only_accepted,
            "untrained": untrained,
            "licence": licence,
            "seed": seed,
            "options": {name: value_of(text) for name, text in pairs(option or [])},
            "splits": shares or ({"train": 1.0} if out.suffix in (".jsonl", ".csv", ".parquet") else None),
        }
        made = validated(Recipe, {k: v for k, v in values.items() if v is not None}, "export")
    made = for_target(made)
    loop.spare_collector()
    with database() as db:
        check_modes(db, made.filter)
        rows, known = stream(db, made.filter), SqlLibrary(db)
        result = build(made, rows, out, licence_of=known.licence, batch_of=known.batch, replace=force)
        finish_export(db, create_export(db, made), result.outcome(None))
    summary = {"path": str(result.path), "rows": result.rows, "report": result.report}
    print(json.dumps(summary, indent=2, default=str))
    if result.settings is not None:
        print(f"\nSettings that {made.target} needs:\n\n{result.settings}", file=sys.stderr)


def import_(
    file: Annotated[Path, typer.Argument(help="A data file, one JSON object per line.")],
    format: Annotated[str, typer.Option(help="An importer; see `list importers`.")] = "chat_jsonl",
    name: Annotated[str | None, typer.Option(help="Name of the batch it becomes.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="name=value of the importer; `list importers`.")] = None,
) -> None:
    """Read a training file as a finished batch, without what an import before brought. A bad line is set aside with its
    reason; when none can be read, the file is refused."""
    options = {key: value_of(text) for key, text in pairs(option or [])}
    with database() as db:
        import_file(db, file, name or file.stem, format.replace("-", "_"), options)


def import_file(db: Any, file: Path, name: str, format: str, options: Mapping[str, Any]) -> None:
    """Import one file as a batch of that name and print the report. Raises InputError when it cannot be read."""
    from engine.importing.read import importer_of, read, report_lines
    from engine.importing.report import Report
    from storage.intake import imports

    importer, report = importer_of(format, options), Report()
    try:
        source = file.open("rb")
    except OSError as error:
        raise InputError(file.name, f"cannot be read: {error.strerror}.", "Check the path.") from error
    with source:
        found = imports.insert_new(db, name, read(importer, source, file.name, report), report.as_dict)
    if found.batch is not None:
        print(f"batch {found.batch}: {found.rows} trajectories")
    if found.repeated:
        here = ", ".join(f"{count} in batch {batch}" for batch, count in found.repeated.items())
        print(f"{'all are' if found.batch is None else 'the others are'} here already, from an import before: {here}")
    print("".join(f"{line}\n" for line in report_lines(report.as_dict())), end="")
