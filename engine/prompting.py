"""Renders engine/prompts/<name>.md. A missing variable is an error, and so is a value that the prompt does not use.

render("user", goal="...", ...)   -> text
version("rubric")                 -> eight hex digits of a hash of the file, part of the version of scores
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateNotFound, UndefinedError, meta

from engine.errors import InputError
from engine.types import digest

_FOLDER = Path(__file__).parent / "prompts"
_environment = Environment(
    loader=FileSystemLoader(_FOLDER),
    undefined=StrictUndefined,
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals.clear()  # no prompt uses them, and each rendering would copy them


def render(name: str, **values: Any) -> str:
    """Return the prompt with `values` filled in. Raises InputError naming the prompt and the variable."""
    template, used = _load(name)
    extra = sorted(set(values) - used)
    if extra:
        raise InputError(
            f"engine/prompts/{name}.md", f"does not use {', '.join(extra)}.", "Remove the value or use it."
        )
    try:
        return template.render(values).strip()
    except UndefinedError as error:
        raise InputError(f"engine/prompts/{name}.md", f"{error}.", "Give the value to render().") from error


@lru_cache(maxsize=64)
def version(name: str) -> str:
    """Return eight hex digits that change with the prompt's text. Raises InputError for an unknown prompt."""
    return digest(_source(name), 8)


@lru_cache(maxsize=64)
def _load(name: str) -> tuple[Template, frozenset[str]]:
    used = meta.find_undeclared_variables(_environment.parse(_source(name)))
    return _environment.get_template(f"{name}.md"), frozenset(used)


def _source(name: str) -> str:
    loader = _environment.loader
    assert loader is not None
    try:
        return loader.get_source(_environment, f"{name}.md")[0]
    except TemplateNotFound:
        known = ", ".join(sorted(path.stem for path in _FOLDER.glob("*.md")))
        raise InputError(f"engine/prompts/{name}.md", "does not exist.", f"There are: {known}.") from None
