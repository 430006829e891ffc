"""Commands that push exports to the Hugging Face hub or an object store, and pull data sets from there."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.training_files import import_file
from cli.wiring import database
from engine import settings
from engine.errors import InputError
from engine.publishing.places import HUB_TOKEN, HubPlace, place_of

Address = Annotated[str, typer.Argument(help="hf:USER/NAME, hf:USER/NAME@BRANCH, s3://BUCKET/FOLDER, file:///FOLDER …")]
Variable = Annotated[str, typer.Option(help="The environment variable that holds the token for the hub.")]


def push(
    export: Annotated[str, typer.Argument(help="The .zip or folder of an export, or its number in the studio.")],
    address: Address,
    token_variable: Variable = HUB_TOKEN,
    public: Annotated[bool, typer.Option("--public", help="Let all see a repository of the hub.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over another export at a store.")] = False,
) -> None:
    """Push an export to the Hugging Face hub (private unless --public) or to a store. A push that broke off goes on
    when it is given again."""
    from engine.publishing.push import push as send

    print(send(_export(export), address, variable=token_variable, public=public, force=force))


def _export(named: str) -> Path:
    """Return the file or folder that is named, or the file of the export with that number."""
    path = Path(named)
    if path.exists():
        return path
    if named.isdecimal():
        from storage.exporting.exports import get_export

        with database() as db:
            row = get_export(db, int(named))
        if row is not None and row.path is not None:
            return settings.read().exports / row.path
        raise InputError(named, "is no finished export of the studio.", "Build it there, or name a .zip.")
    raise InputError(named, "is not there.", "Name the .zip or folder of an export, or its number in the studio.")


def pull(
    address: Address,
    format: Annotated[
        str | None, typer.Option(help="An importer; see `list importers`.  [default: as its recipe says]")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the batches that it becomes.")] = None,
    out: Annotated[Path | None, typer.Option(help="Fetch it into this folder and import nothing.")] = None,
    token_variable: Variable = HUB_TOKEN,
) -> None:
    """Fetch a data set from the Hugging Face hub or a store, and import each of its files as a finished batch."""
    from engine.publishing.pull import data_files, format_of
    from engine.publishing.pull import pull as fetch

    place = place_of(address)
    shown = address if isinstance(place, HubPlace) else place.shown
    words = re.sub(r"[^A-Za-z0-9.]+", "-", shown)[-100:].strip("-.")
    own = hashlib.sha256(address.encode()).hexdigest()[:8]
    folder = out or settings.read().home / "pulled" / f"{words}-{own}"
    fetch(address, folder, variable=token_variable)
    if out is not None:
        print(out)
        return
    chosen = format.replace("-", "_") if format else format_of(folder)
    if chosen is None:
        raise InputError(shown, "does not say which importer reads it.", "Name one: --format; see `list importers`.")
    with database() as db:
        _import_all(db, data_files(folder), name or words, chosen)
    shutil.rmtree(folder)  # kept until here, so that a pull that broke off goes on


def _import_all(db: Any, files: list[Path], name: str, format: str) -> None:
    for file in files:
        import_file(db, file, f"{name} {file.stem}"[:120] if len(files) > 1 else name[:120], format, {})
