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
from typing import Any, Literal

from engine import plugins
from engine.errors import InputError
from engine.types import Recipe

SFT = "sft"
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
Tried = Literal["loader", "types", "documents"]
TRIED: Mapping[Tried, str] = {
    "loader": "its own code reads our rows in a test",
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
        a JSON object by split.
    ignores: what the format carries and the trainer does not read.
    group: under which heading it is listed. usual: it is among the few that are offered first.
    tried: how it is known that the consumer takes the rows. tried_with: the packages and versions that this was known
        of, "" where it is a convention without a package.
    trains: False where nothing is trained from them. repository: its exports get a croissant.json beside the card.
    rejected_too: it needs what the judges rejected, so a recipe for it always takes that.
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
    repository: bool = False

    def settings_for(self, files: Mapping[str, str]) -> str:
        """Return the settings with the names of the data files (by split) filled in."""
        split = next(iter(files))
        filled = Template(self.settings).substitute(
            file=files[split], split=split, stem=Path(files[split]).stem, files=json.dumps(dict(files))
        )
        return filled.strip("\n")


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


def target_of(recipe: Recipe) -> Target | None:
    """Return the target that a recipe names, None when it names none. Raises InputError for an unknown name."""
    return None if recipe.target is None else find(recipe.target)


def for_target(recipe: Recipe) -> Recipe:
    """Return the recipe with the target's format, options and `untrained` filled in; unchanged without a target.

    A format or `untrained` at the default of a Recipe counts as not chosen, as does an option that is not given.
    Raises InputError for a choice that the target does not allow.
    """
    target = target_of(recipe)
    if target is None:
        return recipe
    if recipe.format not in (Recipe.model_fields["format"].default, target.format):
        raise _other_format(recipe.target, target, recipe.format)
    options = dict(recipe.options)
    for name, allowed in target.options.items():
        given = options.setdefault(name, allowed[0])
        if given not in allowed:
            raise InputError(f"option {name}", *_wrong_option(recipe.target, name, given, allowed))
    untrained = recipe.untrained if recipe.untrained in target.untrained else next(iter(target.untrained))
    changes: dict[str, Any] = {"format": target.format, "options": options, "untrained": untrained}
    if target.rejected_too:
        changes["include_rejected"] = True
    return recipe.model_copy(update=changes)


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
