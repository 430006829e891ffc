"""What a trainer reads, and what it passes over without a word: the options and settings that a file for it needs.

A file of engine/targets, or a module that a package offers in the group turnwright.targets, holds `FORMS`.
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


@dataclass(frozen=True)
class Target:
    """One way in which one trainer trains.

    `title` is its name for people, `line` one sentence on the file that it gets. `format` names the exporter;
    `options` gives the values that an option of it may have here, the first of them unless another is asked for (an
    option that is not named may have any). `untrained` says, for each choice of `Recipe.untrained` that makes a
    difference here, what becomes of a turn that a human rejected; the first is what happens unless another is chosen.
    `masking` tells the reader of the dataset card how a turn that must not be trained stays so. `settings` are the
    lines of the trainer's configuration without which it would train otherwise, in `language`; $file and $split stand
    for the first of each, $stem for the file without its suffix, $files for all of them (JSON, by split). `ignores` is
    what the format carries and the trainer does not read.
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

    def settings_for(self, files: Mapping[str, str]) -> str:
        """Return the lines for files of these names, by split."""
        split = next(iter(files))
        told = Template(self.settings).substitute(
            file=files[split], split=split, stem=Path(files[split]).stem, files=json.dumps(dict(files))
        )
        return told.strip("\n")


def names() -> list[str]:
    """Return the name of every target, sorted: `trl`, or `trl/NAME` for another form than sft."""
    found = []
    for trainer, place in plugins.places(_KIND).items():
        with suppress(InputError):
            found += [trainer if form == SFT else f"{trainer}/{form}" for form in _forms(place)]
    return sorted(found)


def broken() -> list[str]:
    """Return a sentence for each trainer's file that is there and cannot be used, with the reason."""
    told = plugins.hidden(_KIND)
    for place in plugins.places(_KIND).values():
        try:
            _forms(place)
        except InputError as error:
            told.append(str(error))
    return told


def find(name: str) -> Target:
    """Return a target. Raises InputError when there is none of that name."""
    trainer, slash, form = name.partition("/")
    place = plugins.places(_KIND).get(trainer)
    if place is not None and (found := _forms(place).get(form if slash else SFT)) is not None:
        return found
    raise InputError("target", f"there is no target {name!r}.", f"Choose one of: {', '.join(names())}.")


def _forms(place: plugins.Place) -> Mapping[str, Target]:
    """Return the targets of a file by the name of their form. Raises InputError when it holds none."""
    forms = getattr(plugins.imported(place), "FORMS", None)
    if not isinstance(forms, Mapping) or not forms or not all(isinstance(one, Target) for one in forms.values()):
        raise InputError(str(place), "holds no target.", "It needs FORMS, with a Target for each way of training.")
    return forms


def target_of(recipe: Recipe) -> Target | None:
    """Return the target of a recipe, or None. Raises InputError when there is none of that name."""
    return None if recipe.target is None else find(recipe.target)


def aimed(recipe: Recipe) -> Recipe:
    """Return the recipe with what its target sets filled in; one without a target as it is.

    A format or `untrained` that stands at the default of a Recipe counts as not chosen, and so does an option that is
    not given. Raises InputError for a choice that the target does not allow.
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
            raise InputError(f"option {name}", *_refusal(recipe.target, name, given, allowed))
    untrained = recipe.untrained if recipe.untrained in target.untrained else next(iter(target.untrained))
    return recipe.model_copy(update={"format": target.format, "options": options, "untrained": untrained})


def check_choice(target: str, format: str | None, untrained: str | None) -> None:
    """Raise InputError when somebody asks for a format that a target does not read, or for what it cannot do with a
    turn that is not to be trained; None is no choice."""
    found = find(target)
    if format is not None and format != found.format:
        raise _other_format(target, found, format)
    if untrained is not None and untrained not in found.untrained:
        move = f"Choose {' or '.join(found.untrained)}, or leave it open."
        raise InputError("untrained", f"{target} cannot do {untrained!r}. {found.masking}", move)


def _other_format(name: str | None, target: Target, format: str) -> InputError:
    problem = f"{name} reads {target.format}, not {format}."
    return InputError("format", problem, "Leave the format open, or name no target.")


def _refusal(target: str | None, name: str, given: Any, allowed: tuple[Any, ...]) -> tuple[str, str]:
    wanted = " or ".join(_said(value) for value in allowed)
    return f"{_said(given)} does not suit {target}, which needs {wanted}.", "Leave it open, or name no target."


def _said(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
