"""Targets: which export options and settings give a consumer a file that it reads as it should.

A consumer ignores without notice what it does not know, so a recipe may name the one it is for. Each file of
engine/targets, or module that a package offers in the group turnwright.targets, holds `FORMS`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any, Literal

from engine import plugins
from engine.errors import InputError
from engine.examples import TargetExample
from engine.types import Compression, Container, ContainerKind, Recipe

SFT = "sft"
_ANY_DATASETS = "4.0"
"""The oldest version of `datasets` that a consumer asks for."""
_KIND = "targets"
Untrained = Literal["mask", "cut"]
Group = Literal["trainers", "hosted", "datasets", "traces"]
GROUPS: Mapping[Group, str] = {
    "trainers": "Trainers",
    "hosted": "Hosted training",
    "datasets": "Data sets",
    "traces": "Traces and environments",
}
"""What each group of targets is called, in the order in which they are listed."""
Tried = Literal["loader", "consumers", "types", "documents"]
TRIED: Mapping[Tried, str] = {
    "loader": "its own code reads our rows in a test",
    "consumers": "its own code reads our rows in an environment of its own (make consumers)",
    "types": "our rows are held against the types that it publishes",
    "documents": "our rows are held against types that we wrote after its documentation and code",
}
"""How it is known that a consumer takes the rows."""


@dataclass(frozen=True)
class Target:
    """One way of using an export with one consumer, most often training with one trainer.

    title: its name in the UI. line: one sentence on the file that it gets. format: the exporter.
    options: the values that each option of the exporter may have, the default first; an option that is not named may
        have any value.
    untrained: for each choice of `Recipe.untrained` that is possible here, the default first, what happens to a turn
        that a human rejected.
    masking: for the dataset card: how the trainer is kept from training a masked turn.
    settings: configuration of the trainer without which it would train other turns, in `language`. $file and $split
        stand for the first data file and its split, $stem for that file's name without suffix, $files for all files as
        a JSON object by split, $loader for the name under which `datasets` reads such files ("json" or "parquet").
    ignores: what the format carries and the trainer does not read.
    group: under which heading it is listed. usual: it is among the few that are offered first.
    tried: how it is known that the consumer takes the rows. tried_with: the packages and versions that this was known
        of, "" where it is a convention without a package.
    trains: False where nothing is trained from them. repository: its exports get a croissant.json beside the card.
    rejected_too: it needs what the judges rejected, so a recipe for it always takes that.
    containers: the kinds of files that it reads, the default first. packed: how JSON files may be compressed for it.
    sharded: whether it reads several files a split; $file and $files then hold a pattern.
    json_type: its `datasets` turns Arrow's type for JSON back into objects, so arguments in Parquet have that type.
    datasets: the oldest version of `datasets` that loads its rows; "" where it does not use that library.
    """

    title: str
    line: str
    format: str
    options: Mapping[str, tuple[Any, ...]]
    untrained: Mapping[Untrained, str]
    masking: str
    settings: str
    language: str
    ignores: tuple[str, ...] = ()
    group: Group = "trainers"
    usual: bool = False
    tried: Tried = "documents"
    tried_with: str = ""
    trains: bool = True
    rejected_too: bool = False
    containers: tuple[ContainerKind, ...] = ("jsonl",)
    packed: tuple[Compression, ...] = ("none",)
    sharded: bool = False
    json_type: bool = False
    datasets: str = ""
    repository: bool = False

    def settings_for(self, files: Mapping[str, str], container: Container | None = None) -> str:
        """Return the settings with the names of the data files (by split) in their container filled in."""
        split = next(iter(files))
        filled = Template(self.settings).substitute(
            file=files[split],
            split=split,
            stem=Path(files[split]).stem,
            files=json.dumps(dict(files)),
            loader="parquet" if container is not None and container.kind == "parquet" else "json",
        )
        return filled.strip("\n")


ENDS: Mapping[Untrained, str] = MappingProxyType({"cut": "ends the dialogue, and what follows is left out"})
"""`untrained` of a Target whose rows end before the first turn that must not be trained."""
NOT_EXPECTED: Mapping[Untrained, str] = MappingProxyType(
    {"mask": "is not among the calls that are expected", "cut": "ends what is expected"}
)
"""`untrained` of a Target whose rows are tasks with what is expected of the whole dialogue."""
REWARDED_STEPS: Mapping[str, Any] = MappingProxyType(
    {
        "untrained": {"mask": "is read, and no row expects it", **ENDS},
        "masking": "The model is rewarded for what it writes itself. An answer that must not be trained is expected in "
        "no row; it is read where the dialogue goes on after it.",
        "trains": False,
    }
)
"""The fields of a Target whose rows are single steps: the dialogue so far, and what is expected next."""
BY_ROLE: Mapping[str, Any] = MappingProxyType(
    {"masked": ("cut",), "turn_flag": ("none",), "loss": ("none",), "split_untrained": (False,)}
)
"""Options of chat_jsonl for a trainer that reads no flag and trains every turn of the assistant that it sees."""
BY_DATASETS: Mapping[str, Any] = MappingProxyType(
    {
        "containers": ("jsonl", "json", "parquet"),
        "packed": ("none", "gzip", "zstd"),
        "sharded": True,
        "datasets": "4.0",
    }
)
"""The fields of a Target whose settings call `load_dataset("$loader", data_files=$files)`."""


DATASETS_TRIED = ("4.0.0", "4.3.0", "5.2.0")
"""Versions of `datasets` with which the rows of all targets are loaded in tests/targets/test_datasets_versions.py."""


def datasets_line(target: Target) -> str:
    """Return a sentence on the versions of `datasets` that load a target's rows."""
    line = f"The rows load with `datasets` {target.datasets} or newer (tried: {', '.join(DATASETS_TRIED)})."
    if target.datasets == _ANY_DATASETS:
        return line
    return (
        f"{line} Older ones refuse a file in which one argument has values of two types, and all of them one in which "
        "an argument is an integer beyond 64 bits."
    )


def newer_datasets_lines() -> list[str]:
    """Return a line for each version of `datasets` beyond the oldest that some targets need, with their names."""
    found: dict[str, list[str]] = {}
    for name in names():
        found.setdefault(find(name).datasets, []).append(name)
    return [f"{version} or newer for {', '.join(found[version])}" for version in sorted({*found} - {"", _ANY_DATASETS})]


def names() -> list[str]:
    """Return the names of all targets, sorted: `trl` for the usual form of a file, `trl/NAME` for any other."""
    found = []
    for consumer, place in plugins.places(_KIND).items():
        with suppress(InputError):
            forms = _forms(place)
            found += [consumer if form == _usual_form(forms) else f"{consumer}/{form}" for form in forms]
    return sorted(found)


def in_groups() -> list[str]:
    """Return the names of all targets in the order of their groups, those of one group sorted."""
    order = list(GROUPS)
    return sorted(names(), key=lambda name: (order.index(find(name).group), name))


def broken() -> list[str]:
    """Return a sentence with the reason for each file of a trainer that cannot be used."""
    lines = plugins.hidden(_KIND)
    for place in plugins.places(_KIND).values():
        try:
            _forms(place)
        except InputError as error:
            lines.append(str(error))
    return lines


def find(name: str) -> Target:
    """Return a target. Raises InputError when there is none of that name."""
    consumer, slash, form = name.partition("/")
    place = plugins.places(_KIND).get(consumer)
    if place is not None:
        forms = _forms(place)
        if (found := forms.get(form if slash else _usual_form(forms))) is not None:
            return found
    raise InputError("target", f"there is no target {name!r}.", f"Choose one of: {', '.join(names())}.")


def _usual_form(forms: Mapping[str, Target]) -> str:
    """Return the form that the name of a file alone stands for: sft, or the only one; "" where it stands for none."""
    return SFT if SFT in forms else next(iter(forms)) if len(forms) == 1 else ""


def _forms(place: plugins.Place) -> Mapping[str, Target]:
    """Return the targets of a file by form. Raises InputError when it cannot be imported or holds none."""
    forms = getattr(plugins.imported(place), "FORMS", None)
    if not isinstance(forms, Mapping) or not forms or not all(isinstance(one, Target) for one in forms.values()):
        raise InputError(str(place), "holds no target.", "It needs FORMS, with a Target for each way of training.")
    return forms


def rule_of(name: str) -> TargetExample | None:
    """Return what the consumer of a target trains of a row, as its file shows it; None where it does not. Raises
    InputError for an unknown name."""
    find(name)
    consumer, _, form = name.partition("/")
    module = plugins.imported(plugins.places(_KIND)[consumer])
    usual: TargetExample | None = getattr(module, "EXAMPLE", None)
    others: Mapping[str, TargetExample] = getattr(module, "EXAMPLES", {})
    return others.get(form) if form else usual


def writes_table(recipe: Recipe) -> bool:
    """Return whether the format of a recipe is a table with columns of its own (engine/exporting/table.py), which
    takes no container. Raises InputError for an unknown target."""
    target = target_of(recipe)
    return is_table(recipe.format if target is None else target.format)


def is_table(format: str) -> bool:
    """Return whether an exporter writes a table."""
    found = plugins.load("exporters", format).make if format in plugins.names("exporters") else None
    return getattr(found, "columns", None) is not None


def target_of(recipe: Recipe) -> Target | None:
    """Return the target that a recipe names, None when it names none. Raises InputError for an unknown name."""
    return None if recipe.target is None else find(recipe.target)


def for_target(recipe: Recipe) -> Recipe:
    """Return the recipe with the target's format, options, `untrained` and container filled in; without a target as it
    is. A container of plain JSON Lines becomes None.

    A format or `untrained` at the default of a Recipe counts as not chosen, as does an option that is not given.
    Raises InputError for a choice that the target does not allow, and for a container of a format that writes a table.
    """
    if recipe.container is not None and writes_table(recipe):
        problem = f"{recipe.target or recipe.format} writes a table, whose kind of file is an option of its own."
        raise InputError("container", problem, "Leave the kind of file, its compression and shards open.")
    target = target_of(recipe)
    if target is None:
        plain = recipe.container is not None and recipe.container.is_plain
        return recipe.model_copy(update={"container": None}) if plain else recipe
    if recipe.format not in (Recipe.model_fields["format"].default, target.format):
        raise _other_format(recipe.target, target, recipe.format)
    options = dict(recipe.options)
    for name, allowed in target.options.items():
        given = options.setdefault(name, allowed[0])
        if given not in allowed:
            raise InputError(f"option {name}", *_wrong_option(recipe.target, name, given, allowed))
    untrained = recipe.untrained if recipe.untrained in target.untrained else next(iter(target.untrained))
    changes: dict[str, Any] = {"format": target.format, "options": options, "untrained": untrained}
    changes["container"] = _suitable(recipe, target)
    if target.rejected_too:
        changes["include_rejected"] = True
    return recipe.model_copy(update=changes)


def _suitable(recipe: Recipe, target: Target) -> Container | None:
    """Return the container of a recipe for a target, None for plain JSON Lines. Raises InputError for one that the
    target does not read."""
    chosen = recipe.container or Container(kind=target.containers[0])
    wanted = _container_refusal(chosen, target)
    if wanted:
        problem = f"{recipe.target} does not read {chosen.ending}{' in shards' if chosen.sharded else ''}: it {wanted}."
        raise InputError("container", problem, "Leave it open, or name no target.")
    return None if chosen.is_plain else chosen


def _container_refusal(chosen: Container, target: Target) -> str:
    """Return what a target reads instead of a container; "" where it reads that."""
    if chosen.kind not in target.containers:
        return f"reads {' or '.join(target.containers)}"
    if chosen.kind != "parquet" and chosen.packed not in target.packed:
        return f"reads it with the compression {' or '.join(target.packed)}"
    return "reads one file a split" if chosen.sharded and not target.sharded else ""


def check_choice(target: str, format: str | None, untrained: str | None) -> None:
    """Raise InputError when a target does not read the chosen format or cannot treat rejected turns as chosen; None
    stands for no choice."""
    found = find(target)
    if format is not None and format != found.format:
        raise _other_format(target, found, format)
    if untrained is not None and untrained not in found.untrained:
        move = f"Choose {' or '.join(found.untrained)}, or leave it open."
        raise InputError("untrained", f"{target} cannot do {untrained!r}. {found.masking}", move)


def _other_format(name: str | None, target: Target, format: str) -> InputError:
    problem = f"{name} reads {target.format}, not {format}."
    return InputError("format", problem, "Leave the format open, or name no target.")


def _wrong_option(target: str | None, name: str, given: Any, allowed: tuple[Any, ...]) -> tuple[str, str]:
    wanted = " or ".join(_value_text(value) for value in allowed)
    return f"{_value_text(given)} does not suit {target}, which needs {wanted}.", "Leave it open, or name no target."


def _value_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
