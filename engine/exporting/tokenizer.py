"""A tokenizer of one's own: counts the tokens of messages as its chat template writes them.

It is read from files only: `tokenizer.json` with, beside it, `chat_template.jinja` or `tokenizer_config.json`. Nothing
is imported, executed or asked of a network, so a tokenizer that needs code of its own cannot be used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.exporting.chat_template import CHATML, Render, renderer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WAYS = (
    "Give the path of a tokenizer.json, a folder that holds one, or the name of an installed package that brings one."
)
_FILE, _CONFIG, _TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
_KNOWN = 4
_TODAY = date(2024, 7, 26)
"""The date for templates that write today's, so that lengths do not depend on the day."""
Span = tuple[int, int]


@dataclass(frozen=True)
class ChatTokenizer:
    """A tokenizer with its chat template.

    name: of its folder, file or package, without the rest of a path. digest: the first 16 hex digits of the SHA-256 of
    its file. templates: by name, `default` and perhaps `tool_use`; empty where it brings none, and ChatML with calls as
    JSON stands in. special: its special tokens by name.
    """

    name: str
    digest: str
    encoder: Tokenizer
    templates: Mapping[str, str]
    special: tuple[tuple[str, str], ...]

    def render(self, with_tools: bool) -> Render:
        """Return the function that writes messages as text. Raises InputError for a template that cannot be read."""
        named = self.templates.get("tool_use") if with_tools else None
        return renderer(named or self.templates.get("default") or CHATML, self.special, _TODAY)

    def text(self, messages: Any, tools: Sequence[Any] | None, *, prompt: bool = False) -> str:
        """Return messages as text; raises one of `chat_template.REFUSALS` where the template refuses them."""
        return self.render(bool(tools))(messages, tools or None, prompt)

    def count(self, text: str) -> int:
        """Return the number of tokens of a rendered text, to which no special tokens are added."""
        return len(self.encoder.encode(text, add_special_tokens=False).ids)

    def spans(self, text: str) -> list[Span]:
        """Return the place in the text, in characters, of each token of it."""
        return list(self.encoder.encode(text, add_special_tokens=False).offsets)


def load(reference: str) -> ChatTokenizer:
    """Return the tokenizer that a path, a folder or an installed package holds (`package:part of a path` picks one of
    several). Raises InputError."""
    file, name = _found(reference.strip())
    beside = [file.with_name(_TEMPLATE), file.with_name(_CONFIG)]
    try:
        return _read(file, name, tuple(one.stat().st_mtime_ns if one.is_file() else 0 for one in (file, *beside)))
    except OSError as error:
        raise InputError("tokenizer", f"{name} cannot be read: {error.strerror}.", "Check its files.") from error


def _found(reference: str) -> tuple[Path, str]:
    """Return (the file of a tokenizer, its name)."""
    if not reference or "\0" in reference:
        raise InputError("tokenizer", "none is named.", WAYS)
    with suppress(OSError, RuntimeError):  # no such home; a name that is too long for a path may be a package
        path = Path(reference).expanduser()
        if path.is_dir():
            if (path / _FILE).is_file():
                return path / _FILE, path.resolve().name
            raise InputError("tokenizer", f"the folder {path.name} holds no {_FILE}.", WAYS)
        if path.is_file():
            return path, path.resolve().parent.name if path.name == _FILE else path.name
    package, _, part = reference.partition(":")
    files = [one for one in _files_of(package) if part in one.as_posix()]
    if not files:
        raise InputError("tokenizer", f"{reference!r} is no file, no folder and no such package.", WAYS)
    return files[0], package if not part else f"{package}:{files[0].name}"


def _files_of(package: str) -> list[Path]:
    """Return the files of tokenizers in an installed package, those named tokenizer.json first; imports nothing."""
    try:
        listed = distribution(package).files or []
    except (PackageNotFoundError, ValueError):
        return []
    found = [Path(str(one.locate())) for one in listed if one.name.endswith(_FILE)]
    return sorted((one for one in found if one.is_file()), key=lambda one: (one.name != _FILE, one.as_posix()))


@lru_cache(_KNOWN)
def _read(file: Path, name: str, changed: tuple[int, ...]) -> ChatTokenizer:
    """Return the tokenizer of a file; `changed` holds when it and what lies beside it were written."""
    from tokenizers import Tokenizer  # half a tenth of a second, which most exports need not spend

    data = file.read_bytes()
    try:
        encoder = Tokenizer.from_str(data.decode())
    except Exception as error:  # tokenizers raises Exception itself
        problem = f"{file.name} is no tokenizer that the library tokenizers reads: {str(error)[:200]}."
        raise InputError("tokenizer", problem, WAYS) from error
    encoder.no_truncation()
    encoder.no_padding()
    config = _config(file.with_name(_CONFIG))
    templates = dict(_templates(file.with_name(_TEMPLATE), config.get("chat_template")))
    digest = hashlib.sha256(data).hexdigest()[:16]
    return ChatTokenizer(name, digest, encoder, templates, _special_tokens(config))


def _config(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise InputError("tokenizer", f"{file.name} is no JSON: {error}.", "Repair it, or move it away.") from error
    return found if isinstance(found, dict) else {}


def _templates(file: Path, configured: Any) -> Iterator[tuple[str, str]]:
    """Yield the templates by name. A file of its own counts more than the configuration, as in transformers."""
    if isinstance(configured, str):
        yield "default", configured
    elif isinstance(configured, list):
        for one in configured:
            if isinstance(one, dict) and isinstance(one.get("template"), str):
                yield str(one.get("name")), one["template"]
    if file.is_file():
        yield "default", file.read_text()


def _special_tokens(config: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the special tokens that the configuration names; beginning and end are empty where it names none."""
    found = {"bos_token": "", "eos_token": ""}
    for name, value in config.items():
        text = value.get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(text, str):
            found[name] = text
    return tuple(sorted(found.items()))
