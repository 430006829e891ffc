"""Build a whole export: convert, split, write, describe. Of each trajectory only ids and counts stay in memory.

A zip holds one data file per split, README.md (the dataset card), report.json, recipe.json, the files of the batches
that are known, and the format's own extra files. The same trajectories and recipe give the same bytes. The file gets
its name only when it is complete.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import jsonlines

from engine.errors import InputError, StorageError
from engine.exporting.batch_files import batch_files
from engine.exporting.card import Contents, DataFile, card, domain_licences, with_licence
from engine.exporting.card_facts import CardCounts
from engine.exporting.convert import Conversion, EncodedTrajectory, Entry, encode_all
from engine.exporting.croissant import croissant
from engine.exporting.json import dump_bytes
from engine.exporting.report import Report
from engine.exporting.table import ENDINGS as TABLES
from engine.exporting.table import TableWriter
from engine.exporting.target import for_target, target_of
from engine.protocols import Exporter
from engine.types import Batch, ExportOutcome, Recipe

_SPLIT_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_BUFFER_BYTES = 1 << 20
_LINES = ".jsonl"
ENDINGS = (_LINES, *TABLES, ".zip")
"""The endings that an export's file name may have: of a data file alone, as the format has it, or of a zip."""
_ROWS_AT_ONCE = 100


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
    batch_of: Callable[[str], Batch | None] = lambda fingerprint: None,
    extra_processes: int | None = None,
    replace: bool = True,
) -> ExportResult:
    """Write the export and return where it is.

    A `target` with the ending of the format's data files (.jsonl for most) becomes one data file, for a recipe with one
    split, with the format's extra files in its folder; one ending in .zip becomes that zip; in a folder (existing, or a
    name without an ending) the export is <recipe name>.zip. `licence_of` gives the licence of a domain version by its
    digest, for recipes that name none, and `batch_of` a batch by its fingerprint, None where it is not known.
    `extra_processes` help with large exports (see `encode_all`). Raises InputError when there is no row to write, an
    option or the ending is wrong, or the file exists and `replace` is false; StorageError when the disk refuses.
    """
    recipe = for_target(recipe)
    try:
        path = output_path(target, recipe.name, Conversion(recipe).exporter.suffix)
        _check_splits(recipe, path)
        _refuse_existing(path, replace)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=path.parent) as scratch:
            converted = _checked_again(encode_all(recipe, source, extra_processes=extra_processes), path, replace)
            return _build(recipe, converted, path, Path(scratch), _Origins(licence_of, batch_of))
    except OSError as error:
        folder = target.parent if target.suffix in ENDINGS else target
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
    batch_of: Callable[[str], Batch | None]


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


def output_path(target: Path, name: str, suffix: str = _LINES) -> Path:
    """Return the file to write for a `target` (see `build`). Raises InputError for another ending than `suffix` and
    .zip."""
    endings = (suffix, ".zip")
    if target.name in endings and not target.is_dir():
        next_move = f"Write for example {target.with_name(_file_name(name) + target.name)}."
        raise InputError(str(target), "is an ending without a name.", next_move)
    if target.suffix in endings:
        if target.is_dir():
            raise InputError(str(target), "is a folder.", "Name a file in it, or a folder without such an ending.")
        return target
    if target.suffix and not target.is_dir():
        problem = f"{target.suffix} is no ending of a file that can be written."
        next_move = f"End it in {' or '.join(endings)}. For a folder of that name, make the folder first."
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
    if path.suffix != ".zip" and len(used) > 1:
        raise InputError(
            path.name, f"one file cannot hold {len(used)} splits.", "Write a .zip, or use one split: train=1."
        )


def _build(
    recipe: Recipe,
    converted: Generator[EncodedTrajectory, None, None],
    path: Path,
    scratch: Path,
    origins: _Origins,
) -> ExportResult:
    conversion = Conversion(recipe)
    exporter = conversion.exporter
    report, card_counts = Report(conversion.never_carried), CardCounts()
    writers, ids = _write_splits(recipe, converted, scratch, exporter, report, card_counts)
    files = {name: f"{name}{exporter.suffix}" for name in recipe.splits if writers[name].rows}
    rows = {name: writers[name].rows for name in files}
    summary = report.as_dict() | {"splits": {name: writers[name].rows for name in recipe.splits}}
    if not files:
        raise _no_rows_error(recipe, summary)
    finished = scratch / "finished"
    companions: list[str] = []
    data_files = files
    if path.suffix != ".zip":
        ((split, file),) = files.items()
        data_files = {split: path.name}
        sha256 = writers[split].sha256()
        (scratch / file).replace(finished)
        companions = _write_companions(path, scratch, exporter.extra_files({path.stem: path.name}))
    else:
        licences = domain_licences(card_counts, origins.licence_of)
        batches = batch_files(card_counts.batches, origins.batch_of)
        described = [_data_file(split, scratch / file, writers[split]) for split, file in files.items()]
        beside = exporter.extra_files(files) | batches
        contents = Contents(recipe, card_counts, described, summary, licences, sorted(batches))
        if (made_for := target_of(recipe)) and made_for.repository:
            beside["croissant.json"] = croissant(contents, scratch)
        beside |= {
            "README.md": card(contents),
            "recipe.json": with_licence(recipe, licences).model_dump_json(indent=2).encode() + b"\n",
            "report.json": _pretty(summary),
        }
        _zip(finished, scratch, sorted(files.values()), beside)
        with finished.open("rb") as data:
            sha256 = hashlib.file_digest(data, "sha256").hexdigest()
    size = finished.stat().st_size
    finished.replace(path)
    for name in companions:
        (scratch / name).replace(path.parent / name)
    return ExportResult(path, size, sha256, rows, summary, ids, settings_of(recipe, data_files))


def _data_file(split: str, path: Path, writer: _Writer | TableWriter) -> DataFile:
    return DataFile(split, path.name, writer.rows, path.stat().st_size, writer.sha256())


def _write_splits(
    recipe: Recipe,
    converted: Generator[EncodedTrajectory, None, None],
    scratch: Path,
    exporter: Exporter,
    report: Report,
    card_counts: CardCounts,
) -> tuple[dict[str, _Writer | TableWriter], list[int]]:
    """Write one data file per split, counting into `report` and `card_counts`; return (writers by split, ids of the
    trajectories that gave rows)."""
    ids: list[int] = []
    with ExitStack() as stack:
        writers = {name: _writer(stack, scratch / f"{name}{exporter.suffix}", exporter) for name in recipe.splits}
        for id, outcome, split, facts in stack.enter_context(closing(converted)):
            rows = report.admit(outcome)
            if rows or (outcome.dropped is None and not outcome.ids):  # without ids: it is in the row of another
                writers[split].add(rows)
                if facts is not None:
                    card_counts.add(facts)
                ids.append(id)
        for writer in writers.values():
            writer.flush()
    return writers, ids


def _writer(stack: ExitStack, path: Path, exporter: Exporter) -> _Writer | TableWriter:
    columns = getattr(exporter, "columns", None)
    return _Writer(stack, path) if columns is None else TableWriter(stack, path, columns)


class _Writer:
    """Writes the encoded rows of one split, a hundred at a time."""

    def __init__(self, stack: ExitStack, path: Path) -> None:
        self._lines = jsonlines.Writer(stack.enter_context(path.open("wb", buffering=_BUFFER_BYTES)), dumps=bytes)
        self._pending: list[bytes] = []
        self._hash = hashlib.sha256()
        self.rows = 0

    def add(self, rows: Sequence[bytes]) -> None:
        self._pending += rows
        if len(self._pending) >= _ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            lines = b"\n".join(self._pending)
            self._lines.write(lines)
            self._hash.update(lines)
            self._hash.update(b"\n")
            self.rows += len(self._pending)
            self._pending.clear()

    def sha256(self) -> str:
        """Return the hash of the flushed rows."""
        return self._hash.hexdigest()


def settings_of(recipe: Recipe, files: Mapping[str, str]) -> str | None:
    """Return the configuration text of the recipe's target for data files by split; None without a target."""
    target = target_of(recipe)
    return target.settings_for(files) if target else None


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
    entry.compress_type = zipfile.ZIP_DEFLATED
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
