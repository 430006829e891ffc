"""The plug-ins that a batch names: who plays and who judges, with which options, and which models they ask."""

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
    """Return every plug-in of a batch that does not exist, and every option that it does not take, by field, and by
    line where the source holds the file that the batch was read from."""
    errors: list[InputError] = []
    for kind, path, choice in _choices(batch):
        known = plugins.names(kind)
        if choice.name not in known:
            told = plugins.absent(kind, choice.name)
            errors.append(source.refusal(path, told, f"Choose one of: {', '.join(known)}."))
        else:
            errors += plugins.refused_options(kind, choice, source, path)
    return errors


def _choices(batch: Batch) -> Iterator[tuple[str, tuple[str | int, ...], Choice]]:
    """Yield (kind, field, choice) of everybody who plays or judges."""
    yield "teachers", ("teacher",), batch.teacher
    yield "users", ("user",), batch.user
    for number, judge in enumerate(batch.judges):
        yield "judges", ("judges", number), judge
