"""The plug-ins that a batch names (teacher, user, judges): their options, and the models that they need."""

from __future__ import annotations

from collections.abc import Iterator

from engine import plugins
from engine.errors import InputError
from engine.reading.places import Source
from engine.types import Batch, Choice, ModelRole


def roles_asked(batch: Batch) -> list[ModelRole]:
    """Return the roles for which the batch needs a model, each once. Raises InputError for an unknown plug-in."""
    found = [plugins.load(kind, choice.name).make.asks for kind, _, choice in _choices(batch)]
    return list(dict.fromkeys(role for role in found if role is not None))


def refused_choices(batch: Batch, source: Source) -> list[InputError]:
    """Return an error for every plug-in of a batch that does not exist, and for every option that one does not take,
    with its field, and its line when the source holds the batch's file."""
    errors: list[InputError] = []
    for kind, path, choice in _choices(batch):
        known = plugins.names(kind)
        if choice.name not in known:
            problem = plugins.absent(kind, choice.name)
            errors.append(source.refusal(path, problem, f"Choose one of: {', '.join(known)}."))
        else:
            errors += plugins.refused_options(kind, choice, source, path)
    return errors


def _choices(batch: Batch) -> Iterator[tuple[str, tuple[str | int, ...], Choice]]:
    """Yield (kind, field, choice) of the teacher, the user and each judge."""
    yield "teachers", ("teacher",), batch.teacher
    yield "users", ("user",), batch.user
    for number, judge in enumerate(batch.judges):
        yield "judges", ("judges", number), judge
