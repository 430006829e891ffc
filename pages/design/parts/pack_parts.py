"""Parts of a pack that a page looks at one at a time: a template, a file's kind, the id."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from engine.domains.strict_yaml import yaml_value
from engine.errors import InputError
from engine.planning.tasks import modes_of
from engine.reading.places import Source
from engine.types import Domain, Mode, TaskTemplate
from pages.design.parts.domain_draft import checked
from pages.design.parts.problems import Problem, problems_of

OFF = ".off"
IMAGES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"}
TABLES = {".csv", ".tsv"}
DATABASES = {".db", ".sqlite", ".sqlite3"}
_KINDS = {
    ".json": "JSON",
    ".csv": "CSV table",
    ".tsv": "TSV table",
    ".md": "Markdown",
    ".txt": "Text",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".py": "Python",
    ".pdf": "PDF",
    ".xlsx": "Excel workbook",
    ".zip": "Zip archive",
    **dict.fromkeys(DATABASES, "SQLite database"),
    **dict.fromkeys(IMAGES, "Picture"),
}


@dataclass(frozen=True)
class TemplateFile:
    """One file under templates/; `title`, `turns`, `calls` and `modes` are empty when it cannot be read."""

    path: str
    id: str
    title: str = ""
    turns: int = 0
    calls: int = 0
    modes: tuple[Mode, ...] = ()

    @property
    def active(self) -> bool:
        return not self.path.endswith(OFF)


def template_paths(files: Mapping[str, bytes]) -> list[str]:
    """Return the template files, active ones first."""
    found = [p for p in files if p.startswith("templates/") and p.removesuffix(OFF).endswith((".yaml", ".yml"))]
    return sorted(found, key=lambda p: (p.endswith(OFF), p))


def template_id(path: str) -> str:
    """Return the name of a template file without folder and endings."""
    return PurePosixPath(path.removesuffix(OFF)).stem


def template_path(files: Mapping[str, bytes], id: str) -> str | None:
    """Return the file of a template by its id."""
    return next((path for path in template_paths(files) if template_id(path) == id), None)


def template_files(files: Mapping[str, bytes], domain: Domain | None) -> list[TemplateFile]:
    """Return every template file with what `domain`, the same pack parsed, knows of it."""
    known = {template.id: template for template in domain.templates} if domain else {}
    found = []
    for path in template_paths(files):
        template = known.get(template_id(path)) if not path.endswith(OFF) else None
        if template is None or domain is None:
            found.append(TemplateFile(path, template_id(path)))
            continue
        calls = sum(len(turn.chain) for turn in template.turns)
        modes = modes_of(domain, template)
        found.append(TemplateFile(path, template.id, template.title, len(template.turns), calls, modes))
    return found


def checked_template(
    files: Mapping[str, bytes], path: str
) -> tuple[Domain | None, TaskTemplate | None, tuple[Problem, ...]]:
    """Return (domain with this template only, the template, problems); much quicker than checking all of them."""
    active = path.removesuffix(OFF)
    others = {p: data for p, data in files.items() if not p.startswith("templates/")}
    domain, problems = checked({**others, active: files.get(path, b"")})
    template = domain.templates[0] if domain and domain.templates else None
    if template is not None and template.id != template_id(path):
        wanted = template_id(path)
        told = f"is {template.id!r}, but the file is called {wanted!r}."
        problems = problems_of(Source(active, files[path]).refusal(("id",), told, "Make them the same."))
    return domain, template, problems


def kind_of(path: str) -> str:
    """Return the words for a file's type."""
    suffix = PurePosixPath(path).suffix.lower()
    return _KINDS.get(suffix, suffix[1:].upper() or "File")


def text_of(data: bytes) -> str | None:
    """Return a file as text, or None when it is not text."""
    if b"\x00" in data[:4096]:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def id_of(files: Mapping[str, bytes]) -> str:
    """Return the id that a pack gives itself. Raises InputError."""
    head = yaml_value(files.get("domain.yaml", b""), "domain.yaml")
    if not isinstance(head, dict) or not isinstance(head.get("id"), str):
        raise InputError("domain.yaml: id", "is missing.", "Give it a text.")
    return str(head["id"])


def renamed(files: Mapping[str, bytes], id: str, name: str = "", description: str = "") -> dict[str, bytes]:
    """Return the pack under another id, name and description; other lines of domain.yaml stay as they are."""
    text = files["domain.yaml"].decode()
    for field, value in (("id", id), ("name", name), ("description", description)):
        if value:
            line = f"{field}: {json.dumps(value, ensure_ascii=False)}"
            text, found = re.subn(
                rf"^{field}:.*(?:\n[ \t]+.*)*", lambda _, line=line: line, text, count=1, flags=re.MULTILINE
            )
            text = text if found else f"{line}\n{text}"
    return {**files, "domain.yaml": text.encode()}
