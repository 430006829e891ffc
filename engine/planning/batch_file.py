"""A batch as a YAML or TOML file, for the command line. Fields are those of types.Batch."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from engine import modes
from engine.domains.strict_yaml import yaml_value
from engine.errors import InputError, InputErrors
from engine.planning.players import refused_choices
from engine.planning.quotas import unknown_plan
from engine.reading.places import Source
from engine.types import Batch

_LINE = re.compile(r" \(at line (\d+), column \d+\)")


def load_batch(path: Path) -> Batch:
    """Return the batch that a .yaml, .yml or .toml file describes.

    `domains` may list plain ids. Raises InputError or InputErrors naming the file and the line or field.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}.", "Check the path.") from error
    return parse_batch(data, path.name)


def parse_batch(data: bytes, name: str) -> Batch:
    """Return the batch in a file's bytes; the name ends in .yaml, .yml or .toml. Raises as load_batch."""
    value = _toml(data, name) if name.endswith(".toml") else yaml_value(data, name)
    if not isinstance(value, dict):
        raise InputError(name, "is not a mapping.", "Write the fields of a batch, see assets/batches/.")
    value.setdefault("name", Path(name).stem)
    if "rejudge" in value:  # its domains are those of the trajectories that it finds
        value.setdefault("domains", ["stored"])
    if isinstance(value.get("domains"), list):
        value["domains"] = [{"id": entry} if isinstance(entry, str) else entry for entry in value["domains"]]
    return batch_of(value, name, data)


def dump_batch(batch: Batch) -> str:
    """Return the batch as YAML, without fields at their default and what was known at its launch; parse_batch reads it
    back."""
    value = batch.model_dump(mode="json", exclude_defaults=True, exclude={"pilot_of", "expected_cost_usd"})
    value["domains"] = [{k: v for k, v in share.items() if k != "digest"} for share in value["domains"]]
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)


def batch_of(value: dict[str, Any], where: str, data: bytes = b"") -> Batch:
    """Return the batch of plain values. Raises InputErrors naming each wrong field, and its line when `data` is the
    file that the values were read from."""
    try:
        batch = Batch.model_validate(value, context={"modes": modes.names()})
    except ValidationError as error:
        raise InputErrors(Source(where, data).refusals(error, value)) from error
    source = Source(where, data)
    if refused := [*unknown_plan(batch, source.where(("plan_version",))), *refused_choices(batch, source)]:
        raise InputErrors(refused)
    return batch


def _toml(data: bytes, name: str) -> Any:
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise InputError(name, "is not UTF-8 text.", "Save it as UTF-8.") from error
    except ValueError as error:  # no TOML, or a whole number with more digits than Python reads
        line = int(found.group(1)) if (found := _LINE.search(str(error))) else None
        where, problem = f"{name} line {line}" if line else name, _LINE.sub("", str(error))
        raise InputError(where, f"{problem}.", "Correct the TOML.", file=name, line=line) from error
