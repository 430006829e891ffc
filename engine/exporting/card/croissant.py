"""croissant.json: the description of an export as Croissant 1.0 (JSON-LD), which data-set search and loaders read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from engine import VERSION
from engine.exporting.card.card import Contents, DataFile

_CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_LOOKED_AT = 200
"""Rows of a file whose values tell the types of its columns."""
_OWN_TERMS = (
    "citeAs", "column", "extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes",
    "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated",
    "replace", "separator", "source", "subField", "transform",
)  # fmt: skip
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "samplingRate": "cr:samplingRate",
    **{term: f"cr:{term}" for term in _OWN_TERMS},
}
"""The terms that the specification wants in each file."""


def croissant(contents: Contents, folder: Path) -> bytes:
    """Return croissant.json for the data files, which are in `folder`."""
    recipe = contents.recipe
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _CONFORMS_TO,
        "name": recipe.name,
        "description": f"Tool-calling trajectories in the format {recipe.format}, made with Turnwright {VERSION}.",
        "version": "1.0.0",
        "license": ", ".join(_licences(contents)),
        "inLanguage": [code for code in contents.languages],
        "distribution": [_file_object(file) for file in contents.files],
        "recordSet": [_record_set(file, folder) for file in contents.files if file.name.endswith(".jsonl")],
    }
    return json.dumps({k: v for k, v in described.items() if v}, indent=2, ensure_ascii=False).encode() + b"\n"


def _licences(contents: Contents) -> list[str]:
    """Return the licence of the recipe, or those of its domains."""
    stated = contents.recipe.licence.strip()
    if stated and stated.lower() != "unknown":
        return [stated]
    return sorted({licence or "not stated" for found in contents.licences.values() for licence in found})


def _file_object(file: DataFile) -> dict[str, Any]:
    endings = {".jsonl": "application/jsonlines", ".csv": "text/csv", ".parquet": "application/x-parquet"}
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "description": f"{file.rows} rows of the split {file.split}.",
        "contentUrl": file.name,
        "contentSize": f"{file.size} B",
        "encodingFormat": endings.get(Path(file.name).suffix, "application/octet-stream"),
        "sha256": file.sha256,
    }


def _record_set(file: DataFile, folder: Path) -> dict[str, Any]:
    with (folder / file.name).open("rb") as lines:
        rows = [json.loads(line) for line in islice(lines, _LOOKED_AT)]
    stem = Path(file.name).stem
    columns = dict.fromkeys(name for row in rows for name in row)
    fields = [_field(f"{stem}/{name}", name, file.name, [row.get(name) for row in rows]) for name in columns]
    return {"@type": "cr:RecordSet", "@id": stem, "name": stem, "field": fields}


def _field(id: str, name: str, file: str, values: Sequence[Any]) -> dict[str, Any]:
    source = {"fileObject": {"@id": file}, "extract": {"column": name}}
    field: dict[str, Any] = {"@type": "cr:Field", "@id": id, "name": name}
    if any(isinstance(value, list) for value in values):
        field["repeated"] = True
        values = [one for value in values for one in value or ()]
    objects = [value for value in values if isinstance(value, dict)]
    if not objects:
        return field | {"dataType": _data_type(values), "source": source}
    keys = dict.fromkeys(key for one in objects for key in one)
    deeper = [key for key in keys if any(isinstance(one.get(key), dict | list) for one in objects)]
    parts = [
        {
            "@type": "cr:Field",
            "@id": f"{id}/{key}",
            "name": key,
            "dataType": _data_type([one.get(key) for one in objects]),
            "source": {**source, "transform": {"jsonPath": key}},
        }
        for key in keys
        if key not in deeper
    ]
    if deeper:  # mlcroissant reads no lists of objects inside lists of objects, and fails where some are described
        field["description"] = f"Besides, with parts of their own: {', '.join(deeper)}."
    return field | {"subField": parts}


def _data_type(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "sc:Boolean"
    if kinds == {int}:
        return "sc:Integer"
    if kinds and kinds <= {int, float}:
        return "sc:Float"
    return "sc:Text"
