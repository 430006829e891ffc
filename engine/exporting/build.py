"""Build a whole export: convert, split, write, describe. Memory does not grow with the number of trajectories.

A zip holds one data file per split, README.md (the dataset card), report.json, recipe.json and what the format wants
beside its data. The same trajectories and recipe give the same bytes. It stands under its name only when complete.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import jsonlines

from engine.errors import InputError, StorageError
from engine.exporting.card import Facts, card, licences, named
from engine.exporting.convert import Conversion, Entry, Leaving, convert
from engine.exporting.json import dump_bytes
from engine.exporting.report import Report
from engine.exporting.target import aimed, target_of
from engine.types import ExportOutcome, Recipe

_SPLIT_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_BUFFER = 1 << 20
ENDINGS = (".jsonl", ".zip")
"""What the name of a written file may end in."""
_WAITING = 100


@dataclass(frozen=True)
class ExportResult:
    """One finished export: a zip or a single data file. `size` in bytes; `rows` per split that has any; `trajectories`
    are the ids of those that left. `settings` are the lines that the configuration of the recipe's target needs, None
    without a target."""

    path: Path
    size: int
    sha256: str
    rows: dict[str, int]
    report: dict[str, Any]
    trajectories: Sequence[int]
    settings: str | None = None

    def outcome(self, path: str | None) -> ExportOutcome:
        """Return what is stored of it; `path` as there."""
        rows = sum(self.rows.values())
        return ExportOutcome(path, self.size, self.sha256, rows, self.report, self.trajectories)


def build(
    recipe: Recipe,
    source: Iterable[Entry],
    target: Path,
    *,
    licence_of: Callable[[str], str | None] = lambda digest: None,
    others: int | None = None,
    replace: bool = True,
) -> ExportResult:
    """Write the export and return where it is.

    `target` ending in .jsonl gives the bare data file of a recipe with one split, with what the format wants beside it;
    one ending in .zip gives that zip, and one without an ending, or a folder that is there, gets <recipe name>.zip.
    `licence_of` tells what a version of a domain states, by its digest: a recipe that names no licence gets those of
    its domains. Very many are converted by so many `others` beside this process. Without `replace` a file that is there
    stays. Raises InputError when nothing is left to write, an option or the ending is wrong or a file stays;
    StorageError when the disk refuses.
    """
    recipe = aimed(recipe)
    try:
        path = place(target, recipe.name)
        _check(recipe, path)
        _spare(path, replace)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=path.parent) as scratch:
            converted = _sparing(convert(recipe, source, others=others), path, replace)
            return _build(recipe, converted, path, Path(scratch), licence_of)
    except OSError as error:
        folder = target.parent if target.suffix in ENDINGS else target
        told = f"The export could not be written to {folder.name}: {error.strerror or error}."
        raise StorageError(f"{told} {_next_move(error)}") from error


def _next_move(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space, then build it again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Allow the engine to write there, or choose another folder."
    if error.errno == errno.ENAMETOOLONG:
        return "Choose a shorter name."
    return "See that the folder exists and is one, or choose another."


def preview(recipe: Recipe, source: Iterable[Entry], n: int = 5) -> list[dict[str, Any]]:
    """Return the first `n` rows as they would leave; reads no more of the source than it needs."""
    return list(islice(_shown(recipe, source), n))


def _shown(recipe: Recipe, source: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    conversion, report = Conversion(recipe), Report()
    for _, body, reviews in source:
        yield from map(_plain, report.admit(conversion.converted(body, reviews)[1]))


def _plain(row: Any) -> Any:
    return json.loads(dump_bytes(row))


# ---------------------------------------------------------------- where


def place(target: Path, name: str) -> Path:
    """Return the file that an export of this name goes to. Raises InputError for an ending that no file of ours has."""
    if target.name in ENDINGS and not target.is_dir():
        move = f"Write for example {target.with_name(_file_name(name) + target.name)}."
        raise InputError(str(target), "is an ending without a name.", move)
    if target.suffix in ENDINGS:
        if target.is_dir():
            raise InputError(str(target), "is a folder.", "Name a file in it, or a folder without such an ending.")
        return target
    if target.suffix and not target.is_dir():
        problem = f"{target.suffix} is no ending of a file that can be written."
        move = f"End it in {' or '.join(ENDINGS)}. For a folder of that name, make the folder first."
        raise InputError(str(target), problem, move)
    return target / f"{_file_name(name)}.zip"


def _spare(path: Path, replace: bool) -> None:
    if not replace and path.exists():
        raise InputError(str(path), "is there already and stays as it is.", "Name another file, or add --force.")


def _sparing(converted: Generator[Leaving, None, None], path: Path, replace: bool) -> Generator[Leaving, None, None]:
    """Pass all on, then look again: a file of that name may have come meanwhile."""
    yield from converted
    _spare(path, replace)


# ---------------------------------------------------------------- writing


def _check(recipe: Recipe, path: Path) -> None:
    for name in recipe.splits:
        if not _SPLIT_NAME.fullmatch(name):
            raise InputError("splits", f"{name!r} is no name for a file.", "Use letters, digits and _.")
    used = [name for name, share in recipe.splits.items() if share > 0]
    if path.suffix == ".jsonl" and len(used) > 1:
        raise InputError(
            path.name, f"one file cannot hold {len(used)} splits.", "Write a .zip, or use one split: train=1."
        )


def _build(
    recipe: Recipe,
    converted: Generator[Leaving, None, None],
    path: Path,
    scratch: Path,
    licence_of: Callable[[str], str | None],
) -> ExportResult:
    conversion = Conversion(recipe)
    exporter = conversion.exporter
    report, facts = Report(conversion.never_carried), Facts()
    counted: Counter[str] = Counter()
    ids: list[int] = []
    with ExitStack() as stack:
        writers = {name: _Writer(stack, scratch / f"{name}{exporter.suffix}") for name in recipe.splits}
        for id, made, split, told in stack.enter_context(closing(converted)):
            rows = report.admit(made)
            if rows:
                writers[split].add(rows)
                facts.add(told)
                ids.append(id)
        for name, writer in writers.items():
            writer.flush()
            counted[name] = writer.rows
    files = {name: f"{name}{exporter.suffix}" for name in recipe.splits if counted[name]}
    counts = {name: counted[name] for name in files}
    outcome = report.as_dict() | {"splits": {name: counted[name] for name in recipe.splits}}
    if not files:
        raise _empty(recipe, outcome)
    finished = scratch / "finished"
    companions: list[str] = []
    known_as = files
    if path.suffix == ".jsonl":
        ((split, file),) = files.items()
        known_as = {split: path.name}
        (scratch / file).replace(finished)
        sha256 = writers[split].sha256()
        companions = _beside(path, scratch, exporter.extra_files({path.stem: path.name}))
    else:
        known = licences(facts, licence_of)
        beside = exporter.extra_files(files) | {
            "README.md": card(recipe, facts, files, counts, outcome, known),
            "recipe.json": named(recipe, known).model_dump_json(indent=2).encode() + b"\n",
            "report.json": _pretty(outcome),
        }
        _zip(finished, scratch, sorted(files.values()), beside)
        with finished.open("rb") as data:
            sha256 = hashlib.file_digest(data, "sha256").hexdigest()
    size = finished.stat().st_size
    finished.replace(path)
    for name in companions:
        (scratch / name).replace(path.parent / name)
    return ExportResult(path, size, sha256, counts, outcome, ids, settings_of(recipe, known_as))


class _Writer:
    """Writes the rows of one split, which come encoded, many at a time."""

    def __init__(self, stack: ExitStack, path: Path) -> None:
        self._lines = jsonlines.Writer(stack.enter_context(path.open("wb", buffering=_BUFFER)), dumps=bytes)
        self._waiting: list[bytes] = []
        self._hash = hashlib.sha256()
        self.rows = 0

    def add(self, rows: Sequence[bytes]) -> None:
        self._waiting += rows
        if len(self._waiting) >= _WAITING:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            lines = b"\n".join(self._waiting)
            self._lines.write(lines)
            self._hash.update(lines)
            self._hash.update(b"\n")
            self.rows += len(self._waiting)
            self._waiting.clear()

    def sha256(self) -> str:
        """Return the hash of all that was written."""
        return self._hash.hexdigest()


def settings_of(recipe: Recipe, files: Mapping[str, str]) -> str | None:
    """Return the lines that the configuration of the recipe's target needs for these files, by split; None without."""
    target = target_of(recipe)
    return target.settings_for(files) if target else None


def _pretty(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def _beside(path: Path, scratch: Path, wanted: Mapping[str, bytes]) -> list[str]:
    """Write what stands beside a bare data file into `scratch`; return the names.

    A JSON object that is there already, as LLaMA-Factory's own dataset_info.json, keeps its other entries.
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
            archive.writestr(_entry(name), beside[name], compresslevel=1)
        for name in data:
            entry = _entry(name)
            entry._compresslevel = 1  # type: ignore[attr-defined]  # open() takes no level in 3.11
            with (folder / name).open("rb") as source, archive.open(entry, "w", force_zip64=True) as out:
                shutil.copyfileobj(source, out, _BUFFER)
            (folder / name).unlink()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    return entry


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "dataset"


def _empty(recipe: Recipe, report: Mapping[str, Any]) -> InputError:
    """Return the refusal of an export without rows, naming what took them all."""
    dropped: dict[str, int] = report["dropped"]
    if dropped:
        worst = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))[:3]
        told = ", ".join(f"{reason} ({count})" for reason, count in worst)
        problem = f"none of {report['trajectories']} trajectories gives a row: {told}."
        return InputError(
            "export", problem, "Admit rejected ones, accept some in review, or change the format's options."
        )
    given = recipe.filter.model_dump(mode="json", exclude_defaults=True)
    if given:
        told = ", ".join(f"{name}={value}" for name, value in given.items())
        return InputError("filter", f"no trajectory passes {told}.", "Widen the filter.")
    return InputError("export", "there is no trajectory yet.", "Launch a batch first.")
