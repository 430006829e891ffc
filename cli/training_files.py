"""Commands that write and read training files: export, import."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.filter_options import check_modes, with_filter
from cli.option_values import LARGEST, byte_count, pairs, split_share, text_of, validated, value_of
from cli.wiring import database
from engine import loop
from engine.errors import InputError


@with_filter
def export(
    chosen: dict[str, Any],
    out: Annotated[
        Path,
        typer.Option(
            help="A data file (.jsonl, .json, .parquet, .jsonl.gz, .csv for tables, and so on; one split), a .zip, or "
            "a folder."
        ),
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
    container: Annotated[
        str | None,
        typer.Option(help="jsonl, json or parquet.  [default: by the ending of --out, else what the target reads]"),
    ] = None,
    compression: Annotated[
        str | None, typer.Option(help="none, gzip or zstd.  [default: none; zstd inside Parquet]")
    ] = None,
    shard_rows: Annotated[int | None, typer.Option(min=1, max=LARGEST, help="Rows that a file holds at most.")] = None,
    shard_size: Annotated[
        str | None, typer.Option(help="Bytes that a file holds at most before compression, for example 150MB.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the rows (SPDX), if not the domains'.")] = "unknown",
    tokenizer: Annotated[
        str | None,
        typer.Option(help="Counts tokens: a tokenizer.json, a folder with one, or an installed package with one."),
    ] = None,
    context: Annotated[int | None, typer.Option(min=1, max=(1 << 31) - 1, help="Tokens that a row may have.")] = None,
    longer: Annotated[
        str | None, typer.Option(help="What is longer: name it in the report, leave_out, or cut.  [default: name]")
    ] = None,
    tool_names: Annotated[
        str | None,
        typer.Option(
            help="Rename tools: snake_case, camel_case, pascal_case, upper_case, mixed (a case a task), random."
        ),
    ] = None,
    labels: Annotated[bool, typer.Option(help="Add labels of turns and subsets to the metadata.")] = False,
    recipe: Annotated[Path | None, typer.Option(help="A recipe.json instead of these options.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a training file from stored trajectories."""
    from engine.exporting.build import build
    from engine.exporting.containers.endings import DATA_ENDINGS, ending_of, in_its_container
    from engine.exporting.target import check_choice, for_target
    from engine.types import Recipe
    from storage.exporting.exports import create_export, finish_export
    from storage.reviewing.trajectories import stream
    from storage.serving.library import SqlLibrary

    target, format = (name and name.replace("-", "_") for name in (target, format))
    if target is not None:
        check_choice(target, format, untrained)
    if recipe is not None:
        files = _container_values(container, compression, shard_rows, shard_size, out)
        for name, given in (("--target", target), ("--container", files)):
            if given:
                raise InputError(name, "stands beside a recipe.", f"Write it into {recipe.name}, or leave one out.")
        made = validated(Recipe, text_of(recipe), recipe.name)
    else:
        shares = {name: split_share(name, text) for name, text in pairs(split or [])}
        values = {
            "name": _name_of(out),
            "target": target,
            "format": format,
            "filter": chosen,
            "include_rejected": include_rejected,
            "only_accepted": only_accepted,
            "untrained": untrained,
            "licence": licence,
            "tool_names": tool_names and tool_names.replace("-", "_"),
            "labels": labels,
            "context": _context_length(tokenizer, context, longer),
            "seed": seed,
            "options": {name: value_of(text) for name, text in pairs(option or [])},
            "splits": shares or ({"train": 1.0} if ending_of(out) in DATA_ENDINGS else None),
            "container": _container_values(container, compression, shard_rows, shard_size, out) or None,
        }
        made = validated(Recipe, {k: v for k, v in values.items() if v is not None}, "export")
    made = for_target(in_its_container(made, out))
    loop.spare_collector()
    with database() as db:
        check_modes(db, made.filter)
        rows, known = stream(db, made.filter), SqlLibrary(db)
        result = build(made, rows, out, licence_of=known.licence, batches_of=known.batches, replace=force)
        finish_export(db, create_export(db, made), result.outcome(None))
    summary = {"path": str(result.path), "rows": result.rows, "report": result.report}
    print(json.dumps(summary, indent=2, default=str))
    if result.settings is not None:
        print(f"\nSettings that {made.target} needs:\n\n{result.settings}", file=sys.stderr)


def _name_of(out: Path) -> str:
    """Return the name of a dataset: that of its file without the ending."""
    from engine.exporting.containers.endings import ending_of

    return out.name.removesuffix(ending_of(out)) if ending_of(out) not in ("", out.name) else out.stem


def _container_values(
    kind: str | None, compression: str | None, rows: int | None, size: str | None, out: Path
) -> dict[str, Any]:
    """Return the fields of the container that was asked for, {} when none was; its kind is that of the file's ending
    where only its other fields were given."""
    from engine.exporting.containers.endings import CONTAINERS, ending_of

    given: dict[str, Any] = {
        "kind": kind,
        "compression": compression,
        "shard_rows": rows,
        "shard_bytes": None if size is None else byte_count("--shard-size", size),
    }
    found = {name: value for name, value in given.items() if value is not None}
    meant = CONTAINERS.get(ending_of(out))
    if found and meant is not None:
        found = {"kind": meant.kind, "compression": meant.compression} | found
    return found


def _context_length(tokenizer: str | None, tokens: int | None, longer: str | None) -> dict[str, Any] | None:
    """Return the values of a ContextLength; None where none is asked for."""
    if tokenizer is None and tokens is None and longer is None:
        return None
    if tokenizer is None or tokens is None:
        missing = "--tokenizer" if tokenizer is None else "--context"
        raise InputError(missing, "is missing.", "A length needs both a tokenizer and a number of tokens.")
    return {"tokenizer": tokenizer, "tokens": tokens, "longer": (longer or "name").replace("-", "_")}


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
