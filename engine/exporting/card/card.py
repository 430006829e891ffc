"""The dataset card: README.md with the YAML front matter that `load_dataset` and the Hugging Face hub read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from engine import VERSION
from engine.exporting.alterations.tool_names import RENAMED
from engine.exporting.card.card_facts import EVERY_FURTHER, FIRST_OF_BATCH, MEASURES, UNCLEAR, CardCounts
from engine.exporting.target import DATASETS_TRIED, TRIED, Target, datasets_line, target_of
from engine.exporting.tokenizer import load
from engine.types import Recipe

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
LOADING = """
import os

from datasets import load_dataset

data = load_dataset(os.getcwd())
print(data)
""".strip()
"""What loads an export in its own folder."""
READING = """
import json

with open("{file}", encoding="utf-8") as lines:
    rows = [json.loads(line) for line in lines]
""".strip()
"""What reads one file of JSON lines, whatever it holds."""
LOADED_WITH = f"datasets {DATASETS_TRIED[-1]}"

DomainLicences = Mapping[str, Sequence[str | None]]
"""Licences by domain: one, or several when its exported versions differ; None for a version that states none."""


@dataclass(frozen=True)
class DataFile:
    """One data file of an export: `size` in bytes."""

    split: str
    name: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """What a card is written from: `loaded` says by split how a reader names its files (see `build.data_patterns`),
    `report` is `Report.as_dict()`, `batches` holds the names of the batch files."""

    recipe: Recipe
    counts: CardCounts
    files: Sequence[DataFile]
    loaded: Mapping[str, str]
    report: Mapping[str, Any]
    licences: DomainLicences
    batches: Sequence[str] = ()

    @property
    def rows(self) -> dict[str, int]:
        """The number of rows by split."""
        found: Counter[str] = Counter()
        for file in self.files:
            found[file.split] += file.rows
        return dict(found)

    @property
    def languages(self) -> list[str]:
        """The languages of one trajectory in a hundred or more, the most frequent first."""
        found = self.counts.languages
        return [code for code, count in found.most_common() if code != UNCLEAR and 100 * count >= found.total()]


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


def card(contents: Contents) -> bytes:
    """Return README.md."""
    front = {
        "license": _hub_licence(contents.recipe, contents.licences),
        "language": contents.languages,
        "pretty_name": contents.recipe.name,
        "tags": ["tool-use", "function-calling", "agents", "synthetic"],
        "task_categories": ["text-generation"],
        "size_categories": [next((name for limit, name in _SIZES if sum(contents.rows.values()) < limit), "n>1M")],
        "configs": [{"config_name": "default", "data_files": _paths(contents.loaded)}],
        "dataset_info": _dataset_info(contents),
    }
    head = yaml.safe_dump({k: v for k, v in front.items() if v}, sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n{_body(contents)}".encode()


def _paths(loaded: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the data files as the hub lists them: one path, or a pattern of shards, for each split."""
    return [{"split": split, "path": path} for split, path in loaded.items()]


def _dataset_info(contents: Contents) -> dict[str, Any]:
    """Return the sizes that `datasets` holds against what it reads."""
    sizes: Counter[str] = Counter()
    for file in contents.files:
        sizes[file.split] += file.size
    splits = [{"name": name, "num_bytes": sizes[name], "num_examples": rows} for name, rows in contents.rows.items()]
    return {"config_name": "default", "splits": splits, "download_size": sizes.total(), "dataset_size": sizes.total()}


def _hub_licence(recipe: Recipe, licences: DomainLicences) -> str:
    """Return the hub's identifier: of the only licence, `other` for several or an unlisted one, `unknown` for none."""
    found = {_stated(recipe)} if _stated(recipe) else {licence for stated in licences.values() for licence in stated}
    if found <= {None}:
        return "unknown"
    only = str(next(iter(found))).lower()
    return only if len(found) == 1 and only in _HUB_LICENCES else "other"


def _body(contents: Contents) -> str:
    recipe, counts, report = contents.recipe, contents.counts, contents.report
    target = target_of(recipe)
    made_for = f" for {target.title} (`{recipe.target}`)" if target else ""
    parts = [
        f"# {_one_line(recipe.name)}\n\nTool-calling trajectories in the format `{recipe.format}`{made_for}, made with "
        "Turnwright.",
        "## How to load it\n\n" + _loading_section(target, contents),
        *([_files_section(report["container"], target)] if "container" in report else []),
        "## What is in it\n\n" + _files_table(contents.files) + "\n\n" + _table("domain", counts.by("domain")),
        _table("mode", counts.by("mode")) + "\n\n" + _table("outcome", counts.by("outcome")),
        _lengths_section(counts) + "\n\n" + _languages_section(counts),
        "## How it was made\n\n" + _METHOD,
        _table("assistant played by", counts.by("teacher")) + "\n\n" + _table("user played by", counts.by("user")),
        *([_batches_section(contents.batches)] if contents.batches else []),
        "## How it was judged\n\n" + _judges_section(counts),
        f"{counts.human} of {report['exported']} exported trajectories carry a human verdict or rating.",
        "## Which trajectories left\n\n" + _filter_section(recipe, report),
        f"Of {report['trajectories']} trajectories read, {report['exported']} gave {report['rows']} rows.",
        _table("dropped because of", report["dropped"]) if report["dropped"] else "None was dropped.",
        "## What the format does not carry\n\n" + _fidelity_section(report),
        "## Licence\n\n" + _licence_section(recipe, contents.licences),
        "## Known limits\n\n" + _limits_section(counts),
        "## Versions\n\n" + _versions_section(recipe, target),
    ]
    return "\n\n".join(parts) + "\n"


_METHOD = (
    "Each task was drawn by seed from a domain pack and proven first: its reference chain of calls was replayed in a "
    "sandbox. Then user and assistant talked, and every call was really executed on a fresh copy of the domain's "
    "workspace. Rules, the end state, the facts in the answers and, where one was asked, a model judged the result. "
    "Rows whose teacher is `reference` were written by no model: wording comes from templates, calls and answers from "
    "the proven chain."
)


_TOKENS = (
    "Some texts hold control tokens of models as plain text. Where a trainer's tokenizer reads them as tokens, a turn "
    "seems to end there: have it encode texts without special tokens, or leave out the rows that report.json names."
)


def _loading_section(target: Target | None, contents: Contents) -> str:
    """Return how `datasets` loads the folder, the settings that the target needs, how it masks turns, and which
    versions of `datasets` read its rows."""
    parts = [
        'In the unpacked folder; once it is on the hub, with `"USER/NAME"` in place of `os.getcwd()`:\n\n```python\n'
        f"{LOADING}\n```"
    ]
    file = contents.files[0].name
    if file.endswith(".jsonl"):
        parts.append(
            "`datasets` wants one type in each column. Where it finds two, as in arguments of calls or in traces, it "
            f"refuses the file, and plain Python reads it:\n\n```python\n{READING.format(file=file)}\n```"
        )
    if file.endswith(".zst"):
        parts.append("For files that end in .zst, `datasets` needs the package `zstandard`.")
    if target:
        parts.append(f"{target.title} needs these settings; with others it may train what it must not:")
        parts.append(f"```{target.language}\n{target.settings_for(contents.loaded, contents.recipe.container)}\n```")
        parts.append(target.masking)
        parts += [datasets_line(target)] if target.datasets else []
    return "\n\n".join(parts)


def _files_table(files: Sequence[DataFile]) -> str:
    rows = [f"| {file.name} | {file.split} | {file.rows} | {file.size} | `{file.sha256}` |" for file in files]
    return "\n".join(["| file | split | rows | bytes | SHA-256 |", "|---|---|---:|---:|---|", *rows])


def _lengths_section(counts: CardCounts) -> str:
    """Return how long the trajectories are."""
    spreads, total = counts.spreads(), counts.seen.total()
    rows = [f"| {name} | {one.half} | {one.nine_in_ten} | {one.all} | {one.known} |" for name, one in spreads.items()]
    head = "| length of a trajectory | half have at most | 90 % have at most | longest | known of |"
    notes = "Characters are those of messages and thoughts, without arguments of calls."
    if MEASURES[-1] not in spreads:
        notes += " How many tokens the assistant wrote is not known of any."
    return "\n".join([head, "|---|---:|---:|---:|---:|", *rows, "", f"Of {total} trajectories. {notes}"])


def _languages_section(counts: CardCounts) -> str:
    """Return the languages and in how many trajectories they were looked for."""
    looked_at, total = counts.languages.total(), counts.seen.total()
    if not looked_at:
        return "The languages were not measured."
    which = "all" if looked_at == total else f"{looked_at} of {total}"
    how = f"Measured on what user and assistant say in {which} trajectories"
    if looked_at < total:
        how += f": the first {FIRST_OF_BATCH} of each batch, and every {EVERY_FURTHER}th behind them"
    return f"{_table('language', counts.languages)}\n\n{how}."


def _batches_section(names: Sequence[str]) -> str:
    """Return the batch files and how to run one again."""
    lines = [f"- `python -m engine run {name}`" for name in names]
    told = "These batches gave the trajectories; each file runs its batch again, under the same seed:"
    return "\n".join([told, "", *lines, "", "Addresses of models are left out; name those of yours in the file."])


def _judges_section(counts: CardCounts) -> str:
    """Return who gave which scores, and how often one could not be measured."""
    rows: dict[tuple[str, ...], list[int]] = {}
    for (*told, measured), count in counts.scores.items():
        rows.setdefault(tuple(told), [0, 0])[not measured] += count
    if not rows:
        return "No judge measured these dialogues."
    lines = [
        f"| {' | '.join(_one_line(text or 'none') for text in told)} | {measured} | {unmeasured} |"
        for told, (measured, unmeasured) in sorted(rows.items())
    ]
    head = "| score | judge | method | model | version | measured | not measured |"
    models = counts.by("judge")
    said = _table("model that judged", models) if models else "No model judged these dialogues."
    return "\n".join([head, "|---|---|---|---|---|---:|---:|", *lines, "", said])


def _limits_section(counts: CardCounts) -> str:
    """Return what the rows are not good for and what nobody measured."""
    total = counts.seen.total()
    unmeasured = counts.by("outcome").get("unmeasured", 0)
    without_model = sum(count for name, count in counts.by("teacher").items() if name == "reference")
    lines = [
        "- The users are simulated, the records invented; names and numbers belong to nobody.",
        "- Wording is only as varied as the templates, personas and models behind it.",
        "- Splits are drawn by task, so attempts at one task never straddle them; tasks of one template do. A score on "
        "a split says how well a model does kinds of tasks that it has seen, not new ones.",
        "- Not good for measuring a model that was trained on it, for other domains than those above, or as examples "
        "of how real customers write.",
        "- No check against public benchmarks was made. Nobody looked for bias, and for harm only as far as the rules "
        "of the domains do.",
        "- Turnwright trains nothing; what a model learns from these rows has not been measured here.",
    ]
    if unmeasured:
        lines.append(f"- Whether the task was solved was not measured in {unmeasured} of {total} trajectories.")
    if without_model:
        lines.append(
            f"- {without_model} of {total} trajectories hold no words of a model: not good for learning style."
        )
    return "\n".join(lines)


def _versions_section(recipe: Recipe, target: Target | None) -> str:
    lines = [f"- Turnwright {VERSION}", f"- The folder is read by {LOADED_WITH} in a test."]
    if target:
        of = f" ({target.tried_with})" if target.tried_with else ""
        lines.append(f"- {target.title}{of}: {TRIED[target.tried]}.")
    return "\n".join(lines)


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
