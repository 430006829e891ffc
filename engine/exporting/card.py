"""The dataset card: README.md with the YAML front matter that `load_dataset` and the Hugging Face hub read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from engine import plugins
from engine.exporting.target import Target, target_of
from engine.types import Recipe, Record

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_HUB = {
    "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd", "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "cc",
    "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0",
    "epl-1.0", "epl-2.0", "eupl-1.1", "eupl-1.2", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "isc", "lgpl", "lgpl-2.1",
    "lgpl-3.0", "mit", "mpl-2.0", "odbl", "odc-by", "openrail", "osl-3.0", "pddl", "postgresql", "unlicense", "wtfpl",
    "zlib",
}  # fmt: skip
"""Identifiers that the Hugging Face hub takes as `license`; for any other it wants `other`."""


Told = tuple[str | None, ...]
"""What the card counts of one exported trajectory, and last whether a human judged it ("human" or None)."""


def told(record: Record) -> Told:
    """Return what the card counts of a record."""
    model, scores = record.models.get, record.scores
    judged = "human" if scores and scores[-1].method == "human" else None
    places = record.domain, record.domain_digest, record.mode, record.outcome
    players = record.teacher, model("teacher"), record.user, model("user"), model("judge")
    return *places, *players, judged


@dataclass
class Facts:
    """What the card tells of the exported trajectories, counted as they pass."""

    seen: Counter[Told] = field(default_factory=Counter)

    def add(self, what: Told) -> None:
        """Count one exported trajectory."""
        self.seen[what] += 1

    @property
    def human(self) -> int:
        """How many a human judged."""
        return sum(count for what, count in self.seen.items() if what[-1])

    def by(self, name: str) -> Counter[str]:
        """Return counts by domain, mode, outcome, teacher, user or judge (the model; none where none judged)."""
        found: Counter[str] = Counter()
        for (domain, _, mode, outcome, teacher, teacher_model, user, user_model, judge, _), count in self.seen.items():
            values = {"domain": domain, "mode": mode, "outcome": outcome, "judge": judge}
            values["teacher"] = _player("teachers", teacher, teacher_model)
            values["user"] = _player("users", user, user_model)
            if name != "judge" or judge is not None:
                found[values[name] or "none"] += count
        return found


Licences = Mapping[str, Sequence[str | None]]
"""The licences of each domain that left: one, or several when its versions differ; None where none is stated."""


def licences(facts: Facts, licence_of: Callable[[str], str | None]) -> Licences:
    """Return the licences of the domains that left; each version is asked for once."""
    found: dict[str, set[str | None]] = {}
    for domain, digest in sorted({(str(what[0]), str(what[1])) for what in facts.seen}):
        found.setdefault(domain, set()).add(licence_of(digest))
    return {domain: sorted(among, key=str) for domain, among in found.items()}


def named(recipe: Recipe, known: Licences) -> Recipe:
    """Return the recipe with the licences of its domains where it names none and all of them state one."""
    found = {licence for among in known.values() for licence in among}
    if _stated(recipe) or not found or None in found:
        return recipe
    return recipe.model_copy(update={"licence": ", ".join(sorted(map(str, found)))})


def _stated(recipe: Recipe) -> str:
    """Return the licence that the recipe names, or nothing."""
    licence = recipe.licence.strip()
    return "" if licence.lower() == "unknown" else licence


def _player(kind: str, name: str | None, model: str | None) -> str:
    """Return who played, with the model where one spoke."""
    spoke = model and not plugins.trait(kind, str(name), "reference", False)
    return f"{name} ({model})" if spoke else str(name)


def card(
    recipe: Recipe,
    facts: Facts,
    files: Mapping[str, str],
    rows: Mapping[str, int],
    report: Mapping[str, Any],
    known: Licences,
) -> bytes:
    """Return README.md for the split files that were written."""
    total = sum(rows.values())
    front = {
        "license": _identifier(recipe, known),
        "language": ["en"],
        "pretty_name": recipe.name,
        "tags": ["tool-use", "function-calling", "agents", "synthetic"],
        "task_categories": ["text-generation"],
        "size_categories": [next((name for limit, name in _SIZES if total < limit), "n>1M")],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": file} for split, file in files.items()],
            }
        ],
    }
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n{_body(recipe, facts, files, rows, report, known)}".encode()


def _identifier(recipe: Recipe, known: Licences) -> str:
    """Return the hub's identifier of the one licence that there is, `other` for several, `unknown` for none."""
    found = {_stated(recipe)} if _stated(recipe) else {licence for among in known.values() for licence in among}
    if found <= {None}:
        return "unknown"
    only = str(next(iter(found))).lower()
    return only if len(found) == 1 and only in _HUB else "other"


def _body(
    recipe: Recipe,
    facts: Facts,
    files: Mapping[str, str],
    rows: Mapping[str, int],
    report: Mapping[str, Any],
    known: Licences,
) -> str:
    judges, target = facts.by("judge"), target_of(recipe)
    made_for = f" for {target.title} (`{recipe.target}`)" if target else ""
    parts = [
        f"# {_line(recipe.name)}\n\nTool-calling trajectories in the format `{recipe.format}`{made_for}, made with "
        "Turnwright.",
        *([_loading(target, files)] if target else []),
        "## What is in it\n\n" + _table("split", rows) + "\n\n" + _table("domain", facts.by("domain")),
        _table("mode", facts.by("mode")) + "\n\n" + _table("outcome", facts.by("outcome")),
        "## How it was made\n\n" + _METHOD,
        _table("assistant played by", facts.by("teacher")) + "\n\n" + _table("user played by", facts.by("user")),
        _table("model that judged", judges) if judges else "No model judged these dialogues.",
        f"{facts.human} of {report['exported']} exported trajectories carry a human verdict or rating.",
        "## Which trajectories left\n\n" + _filters(recipe),
        f"Of {report['trajectories']} trajectories read, {report['exported']} gave {report['rows']} rows.",
        _table("dropped because of", report["dropped"]) if report["dropped"] else "None was dropped.",
        "## What the format does not carry\n\n" + _fidelity(report),
        "## Licence\n\n" + _licence(recipe, known),
        "## Known limits\n\n" + _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


_METHOD = (
    "Each task was drawn by seed from a domain pack and proven first: its reference chain of calls was replayed in a "
    "sandbox. Then user and assistant talked, and every call was really executed on a fresh copy of the domain's "
    "workspace. Rules, the end state, the facts in the answers and, where one was asked, a model judged the result. "
    "Rows whose teacher is `reference` were written by no model: wording comes from templates, calls and answers from "
    "the proven chain."
)
_LIMITS = (
    "- The users are simulated, the records invented; names and numbers belong to nobody.\n"
    "- Wording is only as varied as the templates, personas and models behind it.\n"
    "- Splits are drawn by task, so attempts at one task never straddle them; tasks of one template do.\n"
    "- No check against public benchmarks was made.\n"
    "- Turnwright trains nothing; what a model learns from these rows has not been measured here."
)


def _loading(target: Target, files: Mapping[str, str]) -> str:
    """Return how the target loads the files, and what it leaves untrained then."""
    return (
        f"## How to load it\n\n{target.title} needs these settings; with others it may train what it must not:\n\n"
        f"```{target.language}\n{target.settings_for(files)}\n```\n\n{target.masking}"
    )


def _untrained(recipe: Recipe) -> str:
    target = target_of(recipe)
    if target:
        return f"- A turn that a human rejected {target.untrained[recipe.untrained]}."
    return f"- Turns a human rejected are {'masked' if recipe.untrained == 'mask' else 'cut off with all behind'}."


def _filters(recipe: Recipe) -> str:
    told = recipe.filter.model_dump(mode="json", exclude_defaults=True)
    wanted = "only what a human accepted" if recipe.only_accepted else "kept by the judges or accepted by a human"
    if recipe.include_rejected and not recipe.only_accepted:
        wanted = "all that was rolled out, also what the judges rejected"
    lines = [f"- Admitted: {wanted}; never what a human rejected, or marked to be corrected and did not correct yet."]
    lines += [f"- {name}: {_line(str(value))}" for name, value in told.items()]
    lines.append(_untrained(recipe))
    lines.append(f"- Seed of the split: {recipe.seed}; options: {_line(str(recipe.options or 'defaults'))}.")
    return "\n".join(lines)


def _fidelity(report: Mapping[str, Any]) -> str:
    never = ", ".join(f"`{name}`" for name in report["never_carried"])
    parts = [f"No place for: {never}." if never else "It carries everything."]
    parts += [_table("lost in trajectories", report["lost"])] if report["lost"] else []
    parts += [_table("reshaped trajectories", report["changed"])] if report["changed"] else []
    return "\n\n".join(parts)


def _licence(recipe: Recipe, known: Licences) -> str:
    besides = "Terms of the models named above may apply besides."
    if licence := _stated(recipe):
        return f"The rows are under {_line(licence)}. {besides}"
    told = [
        f"- {_line(domain)}: {_line(', '.join(licence or 'not stated' for licence in among))}"
        for domain, among in sorted(known.items())
    ]
    return "\n".join(["None is stated for the rows. Those of the domain packs:", "", *told, "", besides])


def _table(head: str, counts: Mapping[str, int]) -> str:
    rows = [f"| {_line(name)} | {count} |" for name, count in sorted(counts.items())]
    return "\n".join([f"| {head} | count |", "|---|---:|", *rows])


def _line(text: str) -> str:
    """Keep a name from breaking the table or the page."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
