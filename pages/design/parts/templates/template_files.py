"""The template files of a pack: what each holds, active or not, and checking one without the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from engine.planning.tasks import modes_of
from engine.reading.places import Source
from engine.types import Domain, Mode, TaskTemplate
from pages.design.parts.draft.domain_draft import checked
from pages.design.parts.draft.problems import Problem, problems_of

OFF = ".off"


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
    """Return every template file, with the facts that `domain` (the same pack, parsed) has of it."""
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
        difference = f"is {template.id!r}, but the file is called {wanted!r}."
        problems = problems_of(Source(active, files[path]).refusal(("id",), difference, "Make them the same."))
    return domain, template, problems
