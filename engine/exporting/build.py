"""Build a whole export: convert, split, write, describe. Of each trajectory only ids and counts stay in memory.

A zip holds the data files of each split, README.md (the dataset card), report.json, recipe.json, the files of the
batches that are known, and the format's own extra files. The same trajectories and recipe give the same bytes. The file
gets its name only when it is complete.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import InputError, StorageError
from engine.exporting.card.batch_files import batch_files
from engine.exporting.card.card import Contents, DataFile, card, domain_licences, with_licence
from engine.exporting.card.card_facts import CardCounts
from engine.exporting.card.croissant import croissant
from engine.exporting.containers.endings import CONTAINERS, DATA_ENDINGS, ZIP, ending_of, in_its_container
from engine.exporting.containers.files import SplitFiles, TextFiles
from engine.exporting.containers.places import Place
from engine.exporting.convert import Conversion, EncodedTrajectory, Entry, encode_all
from engine.exporting.json import dump_bytes
from engine.exporting.report import Report
from engine.exporting.table import TableWriter
from engine.exporting.target import for_target, is_table, target_of
from engine.liveness import lives, process_name
from engine.protocols import Exporter
from engine.types import Batch, Container, ExportOutcome, Recipe

_SPLIT_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_LEFT = re.compile(r"\.building-(.+-\d+-\d+)-\w{8}")
"""The folder of an export that is being built, with the name of the process (engine/liveness.py)."""
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_BUFFER_BYTES = 1 << 20
_PACKED = (".gz", ".zst", ".parquet")
"""Endings of files that are compressed already."""


@dataclass(frozen=True)
class ExportResult:
    """One finished export: a zip or a single data file. `size` in bytes; `rows` by split, without empty splits;
    `trajectories` are the ids of those that gave rows; `settings` is the configuration text that the recipe's target
    needs, None without a target."""

    path: Path
    size: int
    sha256: str
    rows: dict[str, int]
    report: dict[str, Any]
    trajectories: Sequence[int]
    settings: str | None = None

    def outcome(self, path: str | None) -> ExportOutcome:
        """Return the part that the database keeps; `path` as in ExportOutcome."""
        rows = sum(self.rows.values())
        return ExportOutcome(path, self.size, self.sha256, rows, self.report, self.trajectories)


def build(
    recipe: Recipe,
    source: Iterable[Entry],
    target: Path,
    *,
    licence_of: Callable[[str], str | None] = lambda digest: None,
    batches_of: Callable[[Collection[str]], Mapping[str, Batch]] = lambda fingerprints: {},
    extra_processes: int | None = None,
    replace: bool = True,
) -> ExportResult:
    """Write the export and return where it is.

    A `target` with the ending of a container (.jsonl, .jsonl.gz, .parquet and so on), or of the table that the format
    writes, becomes one data file, for a recipe with one split and without shards, with the format's extra files in its
    folder; one ending in .zip becomes that zip; in a folder (existing, or a name without an ending) the export is
    <recipe name>.zip. `licence_of` gives the licence of a domain version by its digest, for recipes that name none,
    and `batches_of` those batches that are known, by their fingerprints.
    `extra_processes` help with large exports (see `encode_all`). Raises InputError when there is no row to write, an
    option or the ending is wrong, or the file exists and `replace` is false; StorageError when the disk refuses.
    """
    try:
        recipe = for_target(in_its_container(recipe, target))
        path = output_path(target, recipe.name, _data_endings(recipe))
        _check_splits(recipe, path)
        _refuse_existing(path, replace)
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_left(path.parent)
        with tempfile.TemporaryDirectory(prefix=f".building-{process_name()}-", dir=path.parent) as scratch:
            converted = _checked_again(encode_all(recipe, source, extra_processes=extra_processes), path, replace)
            return _build(recipe, converted, path, Path(scratch), _Origins(licence_of, batches_of))
    except OSError as error:
        folder = target.parent if ending_of(target) else target
        problem = f"The export could not be written to {folder.name}: {error.strerror or error}."
        raise StorageError(f"{problem} {_next_move(error)}") from error


def _next_move(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space, then build it again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Allow the engine to write there, or choose another folder."
    if error.errno == errno.ENAMETOOLONG:
        return "Choose a shorter name."
    return "See that the folder exists and is one, or choose another."


class _Origins(NamedTuple):
    """What is known of where trajectories come from, beside themselves (see `build`)."""

    licence_of: Callable[[str], str | None]
    batches_of: Callable[[Collection[str]], Mapping[str, Batch]]


def preview(recipe: Recipe, source: Iterable[Entry], n: int = 5) -> list[dict[str, Any]]:
    """Return the first `n` rows of the export; reads no more of the source than it needs, all of it for pairs."""
    return list(islice(_preview_rows(recipe, source), n))


def _preview_rows(recipe: Recipe, source: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    conversion, report = Conversion(recipe), Report()
    if conversion.grouped:
        for encoded in encode_all(recipe, source, extra_processes=0):
            yield from map(json.loads, report.admit(encoded.converted))
        return
    for _, body, reviews in source:
        yield from map(_json_value, report.admit(conversion.record_and_rows(body, reviews)[1]))


def _json_value(row: Any) -> Any:
    return json.loads(dump_bytes(row))


# ---------------------------------------------------------------- output path


def _remove_left(folder: Path) -> None:
    """Remove what killed processes left of exports into this folder."""
    for found in folder.glob(".building-*"):
        if (name := _LEFT.fullmatch(found.name)) and lives(name[1]) is False:
            shutil.rmtree(found, ignore_errors=True)


def _data_endings(recipe: Recipe) -> Sequence[str]:
    """Return the endings that a bare data file of a recipe may have."""
    return (Conversion(recipe).exporter.suffix,) if is_table(recipe.format) else tuple(CONTAINERS)


def output_path(target: Path, name: str, data_endings: Sequence[str] = tuple(CONTAINERS)) -> Path:
    """Return the file to write for a `target` (see `build`). Raises InputError for an ending that is neither among
    `data_endings` nor .zip."""
    ending, endings = ending_of(target), (*data_endings, ZIP)
    if ending in endings and ending == target.name and not target.is_dir():
        next_move = f"Write for example {target.with_name(_file_name(name) + target.name)}."
        raise InputError(str(target), "is an ending without a name.", next_move)
    if ending in endings:
        if target.is_dir():
            raise InputError(str(target), "is a folder.", "Name a file in it, or a folder without such an ending.")
        return target
    if target.suffix and not target.is_dir():
        problem = f"{ending or target.suffix} is no ending of a file that can be written."
        next_move = f"End it in {', '.join(data_endings)} or {ZIP}. For a folder of that name, make the folder first."
        raise InputError(str(target), problem, next_move)
    return target / f"{_file_name(name)}.zip"


def _refuse_existing(path: Path, replace: bool) -> None:
    if not replace and path.exists():
        raise InputError(str(path), "is there already and stays as it is.", "Name another file, or add --force.")


def _checked_again(
    converted: Generator[EncodedTrajectory, None, None], path: Path, replace: bool
) -> Generator[EncodedTrajectory, None, None]:
    """Yield everything, then check once more, since the file may have been created during the conversion."""
    yield from converted
    _refuse_existing(path, replace)


# ---------------------------------------------------------------- writing


def _check_splits(recipe: Recipe, path: Path) -> None:
    for name in recipe.splits:
        if not _SPLIT_NAME.fullmatch(name):
            raise InputError("splits", f"{name!r} is no name for a file.", "Use letters, digits and _.")
    used = [name for name, share in recipe.splits.items() if share > 0]
    if ending_of(path) in DATA_ENDINGS and len(used) > 1:
        raise InputError(
            path.name, f"one file cannot hold {len(used)} splits.", "Write a .zip, or use one split: train=1."
        )
    if ending_of(path) in CONTAINERS and recipe.container is not None and recipe.container.sharded:
        raise InputError(path.name, "one file cannot hold shards.", f"Write a {ZIP}, or leave the size of shards open.")


def _build(
    recipe: Recipe,
    converted: Generator[EncodedTrajectory, None, None],
    path: Path,
    scratch: Path,
    origins: _Origins,
) -> ExportResult:
    conversion = Conversion(recipe)
    exporter = conversion.exporter
    report, card_counts = Report(conversion.never_carried, context=recipe.context), CardCounts()
    rows_seen = Place()
    splits, ids = _write_splits(recipe, converted, scratch, exporter, report, card_counts, rows_seen)
    files = {name: list(one.files) for name, one in splits.items() if one.rows}
    rows = {name: splits[name].rows for name in files}
    summary = report.as_dict() | {"splits": {name: one.rows for name, one in splits.items()}}
    if recipe.container is not None:
        summary["container"] = container_facts(recipe.container, files, rows_seen)
    if not files:
        raise _no_rows_error(recipe, summary)
    finished = scratch / "finished"
    companions: list[str] = []
    loaded = data_patterns(files, recipe.container)
    if ending_of(path) != ZIP:
        ((split, file),) = loaded.items()
        loaded = {split: path.name}
        (scratch / file).replace(finished)
        stem = path.name.removesuffix(ending_of(path))
        companions = _write_companions(path, scratch, exporter.extra_files({stem: path.name}))
    else:
        licences = domain_licences(card_counts, origins.licence_of)
        batches = batch_files(origins.batches_of(card_counts.batches))
        described = [one for name in files for one in _described(name, scratch, splits[name])]
        contents = Contents(recipe, card_counts, described, loaded, summary, licences, sorted(batches))
        named = {file.partition(".")[0]: file for found in files.values() for file in found}
        beside = exporter.extra_files(named) | batches
        if (made_for := target_of(recipe)) and made_for.repository:
            beside["croissant.json"] = croissant(contents, scratch)
        beside |= {
            "README.md": card(contents),
            "recipe.json": with_licence(recipe, licences).model_dump_json(indent=2).encode() + b"\n",
            "report.json": _pretty(summary),
        }
        _zip(finished, scratch, sorted(named.values()), beside)
    sha256 = _sha256(finished)
    size = finished.stat().st_size
    finished.replace(path)
    for name in companions:
        (scratch / name).replace(path.parent / name)
    return ExportResult(path, size, sha256, rows, summary, ids, settings_of(recipe, loaded))


def _described(split: str, folder: Path, written: SplitFiles) -> Iterator[DataFile]:
    """Yield what the card says of each file of a split."""
    for name, rows in written.files.items():
        yield DataFile(split, name, rows, (folder / name).stat().st_size, _sha256(folder / name))


def _sha256(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _write_splits(
    recipe: Recipe,
    converted: Generator[EncodedTrajectory, None, None],
    scratch: Path,
    exporter: Exporter,
    report: Report,
    card_counts: CardCounts,
    rows_seen: Place,
) -> tuple[dict[str, SplitFiles], list[int]]:
    """Write the data files of each split, counting into `report`, `card_counts` and, for Parquet, `rows_seen`; return
    (what was written by split, ids of the trajectories that gave rows)."""
    ids: list[int] = []
    with ExitStack() as stack:
        splits = {name: _split_files(stack, scratch, name, recipe, exporter, rows_seen) for name in recipe.splits}
        for id, outcome, split, facts in stack.enter_context(closing(converted)):
            rows = report.admit(outcome, id)
            if rows or (outcome.dropped is None and not outcome.ids):  # without ids: it is in the row of another
                splits[split].add(rows)
                if facts is not None:
                    card_counts.add(facts)
                ids.append(id)
        for one in splits.values():
            one.finish()
    return splits, ids


def _split_files(
    stack: ExitStack, folder: Path, split: str, recipe: Recipe, exporter: Exporter, rows_seen: Place
) -> SplitFiles:
    if is_table(recipe.format):
        columns: Mapping[str, str] = getattr(exporter, "columns")  # noqa: B009  # not every exporter has it
        return TableWriter(stack, folder / f"{split}{exporter.suffix}", columns)
    container = recipe.container or Container()
    if container.kind != "parquet":
        ending = exporter.suffix if recipe.container is None else container.ending
        return TextFiles(stack, folder, split, container, ending)
    from engine.exporting.containers.parquet import ParquetFiles  # pyarrow takes a third of a second

    target = target_of(recipe)
    return ParquetFiles(stack, folder, split, container, rows_seen, bool(target and target.json_type))


def container_facts(container: Container, files: Mapping[str, Sequence[str]], rows_seen: Place) -> dict[str, Any]:
    """Return what the report says of a container: its kind and compression, how many files each split has, and for
    Parquet the places written as JSON text, those with clashing types apart."""
    facts: dict[str, Any] = {"kind": container.kind, "compression": container.packed}
    facts["files"] = {split: len(found) for split, found in files.items()}
    if container.kind == "parquet":
        texts = list(rows_seen.texts())
        facts["json_text"] = [path for path, mixed in texts if not mixed]
        facts["json_text_of_mixed_types"] = [path for path, mixed in texts if mixed]
    return facts


def data_patterns(files: Mapping[str, Sequence[str]], container: Container | None) -> dict[str, str]:
    """Return by split how a reader names its files: the one there is, or a pattern for shards."""
    if container is None or not container.sharded:
        return {split: found[0] for split, found in files.items()}
    return {split: f"{split}-*{container.ending}" for split in files}


def settings_of(recipe: Recipe, files: Mapping[str, str]) -> str | None:
    """Return the configuration text of the recipe's target for data files by split (names, or patterns of shards); None
    without a target."""
    target = target_of(recipe)
    return target.settings_for(files, recipe.container) if target else None


def _pretty(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def _write_companions(path: Path, scratch: Path, wanted: Mapping[str, bytes]) -> list[str]:
    """Write the extra files of a bare data file into `scratch`; return their names.

    A JSON object that exists beside `path`, such as LLaMA-Factory's own dataset_info.json, keeps its other entries.
    """
    for name, content in wanted.items():
        there = path.parent / name
        if there.exists():
            try:
                content = _pretty({**json.loads(there.read_bytes()), **json.loads(content)})
            except (ValueError, TypeError) as error:
                raise InputError(name, "is there and is no JSON object.", "Move it away, or write a .zip.") from error
        (scratch / name).write_bytes(content)
    return list(wanted)


def _zip(path: Path, folder: Path, data: Sequence[str], beside: Mapping[str, bytes]) -> None:
    """Write the zip with fixed times, modes and order, so that equal contents give equal bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(beside):
            archive.writestr(_zip_entry(name), beside[name], compresslevel=1)
        for name in data:
            entry = _zip_entry(name)
            entry._compresslevel = 1  # type: ignore[attr-defined]  # open() takes no level in 3.11
            with (folder / name).open("rb") as source, archive.open(entry, "w", force_zip64=True) as out:
                shutil.copyfileobj(source, out, _BUFFER_BYTES)
            (folder / name).unlink()


def _zip_entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_DATE)
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(_PACKED) else zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    return entry


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "dataset"


def _no_rows_error(recipe: Recipe, report: Mapping[str, Any]) -> InputError:
    """Return the error for an export without rows, with the most frequent reasons."""
    dropped: dict[str, int] = report["dropped"]
    if dropped:
        worst = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))[:3]
        reasons = ", ".join(f"{reason} ({count})" for reason, count in worst)
        problem = f"none of {report['trajectories']} trajectories gives a row: {reasons}."
        return InputError(
            "export", problem, "Admit rejected ones, accept some in review, or change the format's options."
        )
    given = recipe.filter.model_dump(mode="json", exclude_defaults=True)
    if given:
        filters = ", ".join(f"{name}={value}" for name, value in given.items())
        return InputError("filter", f"no trajectory passes {filters}.", "Widen the filter.")
    return InputError("export", "there is no trajectory yet.", "Launch a batch first.")
