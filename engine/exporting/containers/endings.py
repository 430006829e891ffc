"""The ending of a file's name and the container that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.errors import InputError
from engine.exporting.table import ENDINGS as TABLES
from engine.exporting.target import writes_table
from engine.types import Container, Recipe

ZIP = ".zip"
_NAMED = [Container(kind=kind, compression=packed) for kind in ("jsonl", "json") for packed in ("none", "gzip", "zstd")]
CONTAINERS: Mapping[str, Container] = {one.ending: one for one in [*_NAMED, Container(kind="parquet")]}
"""What each ending of a bare data file stands for."""
DATA_ENDINGS = (*CONTAINERS, *(ending for ending in TABLES if ending not in CONTAINERS))
"""The endings that a bare data file may have: of a container, or of the table that some formats write instead."""
ENDINGS = (*DATA_ENDINGS, ZIP)
"""The endings that an export's file name may have."""


def ending_of(path: Path) -> str:
    """Return the ending among ENDINGS that a file's name has, "" where it has none of them."""
    return next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if path.name.endswith(ending)), "")


def in_its_container(recipe: Recipe, path: Path) -> Recipe:
    """Return the recipe; where it names no container, with the one that the ending of a bare file stands for, unless
    its format writes a table, which has an ending of its own.

    Raises InputError when it names another one.
    """
    if writes_table(recipe):
        return recipe
    meant = CONTAINERS.get(ending_of(path))
    if meant is None or path.is_dir():
        return recipe
    if recipe.container is None:
        asked_for = not meant.is_plain or recipe.target is not None
        return recipe.model_copy(update={"container": meant}) if asked_for else recipe
    if recipe.container.ending != meant.ending:
        given = recipe.container.ending
        raise InputError(path.name, f"is no name for {given}, which the recipe wants.", f"End it in {given} or {ZIP}.")
    return recipe
