"""The dataset card: README.md with the YAML front matter that `load_dataset` and the Hugging Face hub read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from engine import plugins
from engine.exporting.target import Target, datasets_line, target_of
from engine.exporting.tokenizer import load
from engine.exporting.tool_names import RENAMED
from engine.types import Container, Recipe, Record

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_HUB_LICENCES = {
    "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd", "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "cc",
    "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0",
    "epl-1.0", "epl-2.0", "eupl-1.1", "eupl-1.2", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "isc", "lgpl", "lgpl-2.1",
    "lgpl-3.0", "mit", "mpl-2.0", "odbl", "odc-by", "openrail", "osl-3.0", "pddl", "postgresql", "unlicense", "wtfpl",
    "zlib",
}  # fmt: skip
"""Identifiers that the Hugging Face hub takes as `license`; for any other it wants `other`."""


CardKey = tuple[str | None, ...]
"""What the card tabulates of one trajectory: domain, its digest, mode, outcome, teacher, its model, user, its model,
model of the judge, and "human" (else None) when a human judged it."""


def card_key(record: Record) -> CardKey:
    """Return the key under which the card counts a record."""
    model, scores = record.models.get, record.scores
    judged = "human" if scores and scores[-1].method == "human" else None
    places = record.domain, record.domain_digest, record.mode, record.outcome
    players = record.teacher, model("teacher"), record.user, model("user"), model("judge")
    return *places, *players, judged


@dataclass
class CardCounts:
    """How many exported trajectories there are of each CardKey; memory grows with the keys, not the trajectories."""

    seen: Counter[CardKey] = field(default_factory=Counter)

    def add(self, key: CardKey) -> None:
        """Count one exported trajectory."""
        self.seen[key] += 1

    @property
    def human(self) -> int:
        """Number of trajectories that a human judged."""
        return sum(count for key, count in self.seen.items() if key[-1])

    def by(self, name: str) -> Counter[str]:
        """Return counts by `name`: domain, mode, outcome, teacher, user or judge (only trajectories with a judge)."""
        found: Counter[str] = Counter()
        for (domain, _, mode, outcome, teacher, teacher_model, user, user_model, judge, _), count in self.seen.items():
            values = {"domain": domain, "mode": mode, "outcome": outcome, "judge": judge}
            values["teacher"] = _player_label("teachers", teacher, teacher_model)
            values["user"] = _player_label("users", user, user_model)
            if name != "judge" or judge is not None:
                found[values[name] or "none"] += count
        return found


DomainLicences = Mapping[str, Sequence[str | None]]
"""Licences by domain: one, or several when its exported versions differ; None for a version that states none."""


def domain_licences(counts: CardCounts, licence_of: Callable[[str], str | None]) -> DomainLicences:
    """Return the licences of the exported domains; `licence_of(digest)` is called once for each version."""
    found: dict[str, set[str | None]] = {}
    for domain, digest in sorted({(str(key[0]), str(key[1])) for key in counts.seen}):
        found.setdefault(domain, set()).add(licence_of(digest))
    return {domain: sorted(stated, key=str) for domain, stated in found.items()}


def with_licence(recipe: Recipe, licences: DomainLicences) -> Recipe:
    """Return the recipe; where it names no licence and every domain states one, with theirs filled in."""
    found = {licence for stated in licences.values() for licence in stated}
    if _stated(recipe) or not found or None in found:
        return recipe
    return recipe.model_copy(update={"licence": ", ".join(sorted(map(str, found)))})


def _stated(recipe: Recipe) -> str:
    """Return the licence that the recipe names, or ""; "unknown" counts as none."""
    licence = recipe.licence.strip()
    return "" if licence.lower() == "unknown" else licence


def _player_label(kind: str, name: str | None, model: str | None) -> str:
    """Return the plug-in's name, with the model in brackets unless the plug-in is a reference, which asks none."""
    spoke = model and not plugins.trait(kind, str(name), "reference", False)
    return f"{name} ({model})" if spoke else str(name)


def card(
    recipe: Recipe,
    counts: CardCounts,
    files: Mapping[str, str],
    rows: Mapping[str, int],
    report: Mapping[str, Any],
    licences: DomainLicences,
) -> bytes:
    """Return README.md. `files` and `rows` are by split; `report` is `Report.as_dict()`."""
    total = sum(rows.values())
    front = {
        "license": _hub_licence(recipe, licences),
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
    return f"---\n{head}---\n\n{_body(recipe, counts, files, rows, report, licences)}".encode()


def _hub_licence(recipe: Recipe, licences: DomainLicences) -> str:
    """Return the hub's identifier: of the only licence, `other` for several or an unlisted one, `unknown` for none."""
    found = {_stated(recipe)} if _stated(recipe) else {licence for stated in licences.values() for licence in stated}
    if found <= {None}:
        return "unknown"
    only = str(next(iter(found))).lower()
    return only if len(found) == 1 and only in _HUB_LICENCES else "other"


def _body(
    recipe: Recipe,
    counts: CardCounts,
    files: Mapping[str, str],
    rows: Mapping[str, int],
    report: Mapping[str, Any],
    licences: DomainLicences,
) -> str:
    judges, target = counts.by("judge"), target_of(recipe)
    made_for = f" for {target.title} (`{recipe.target}`)" if target else ""
    parts = [
        f"# {_one_line(recipe.name)}\n\nTool-calling trajectories in the format `{recipe.format}`{made_for}, made with "
        "Turnwright.",
        *([_loading_section(target, files, recipe.container)] if target else []),
        *([_files_section(report["container"], target)] if "container" in report else []),
        "## What is in it\n\n" + _table("split", rows) + "\n\n" + _table("domain", counts.by("domain")),
        _table("mode", counts.by("mode")) + "\n\n" + _table("outcome", counts.by("outcome")),
        "## How it was made\n\n" + _METHOD,
        _table("assistant played by", counts.by("teacher")) + "\n\n" + _table("user played by", counts.by("user")),
        _table("model that judged", judges) if judges else "No model judged these dialogues.",
        f"{counts.human} of {report['exported']} exported trajectories carry a human verdict or rating.",
        "## Which trajectories left\n\n" + _filter_section(recipe, report),
        f"Of {report['trajectories']} trajectories read, {report['exported']} gave {report['rows']} rows.",
        _table("dropped because of", report["dropped"]) if report["dropped"] else "None was dropped.",
        "## What the format does not carry\n\n" + _fidelity_section(report),
        "## Licence\n\n" + _licence_section(recipe, licences),
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


_TOKENS = (
    "Some texts hold control tokens of models as plain text. Where a trainer's tokenizer reads them as tokens, a turn "
    "seems to end there: have it encode texts without special tokens, or leave out the rows that report.json names."
)


def _loading_section(target: Target, files: Mapping[str, str], container: Container | None) -> str:
    """Return the section with the settings that the target needs, how it masks turns, and what reads its rows."""
    versions = f"\n\n{datasets_line(target)}" if target.datasets else ""
    return (
        f"## How to load it\n\n{target.title} needs these settings; with others it may train what it must not:\n\n"
        f"```{target.language}\n{target.settings_for(files, container)}\n```\n\n{target.masking}{versions}"
    )


def _files_section(facts: Mapping[str, Any], target: Target | None) -> str:
    """Return the section on what files there are and which places of a Parquet file are JSON text; `facts` as in
    `build.container_facts`."""
    kinds = {"jsonl": "JSON Lines", "json": "JSON arrays", "parquet": "Parquet"}
    packed = "" if facts["compression"] == "none" else f", compressed with {facts['compression']}"
    parts = [f"## Files\n\n{kinds[facts['kind']]}{packed}.", _table("files of split", facts["files"])]
    if facts["kind"] == "parquet":
        parts.append(
            "A column has one type, and a key that an object lacks comes back as null. Objects whose keys are data, "
            "and values whose types clash, therefore stand as JSON text."
        )
        typed = " That text has Arrow's type for JSON, which `datasets` gives back as objects."
        parts[-1] += typed if target and target.json_type else ""
        places = [(one, "keys are data") for one in facts["json_text"]]
        places += [(one, "types clash") for one in facts["json_text_of_mixed_types"]]
        parts += ["\n".join([f"- `{_one_line(place)}`: {why}" for place, why in places])] if places else []
    return "\n\n".join(parts)


def _untrained_line(recipe: Recipe) -> str:
    target = target_of(recipe)
    if target:
        return f"- A turn that a human rejected {target.untrained[recipe.untrained]}."
    return f"- Turns a human rejected are {'masked' if recipe.untrained == 'mask' else 'cut off with all behind'}."


def _name_lines(recipe: Recipe, report: Mapping[str, Any]) -> list[str]:
    """Return the line on other names of tools; none where they were left."""
    if recipe.tool_names is None:
        return []
    count = report["changed"].get(RENAMED, 0)
    return [
        f"- Tools have other names than those that were really called ({recipe.tool_names}, by the seed "
        f"{recipe.seed}), the same in tools, calls, results and texts of one task: in {count} trajectories."
    ]


def _label_lines(recipe: Recipe, report: Mapping[str, Any]) -> list[str]:
    """Return the line on labels; none where the rows have none."""
    if not recipe.labels or report["lost"].get("labels") == report["exported"]:
        return []
    return [
        "- The metadata holds `turn_labels`, one for each answer of the trajectory in order (`modification`: it calls "
        "a tool that writes, `lookup`: it only calls others, `no_call`), and `subsets`."
    ]


def _length_lines(recipe: Recipe, report: Mapping[str, Any]) -> list[str]:
    """Return the line on trajectories beyond the context length; none without such a limit."""
    if recipe.context is None:
        return []
    tokenizer, count = load(recipe.context.tokenizer), report["beyond_context"]["trajectories"]
    does = {"name": "left as they are", "leave_out": "left out", "cut": "cut after the last trained answer that fits"}
    counted = f"as the tokenizer {_one_line(tokenizer.name)} (SHA-256 {tokenizer.digest}…) counts them"
    return [
        f"- Trajectories of more than {recipe.context.tokens} tokens, {counted}, are {does[recipe.context.longer]}: "
        f"{count}."
    ]


def _filter_section(recipe: Recipe, report: Mapping[str, Any]) -> str:
    filters = recipe.filter.model_dump(mode="json", exclude_defaults=True)
    wanted = "only what a human accepted" if recipe.only_accepted else "kept by the judges or accepted by a human"
    if recipe.include_rejected and not recipe.only_accepted:
        wanted = "all that was rolled out, also what the judges rejected"
    lines = [f"- Admitted: {wanted}; never what a human rejected, or marked to be corrected and did not correct yet."]
    lines += [f"- {name}: {_one_line(str(value))}" for name, value in filters.items()]
    lines.append(_untrained_line(recipe))
    lines += _name_lines(recipe, report)
    lines += _label_lines(recipe, report)
    lines += _length_lines(recipe, report)
    lines.append(f"- Seed of the split: {recipe.seed}; options: {_one_line(str(recipe.options or 'defaults'))}.")
    return "\n".join(lines)


def _fidelity_section(report: Mapping[str, Any]) -> str:
    never = ", ".join(f"`{name}`" for name in report["never_carried"])
    parts = [f"No place for: {never}." if never else "It carries everything."]
    parts += [_table("lost in trajectories", report["lost"])] if report["lost"] else []
    parts += [_table("reshaped trajectories", report["changed"])] if report["changed"] else []
    if report.get("control_tokens"):
        parts += [_TOKENS, _table("control token in the texts of trajectories", report["control_tokens"])]
    return "\n\n".join(parts)


def _licence_section(recipe: Recipe, licences: DomainLicences) -> str:
    besides = "Terms of the models named above may apply besides."
    if licence := _stated(recipe):
        return f"The rows are under {_one_line(licence)}. {besides}"
    lines = [
        f"- {_one_line(domain)}: {_one_line(', '.join(licence or 'not stated' for licence in stated))}"
        for domain, stated in sorted(licences.items())
    ]
    return "\n".join(["None is stated for the rows. Those of the domain packs:", "", *lines, "", besides])


def _table(head: str, counts: Mapping[str, int]) -> str:
    rows = [f"| {_one_line(name)} | {count} |" for name, count in sorted(counts.items())]
    return "\n".join([f"| {head} | count |", "|---|---:|", *rows])


def _one_line(text: str) -> str:
    """Return a text on one line, escaped so that it breaks neither a Markdown table nor the page."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
